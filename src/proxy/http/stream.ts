// The seam between codecs and the HTTP connection manager: one request and its response, whatever the version on the wire.
// HTTP/1.1 and HTTP/2 implement both interfaces; filters, router and pools see nothing else. All calls happen on one thread; none throws.

import type { UpstreamNames } from '#proxy/upstream/upstream-names.ts';
import type { ConnectionFacts } from '#telemetry/access-record.ts';

/** Fields in wire order: name, value, name, value … Names are lower case. `host` and pseudo headers are not in here. */
export type HeaderList = string[];

export type RequestHead = {
  method: string;
  scheme: 'http' | 'https';
  /** Host header or :authority, as sent. */
  authority: string;
  /** Path with query, origin form (an absolute-form target is already split into scheme, authority and path). */
  path: string;
  readonly headers: HeaderList;
  readonly version: HttpVersion;
};

export type ResponseHead = { status: number; readonly headers: HeaderList };

export type HttpVersion = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';

/** Why a stream ended before its end, from the peer's or the codec's side. */
export type ResetReason =
  | 'remote-reset'
  | 'connection-closed'
  | 'connect-failed'
  | 'connect-timeout'
  | 'protocol-error'
  | 'refused'
  | 'overflow'
  | 'local-reset'
  | 'tls-failed';

/** What the downstream codec calls for each request. The manager sets `receiver` on the stream before returning. */
export type RequestHandler = {
  readonly onRequest: (stream: ServerStream) => void;
  /**
   * A head that cannot be accepted. The stream holds what was understood of it; the manager answers and logs, the codec closes after
   * the answer. Nothing of the body follows.
   */
  readonly onRefused: (stream: ServerStream, refusal: RequestRefusal) => void;
};

/** Why a codec does not take a request: Envoy's status, response flag and response code details. */
export type RequestRefusal = {
  readonly status: 400 | 408 | 414 | 426 | 431 | 501 | 505;
  readonly flag: 'DPE' | 'SI' | '';
  readonly details: string;
};

/** The receiving half of a message body. `onEnd` is the last call unless `onReset` comes instead. */
export type BodyReceiver = {
  readonly onData: (chunk: Buffer) => void;
  /** Trailers are undefined where the message had none. */
  readonly onEnd: (trailers: HeaderList | undefined) => void;
  /** `detail` is the transport's own words (`connect ECONNREFUSED …`, the codec's error), for details and log lines. */
  readonly onReset: (reason: ResetReason, detail?: string) => void;
  /** The peer took what was buffered: writing may go on. */
  readonly onWritable: () => void;
};

/** One request from downstream and the way to answer it. */
export type ServerStream = {
  readonly request: RequestHead;
  /** False: the request ended with its head; `onEnd` is still called. */
  readonly hasBody: boolean;
  readonly connection: DownstreamConnection;
  receiver: BodyReceiver | undefined;
  /** Bytes of the request's and the response's body so far, for the access log. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Stops and resumes the flow of the request's body (back-pressure). */
  readonly pause: () => void;
  readonly resume: () => void;
  /** 100, 102, 103: may come before the response, any number of times. */
  readonly sendInformational: (head: ResponseHead) => void;
  readonly sendHead: (head: ResponseHead, endStream: boolean) => void;
  /** False: buffered beyond the high-water mark, wait for `onWritable`. */
  readonly sendData: (chunk: Uint8Array) => boolean;
  readonly sendEnd: (trailers?: HeaderList) => void;
  /** Gives up the stream: HTTP/1.1 closes the connection, HTTP/2 sends RST_STREAM. */
  readonly reset: (reason: ResetReason) => void;
  /** After sendHead(101) or a 2xx to CONNECT, data flows raw both ways through sendData and onData. */
  readonly becomeTunnel: () => void;
};

/** What the router knows of the connection a request came by. */
export type DownstreamConnection = {
  /** The same facts, formatted once, as every record of this connection shares them. */
  readonly facts: ConnectionFacts;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly tls: boolean;
  readonly serverName?: string;
  readonly peerNames?: readonly string[];
  /** SHA-256 of the verified client certificate in lower-case hexadecimal, for x-forwarded-client-cert. */
  readonly peerFingerprint?: string;
  /** That certificate in PEM; made when asked for. */
  readonly peerPem?: () => string;
  /** True from the start of draining: responses on HTTP/1.1 carry `connection: close`. */
  readonly draining: boolean;
};

/** One request to upstream. Made by a pool; its head is sent as soon as a connection is there. */
export type ClientStream = {
  readonly sendData: (chunk: Uint8Array) => boolean;
  readonly sendEnd: (trailers?: HeaderList) => void;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly reset: (reason: ResetReason) => void;
  readonly becomeTunnel: () => void;
};

/** Everything that can come back for a request. After `onReset` nothing follows. */
export type ResponseReceiver = BodyReceiver & {
  /** A connection was found or made; the head went out. Addresses as `address:port`. */
  readonly onConnected: (upstreamAddress: string, localAddress: string, names: UpstreamNames) => void;
  readonly onInformational: (head: ResponseHead) => void;
  readonly onHead: (head: ResponseHead, hasBody: boolean) => void;
};

/** Opens requests to one endpoint over pooled connections of one HTTP version. */
export type UpstreamPool = {
  readonly open: (head: RequestHead, hasBody: boolean, receiver: ResponseReceiver) => ClientStream;
  /** Requests under way, for least request balancing. */
  readonly activeRequests: number;
  /** No new requests; connections close as their requests end. */
  readonly drain: () => void;
  readonly destroy: () => void;
};
