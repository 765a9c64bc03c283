// Envoy's access log command operators: a name and its argument in, a function that reads one value from a record out.
// Source: Envoy's "access log command operators". What the proxy cannot know is an error here, not a wrong value in a log.
import { hostname } from 'node:os';
import type { JsonValue } from '@bufbuild/protobuf';
import { failed, ok, type Result } from '#base/result.ts';
import type { AccessRecord } from '#telemetry/access-record.ts';
import { responseFlagNames } from '#telemetry/response-flags.ts';
import { compileTimeFormat, isoTimeText } from '#telemetry/start-time.ts';

/** Undefined: nothing is known, printed as '-' in text and as null in JSON. A number stays one in JSON. */
export type FieldReader = (record: AccessRecord) => string | number | undefined;

/** The reader of `%NAME(argument)%`; the error names the operator. */
export function compileOperator(name: string, argument: string | undefined): Result<FieldReader, string> {
  const plain = plainOperators[name];
  if (plain !== undefined) return ok(plain);
  const make = argumentOperators[name];
  if (make === undefined) return failed(`access log operator %${name}% is not known`);
  const made = make(argument);
  return made.ok ? made : failed(`access log operator %${name}%: ${made.error}`);
}

/** The first value of a header in a flat list of names and values. */
export function findHeader(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1];
  return undefined;
}

function text(value: string): string | undefined {
  return value === '' ? undefined : value;
}

function count(value: number): number | undefined {
  return value < 0 ? undefined : Math.floor(value);
}

function withoutPort(address: string): string | undefined {
  const colon = address.lastIndexOf(':');
  return text(colon < 0 ? address : address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'));
}

function portOf(address: string): number | undefined {
  const colon = address.lastIndexOf(':');
  return colon < 0 ? undefined : Number(address.slice(colon + 1));
}

const plainOperators: Readonly<Record<string, FieldReader>> = {
  PROTOCOL: (record) => text(record.protocol),
  UPSTREAM_PROTOCOL: (record) => text(record.upstreamProtocol),
  RESPONSE_CODE: (record) => record.responseCode,
  // '-' even in JSON, as Envoy has it.
  RESPONSE_FLAGS: (record) => (record.responseFlags === '' ? '-' : record.responseFlags),
  RESPONSE_FLAGS_LONG: (record) => (record.responseFlags === '' ? '-' : responseFlagNames(record.responseFlags)),
  RESPONSE_CODE_DETAILS: (record) => text(record.responseCodeDetails.replaceAll(' ', '_')),
  CONNECTION_TERMINATION_DETAILS: (record) => text(record.connectionTerminationDetails),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (record) => text(record.upstreamTransportFailureReason.replaceAll(' ', '_')),
  BYTES_RECEIVED: (record) => record.bytesReceived,
  BYTES_SENT: (record) => record.bytesSent,
  DURATION: (record) => count(record.durationMs),
  REQUEST_DURATION: (record) => count(record.requestDurationMs),
  REQUEST_TX_DURATION: (record) => count(record.requestDurationMs),
  RESPONSE_DURATION: (record) => count(record.responseDurationMs),
  RESPONSE_TX_DURATION: (record) => count(record.responseTxDurationMs),
  DOWNSTREAM_WIRE_BYTES_RECEIVED: (record) => record.bytesReceived + headBytes(record.requestHeaders) + record.method.length + record.path.length,
  DOWNSTREAM_WIRE_BYTES_SENT: (record) => record.bytesSent + headBytes(record.responseHeaders),
  UPSTREAM_HOST: (record) => text(record.upstreamHost),
  UPSTREAM_HOST_NAME: (record) => text(record.upstreamHost),
  UPSTREAM_CLUSTER: (record) => text(record.upstreamCluster),
  UPSTREAM_CLUSTER_RAW: (record) => text(record.upstreamCluster),
  UPSTREAM_LOCAL_ADDRESS: (record) => text(record.upstreamLocalAddress),
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (record) => withoutPort(record.upstreamLocalAddress),
  UPSTREAM_LOCAL_PORT: (record) => portOf(record.upstreamLocalAddress),
  UPSTREAM_REMOTE_ADDRESS: (record) => text(record.upstreamHost),
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (record) => withoutPort(record.upstreamHost),
  UPSTREAM_REMOTE_PORT: (record) => portOf(record.upstreamHost),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (record) => record.upstreamAttempts,
  DOWNSTREAM_LOCAL_ADDRESS: (record) => record.connection.localAddress,
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (record) => record.connection.localIp,
  DOWNSTREAM_LOCAL_PORT: (record) => record.connection.localPort,
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS: (record) => record.connection.localAddress,
  DOWNSTREAM_REMOTE_ADDRESS: (record) => record.remoteAddress,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (record) => record.remoteIp,
  DOWNSTREAM_REMOTE_PORT: (record) => portOf(record.remoteAddress),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: ({ connection }) => connection.sender?.address ?? connection.directRemoteAddress,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: ({ connection }) => connection.sender?.ip ?? connection.directRemoteIp,
  DOWNSTREAM_DIRECT_REMOTE_PORT: ({ connection }) => connection.sender?.port ?? connection.directRemotePort,
  DOWNSTREAM_TLS_VERSION: (record) => text(record.connection.tlsVersion),
  DOWNSTREAM_TLS_CIPHER: (record) => text(record.connection.tlsCipher),
  DOWNSTREAM_PEER_URI_SAN: (record) => text(record.connection.peerUriSans.join(',')),
  DOWNSTREAM_LOCAL_URI_SAN: (record) => text(record.connection.localUriSans.join(',')),
  // Of workloads: who they are in telemetry (the other name of their certificate).
  DOWNSTREAM_PEER_OTHERNAME_SAN: (record) => text(record.connection.peerOtherNames),
  UPSTREAM_PEER_URI_SAN: (record) => text(record.upstreamPeer),
  UPSTREAM_LOCAL_URI_SAN: (record) => text(record.upstreamOwnName),
  DOWNSTREAM_PEER_SUBJECT: (record) => text(record.connection.peerSubject),
  CONNECTION_ID: (record) => record.connection.id,
  REQUESTED_SERVER_NAME: (record) => text(record.connection.serverName),
  ROUTE_NAME: (record) => text(record.routeName),
  VIRTUAL_CLUSTER_NAME: () => undefined,
  LOCAL_REPLY_BODY: (record) => record.localReplyBody,
  STREAM_ID: (record) => findHeader(record.requestHeaders, 'x-request-id'),
  // No filter of ours sets any that could be printed, so nothing is what Envoy would print.
  FILTER_STATE: () => undefined,
  UPSTREAM_FILTER_STATE: () => undefined,
};

type MakeReader = (argument: string | undefined) => Result<FieldReader, string>;

const argumentOperators: Readonly<Record<string, MakeReader>> = {
  START_TIME: startTime,
  REQ: requestHeader,
  REQUEST_HEADER: requestHeader,
  REQ_WITHOUT_QUERY: requestWithoutQuery,
  RESP: (argument) => headerOperator(argument, responseHeader),
  RESPONSE_HEADER: (argument) => headerOperator(argument, responseHeader),
  TRAILER: (argument) => headerOperator(argument, (record, name) => findHeader(record.responseTrailers, name)),
  RESPONSE_TRAILER: (argument) => headerOperator(argument, (record, name) => findHeader(record.responseTrailers, name)),
  GRPC_STATUS: () => ok((record) => grpcStatusName(grpcStatus(record))),
  GRPC_STATUS_NUMBER: () => ok(grpcStatus),
  METADATA: routeMetadata,
  CLUSTER_METADATA: (argument) => textOfMetadata(argument, (record) => record.clusterMetadata),
  UPSTREAM_METADATA: (argument) => textOfMetadata(argument, (record) => record.upstreamMetadata),
  DYNAMIC_METADATA: dynamicMetadata,
  ENVIRONMENT: (argument) => {
    if (argument === undefined || argument === '') return failed('needs the name of a variable');
    const value = process.env[argument];
    return ok(() => value);
  },
  HOSTNAME: () => {
    const name = hostname();
    return ok(() => name);
  },
};

/** As the wire has it without compression of fields: each with what stands around it. */
function headBytes(headers: readonly string[]): number {
  let size = 0;
  // Names and values, `: ` and the end of the line: four bytes for two texts.
  for (const text of headers) size += text.length + 2;
  return size;
}

function textOfMetadata(argument: string | undefined, read: (record: AccessRecord) => ReadonlyMap<string, string>): Result<FieldReader, string> {
  if (argument === undefined || argument.split(':').length !== 2)
    return failed(`only texts are kept, as namespace:key, not ${argument ?? 'nothing'}`);
  return ok((record) => read(record).get(argument));
}

function startTime(argument: string | undefined): Result<FieldReader, string> {
  const time = argument === undefined || argument === '' ? ok(isoTimeText()) : compileTimeFormat(argument);
  if (!time.ok) return time;
  const format = time.value;
  return ok((record) => format(record.startTimeMs));
}

type ReadHeader = (record: AccessRecord, name: string) => string | undefined;

// `NAME` or `NAME?OTHER`: the second is read where the first is not there.
function headerOperator(argument: string | undefined, read: ReadHeader): Result<FieldReader, string> {
  if (argument === undefined || argument === '') return failed('needs the name of a header');
  const [name = '', other, ...more] = argument.toLowerCase().split('?');
  if (more.length > 0) return failed(`more than one alternative header in ${argument}`);
  if (other === undefined) return ok((record) => read(record, name));
  return ok((record) => read(record, name) ?? read(record, other));
}

function requestHeader(argument: string | undefined): Result<FieldReader, string> {
  return headerOperator(argument, readRequestHeader);
}

function requestWithoutQuery(argument: string | undefined): Result<FieldReader, string> {
  return headerOperator(argument, (record, name) => readRequestHeader(record, name)?.replace(/\?.*$/, ''));
}

function readRequestHeader(record: AccessRecord, name: string): string | undefined {
  switch (name) {
    case ':method':
      return text(record.method);
    case ':path':
      return text(record.path);
    case ':authority':
    case 'host':
      return text(record.authority);
    case ':scheme':
      return text(record.scheme);
    default:
      return findHeader(record.requestHeaders, name);
  }
}

function responseHeader(record: AccessRecord, name: string): string | undefined {
  if (name === ':status') return record.responseCode === 0 ? undefined : String(record.responseCode);
  return findHeader(record.responseHeaders, name);
}

function routeMetadata(argument: string | undefined): Result<FieldReader, string> {
  const [kind, space, ...path] = (argument ?? '').split(':');
  if (kind === 'DYNAMIC') return dynamicMetadata([space, ...path].join(':'));
  if (kind !== 'ROUTE' || space === undefined || path.length !== 1) {
    return failed(`only texts of a route's metadata are kept, as ROUTE:namespace:key, not ${argument ?? 'nothing'}`);
  }
  const key = `${space}:${path[0]}`;
  return ok((record) => record.routeMetadata.get(key));
}

/** `namespace:key:key`: texts as they are, anything else as JSON. */
function dynamicMetadata(argument: string | undefined): Result<FieldReader, string> {
  const [space = '', ...path] = (argument ?? '').split(':');
  if (space === '') return failed('needs a namespace');
  return ok(({ dynamicMetadata: found }) => {
    let value: JsonValue | undefined = found?.get(space);
    for (const key of path) {
      if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) return undefined;
      value = value[key];
    }
    return value === undefined || typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
  });
}

function grpcStatus(record: AccessRecord): number | undefined {
  const value = findHeader(record.responseTrailers, 'grpc-status') ?? findHeader(record.responseHeaders, 'grpc-status');
  return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);
}

const grpcStatusNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

function grpcStatusName(status: number | undefined): string | undefined {
  return status === undefined ? undefined : (grpcStatusNames[status] ?? String(status));
}
