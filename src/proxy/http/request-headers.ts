// What the connection manager does to a request's fields before filters and routing see them: who the client is, what may be trusted,
// which id the request has. Rules: Envoy, ConnectionManagerUtility::mutateRequestHeaders and "HTTP header manipulation".
import { inRange, parseIp } from '#base/cidr.ts';
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import { forwardClientCertificate } from '#proxy/http/client-certificate.ts';
import { joinedValue } from '#proxy/http/header-list.ts';
import type { RequestIds } from '#proxy/http/request-id.ts';
import type { DownstreamConnection, HeaderList, RequestHead } from '#proxy/http/stream.ts';

/** What was seen on the way; one per request. */
export class RequestNotes {
  isGrpc = false;
  /** It came as gRPC-Web: answers of our own are made into gRPC statuses on their way out. */
  isGrpcWeb = false;
  /** The sender is one of the mesh's own (internal_address_config). */
  isInternal = false;
  expectsContinue = false;
  upgrade = '';
  requestId = '';
  /** The client behind trusted proxies. */
  remoteIp = '';
  /** `ip:port`; port 0 where the address came from x-forwarded-for. */
  remoteAddress = '';
}

const seen = {
  xff: 1,
  proto: 2,
  requestId: 3,
  contentType: 4,
  expect: 5,
  upgrade: 6,
  /** Only a trusted (internal) sender may set these. */
  internalOnly: 7,
  /** Dropped at the mesh's edge as well. */
  edgeOnly: 8,
  internalMark: 9,
  port: 10,
  clientCert: 11,
} as const;

const known: ReadonlyMap<string, number> = new Map<string, number>([
  ['x-forwarded-for', seen.xff],
  ['x-forwarded-proto', seen.proto],
  ['x-request-id', seen.requestId],
  ['content-type', seen.contentType],
  ['expect', seen.expect],
  ['upgrade', seen.upgrade],
  ['x-envoy-internal', seen.internalMark],
  ['x-forwarded-port', seen.port],
  ['x-forwarded-client-cert', seen.clientCert],
  ...[
    'retry-on',
    'retry-grpc-on',
    'max-retries',
    'retriable-status-codes',
    'retriable-header-names',
    'upstream-alt-stat-name',
    'upstream-rq-timeout-ms',
    'upstream-rq-per-try-timeout-ms',
    'upstream-rq-timeout-alt-response',
    'expected-rq-timeout-ms',
    'force-trace',
    'ip-tags',
    'original-url',
    'hedge-on-per-try-timeout',
  ].map((name): [string, number] => [`x-envoy-${name}`, seen.internalOnly]),
  ['x-envoy-decorator-operation', seen.edgeOnly],
  ['x-envoy-downstream-service-cluster', seen.edgeOnly],
  ['x-envoy-downstream-service-node', seen.edgeOnly],
  ['x-envoy-external-address', seen.edgeOnly],
  // Logs and denials tell the path by it.
  ['x-envoy-original-path', seen.edgeOnly],
  ['x-envoy-original-host', seen.edgeOnly],
]);

/** Changes `head` in place. Gives Envoy's details where the request has to be refused, or undefined. */
export function prepareRequest(
  head: RequestHead,
  connection: DownstreamConnection,
  entry: HttpManagerEntry,
  ids: RequestIds,
  notes: RequestNotes,
): string | undefined {
  const { headers } = head;
  const edge = entry.useRemoteAddress;
  if (entry.internalRanges.length > 0) notes.isInternal = isInternal(headers, connection, entry);
  let to = 0;
  let xffAt = -1;
  let protoAt = -1;
  let idAt = -1;
  let hasPort = false;
  let clientCert = '';
  for (let from = 0; from < headers.length; from += 2) {
    const name = headers[from] ?? '';
    const value = headers[from + 1] ?? '';
    if (entry.headersWithUnderscores !== 'allow' && name.includes('_')) {
      if (entry.headersWithUnderscores === 'reject') return 'http1.unexpected_underscore';
      continue;
    }
    const code = known.get(name);
    if (code !== undefined) {
      if (code === seen.xff) {
        if (xffAt !== -1) {
          // Several fields of one list are one (RFC 9110 §5.3).
          headers[xffAt + 1] = `${headers[xffAt + 1]},${value}`;
          continue;
        }
        xffAt = to;
      } else if (code === seen.proto) protoAt = to;
      else if (code === seen.requestId) idAt = to;
      else if (code === seen.contentType) notes.isGrpc = isGrpc(value);
      else if (code === seen.expect) {
        notes.expectsContinue = value.toLowerCase() === '100-continue';
        if (notes.expectsContinue && !entry.proxy100Continue) continue;
      } else if (code === seen.upgrade) notes.upgrade = value.toLowerCase();
      else if (code === seen.port) hasPort = true;
      else if (code === seen.clientCert) {
        clientCert = clientCert === '' ? value : `${clientCert},${value}`;
        continue;
      } else if (notes.isInternal ? code === seen.internalMark : code === seen.edgeOnly ? edge : true) continue;
    }
    headers[to] = name;
    headers[to + 1] = value;
    to += 2;
  }
  headers.length = to;
  placeClient(head, connection, entry, notes, xffAt, protoAt);
  if (notes.isInternal) headers.push('x-envoy-internal', 'true');
  if (entry.generateRequestId) placeRequestId(headers, entry, ids, notes, idAt);
  if (entry.appendForwardedPort && !hasPort) headers.push('x-forwarded-port', String(connection.localPort));
  if (entry.via !== '') headers.push('via', entry.via);
  const certificate = forwardClientCertificate(clientCert, connection, entry);
  if (certificate !== '') headers.push('x-forwarded-client-cert', certificate);
  return undefined;
}

/** Envoy: a request is internal when the one address that it came from, and no other proxy, is in the ranges of internal_address_config. */
function isInternal(headers: HeaderList, connection: DownstreamConnection, entry: HttpManagerEntry): boolean {
  const list = joinedValue(headers, 'x-forwarded-for');
  if (entry.useRemoteAddress ? list !== undefined : list === undefined || list.includes(',')) return false;
  const address = parseIp(entry.useRemoteAddress ? connection.facts.directRemoteIp : (list ?? '').trim());
  return address !== undefined && entry.internalRanges.some((range) => inRange(address, range));
}

/** x-forwarded-for, x-forwarded-proto, x-envoy-external-address, and the client's address that they give. */
function placeClient(
  head: RequestHead,
  connection: DownstreamConnection,
  entry: HttpManagerEntry,
  notes: RequestNotes,
  xffAt: number,
  protoAt: number,
): void {
  const { headers } = head;
  const list = xffAt === -1 ? '' : (headers[xffAt + 1] ?? '');
  const fromList =
    entry.useRemoteAddress && entry.xffNumTrustedHops === 0 ? '' : addressFromList(list, entry.xffNumTrustedHops - (entry.useRemoteAddress ? 1 : 0));
  notes.remoteIp = fromList === '' ? connection.facts.directRemoteIp : fromList;
  notes.remoteAddress = fromList === '' ? connection.facts.directRemoteAddress : `${fromList}:0`;
  const scheme = connection.tls ? 'https' : 'http';
  if (entry.useRemoteAddress) {
    const own = connection.facts.directRemoteIp;
    // Who comes by a Unix socket has no address.
    if (!entry.skipXffAppend && own !== '') {
      if (xffAt === -1) headers.push('x-forwarded-for', own);
      else headers[xffAt + 1] = `${list},${own}`;
    }
    if (!notes.isInternal && notes.remoteIp !== '') headers.push('x-envoy-external-address', notes.remoteIp);
  }
  if (protoAt === -1) headers.push('x-forwarded-proto', scheme);
  else if (entry.useRemoteAddress && entry.xffNumTrustedHops === 0) headers[protoAt + 1] = scheme;
  else {
    // HTTP/1 does not say itself what scheme it came by.
    const said = headers[protoAt + 1];
    if (said === 'https' || (said === 'http' && head.version !== 'HTTP/2')) head.scheme = said;
  }
}

/** The address `hops` from the right of the list, 0 being the last; '' where there is none or it is no address. */
function addressFromList(list: string, hops: number): string {
  if (list === '') return '';
  const parts = list.split(',');
  const address = (parts[parts.length - 1 - hops] ?? '').trim();
  return parseIp(address) === undefined ? '' : address;
}

/** From outside the mesh an id is only kept when asked to (preserve_external_request_id). */
function placeRequestId(headers: HeaderList, entry: HttpManagerEntry, ids: RequestIds, notes: RequestNotes, idAt: number): void {
  if (idAt !== -1 && (!entry.useRemoteAddress || entry.preserveExternalRequestId)) {
    notes.requestId = headers[idAt + 1] ?? '';
    return;
  }
  notes.requestId = ids.next();
  if (idAt === -1) headers.push('x-request-id', notes.requestId);
  else headers[idAt + 1] = notes.requestId;
}

/** RFC-less but fixed: gRPC over HTTP/2, "application/grpc" with an optional + or ; behind it. */
export function isGrpc(contentType: string): boolean {
  if (!contentType.startsWith('application/grpc')) return false;
  const next = contentType.charCodeAt(16);
  return Number.isNaN(next) || next === 0x2b || next === 0x3b;
}
