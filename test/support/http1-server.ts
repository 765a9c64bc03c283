// An HTTP/1.1 server connection on a fake socket, with a handler that answers each request when it has ended and writes down what it saw.
import { systemClock } from '#base/clock.ts';
import type { BodyReceiver, DownstreamConnection, HeaderList, RequestRefusal, ResetReason, ServerStream } from '#proxy/http/stream.ts';
import { FieldNames } from '#proxy/http1/field-names.ts';
import { ServerConnection } from '#proxy/http1/server-connection.ts';
import { WriteBatch } from '#proxy/http1/write-batch.ts';
import { TimerWheel } from '#proxy/timer-wheel.ts';
import type { ConnectionFacts } from '#telemetry/access-record.ts';
import { FakeSocket } from '#test/support/fake-socket.ts';

const facts: ConnectionFacts = {
  id: 1,
  localAddress: '127.0.0.1:80',
  localIp: '127.0.0.1',
  localPort: 80,
  directRemoteAddress: '127.0.0.1:1',
  directRemoteIp: '127.0.0.1',
  directRemotePort: 1,
  serverName: '',
  tlsVersion: '',
  tlsCipher: '',
  peerUriSans: [],
  localUriSans: [],
  peerSubject: '',
  peerOtherNames: '',
};

export const testConnection: DownstreamConnection = {
  facts,
  remoteAddress: '127.0.0.1',
  remotePort: 1,
  localAddress: '127.0.0.1',
  localPort: 80,
  tls: false,
  draining: false,
};

/** What came of one request, as plain data. */
export type SeenRequest = {
  readonly line: string;
  readonly headers: HeaderList;
  body: string;
  trailers?: HeaderList;
  outcome: 'open' | 'ended' | `refused ${number}` | `reset ${ResetReason}`;
};

export type ServedBytes = { readonly requests: readonly SeenRequest[]; readonly written: string; readonly closed: boolean };

/** Feeds the pieces one after the other; the answer to each request is `200` with its number as body. */
export function serveBytes(pieces: readonly string[], acceptHttp10 = false): ServedBytes {
  const socket = new FakeSocket();
  const requests: SeenRequest[] = [];
  const wheel = new TimerWheel({ ...systemClock, after: () => () => {} });
  const rules = { maxHeadBytes: 4096, maxFields: 20, acceptHttp10, defaultHostForHttp10: '', scheme: 'http' as const };
  const times = {
    requestHeadersTimeoutMs: 0,
    idleTimeoutMs: 0,
    delayedCloseTimeoutMs: 1000,
    maxRequestsPerConnection: 0,
    maxConnectionDurationMs: 0,
  };
  const handler = {
    onRequest: (stream: ServerStream) => void (stream.receiver = new Recorder(stream, requests)),
    onRefused: (stream: ServerStream, refusal: RequestRefusal) => {
      const recorder = new Recorder(stream, requests);
      recorder.seen.outcome = `refused ${refusal.status}`;
      stream.sendHead({ status: refusal.status, headers: [] }, true);
    },
  };
  new ServerConnection(socket.asSocket, testConnection, handler, { rules, names: new FieldNames(), batch: new WriteBatch(), wheel, ...times });
  for (const piece of pieces) socket.feed(piece);
  return { requests, written: socket.written, closed: socket.writableEnded };
}

class Recorder implements BodyReceiver {
  readonly seen: SeenRequest;
  readonly #stream: ServerStream;
  readonly #number: number;

  constructor(stream: ServerStream, requests: SeenRequest[]) {
    const { method, scheme, authority, path, headers, version } = stream.request;
    this.#stream = stream;
    this.seen = { line: `${method} ${scheme} ${authority} ${path} ${version}`, headers, body: '', outcome: 'open' };
    this.#number = requests.push(this.seen);
  }

  onData(chunk: Buffer): void {
    this.seen.body += chunk.toString('latin1');
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.seen.outcome = 'ended';
    if (trailers !== undefined) this.seen.trailers = trailers;
    const body = Buffer.from(String(this.#number));
    this.#stream.sendHead({ status: 200, headers: ['content-length', String(body.length)] }, false);
    this.#stream.sendData(body);
    this.#stream.sendEnd();
  }

  onReset(reason: ResetReason): void {
    this.seen.outcome = `reset ${reason}`;
    if (reason === 'protocol-error') this.#stream.sendHead({ status: 400, headers: [] }, true);
  }

  onWritable(): void {}
}
