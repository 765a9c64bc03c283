// The facts of one request (or one TCP connection), filled in by the data path and read once, when its access log line is written.
// A record is mutable while its request lives and is never touched again after the line; strings are '' and counts 0 where nothing is known.
import type { JsonObject } from '@bufbuild/protobuf';
import { type LogType, logTypes } from '#telemetry/log-type.ts';

/** Facts that all requests of one downstream connection share. Addresses as `ip:port`. */
export type ConnectionFacts = {
  /** Counts from 1 within a process. */
  readonly id: number;
  /** Where the client wanted to connect to, whoever accepted. */
  readonly localAddress: string;
  readonly localIp: string;
  readonly localPort: number;
  /** The connection was redirected here: the client knows nothing of this proxy. */
  readonly restored?: true;
  /** The peer of the socket, or the client that a PROXY header named. */
  readonly directRemoteAddress: string;
  readonly directRemoteIp: string;
  readonly directRemotePort: number;
  /** Who really connected, where a PROXY header named somebody else. */
  readonly sender?: { readonly address: string; readonly ip: string; readonly port: number };
  /** SNI, or ''. */
  readonly serverName: string;
  /** `TLSv1.3`, or '' on plaintext. */
  readonly tlsVersion: string;
  readonly tlsCipher: string;
  /** URI SANs of the verified client certificate, and of our own. */
  readonly peerUriSans: readonly string[];
  readonly localUriSans: readonly string[];
  readonly peerSubject: string;
  /** The other names (otherName) of the verified client certificate, joined by ','; '' where it has none. */
  readonly peerOtherNames: string;
};

export type AccessRecord = {
  readonly connection: ConnectionFacts;
  /** Why it is written. */
  logType: LogType;
  /** Wall clock at the request's start, milliseconds since the epoch. */
  startTimeMs: number;
  /** Milliseconds from the start to: the end of everything, the request's last byte in, the first and the last response byte. -1: never. */
  durationMs: number;
  requestDurationMs: number;
  responseDurationMs: number;
  responseTxDurationMs: number;

  method: string;
  scheme: string;
  authority: string;
  /** Path with query, as forwarded; x-envoy-original-path is among the headers where it was rewritten. */
  path: string;
  /** `HTTP/1.1`, `HTTP/2`; '' for a TCP connection. */
  protocol: string;
  /** Name, value, name, value …; names in lower case. */
  requestHeaders: readonly string[];
  responseHeaders: readonly string[];
  responseTrailers: readonly string[];

  /** 0: no response. */
  responseCode: number;
  /** Envoy's short flags joined by ',', `UH` or `NR`; '' when nothing went wrong. */
  responseFlags: string;
  responseCodeDetails: string;
  connectionTerminationDetails: string;
  upstreamTransportFailureReason: string;
  /** Set only while a local reply's body is formatted; '' when the access log line is written. */
  localReplyBody: string;

  bytesReceived: number;
  bytesSent: number;

  /** Client address after x-forwarded-for was trusted or not; the socket's peer by default. */
  remoteAddress: string;
  remoteIp: string;
  /** Endpoint `ip:port`, our side of that connection, and the cluster's name. */
  upstreamHost: string;
  upstreamLocalAddress: string;
  upstreamCluster: string;
  upstreamProtocol: string;
  /** URI SANs of the endpoint's verified certificate, and of our own there; '' on plaintext. */
  upstreamPeer: string;
  upstreamOwnName: string;
  /** The texts in the filter metadata of the cluster and of the endpoint, by `namespace:key`. */
  clusterMetadata: ReadonlyMap<string, string>;
  upstreamMetadata: ReadonlyMap<string, string>;
  /** 0 where the request never reached a pool. */
  upstreamAttempts: number;

  routeName: string;
  virtualHost: string;
  /** The texts in the route's filter metadata, by `namespace:key`, such as `istio:config`. */
  routeMetadata: ReadonlyMap<string, string>;
  /** What filters found out about the request, by the filter's name; undefined: nothing. */
  dynamicMetadata: ReadonlyMap<string, JsonObject> | undefined;
};

/** A record with nothing known yet but its connection and its start. */
export function newAccessRecord(connection: ConnectionFacts, startTimeMs: number): AccessRecord {
  return {
    connection,
    logType: logTypes.downstreamEnd,
    startTimeMs,
    durationMs: -1,
    requestDurationMs: -1,
    responseDurationMs: -1,
    responseTxDurationMs: -1,
    method: '',
    scheme: '',
    authority: '',
    path: '',
    protocol: '',
    requestHeaders: nothing,
    responseHeaders: nothing,
    responseTrailers: nothing,
    responseCode: 0,
    responseFlags: '',
    responseCodeDetails: '',
    connectionTerminationDetails: '',
    upstreamTransportFailureReason: '',
    localReplyBody: '',
    bytesReceived: 0,
    bytesSent: 0,
    remoteAddress: connection.directRemoteAddress,
    remoteIp: connection.directRemoteIp,
    upstreamHost: '',
    upstreamLocalAddress: '',
    upstreamCluster: '',
    upstreamProtocol: '',
    upstreamPeer: '',
    upstreamOwnName: '',
    clusterMetadata: noMetadata,
    upstreamMetadata: noMetadata,
    upstreamAttempts: 0,
    routeName: '',
    virtualHost: '',
    routeMetadata: noMetadata,
    dynamicMetadata: undefined,
  };
}

const nothing: readonly string[] = [];
const noMetadata: ReadonlyMap<string, string> = new Map();
