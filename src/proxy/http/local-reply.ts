// Sends a response of the proxy's own: plain text, or for gRPC a head that carries the status as trailers would (Envoy: Utility::sendLocalReply).
import { applyHeaderOperations } from '#decide/header-apply.ts';
import { formatView } from '#proxy/http/connection-view.ts';
import { makeWireSafe } from '#proxy/http/header-list.ts';
import type { LocalResponse, RequestContext } from '#proxy/http/request-context.ts';
import type { HeaderList, ResponseHead } from '#proxy/http/stream.ts';
import { grpcStatusOf } from '#proxy/respond.ts';

/** The whole response. `record` must hold flags and details by now: formats may ask for them. */
export function sendLocalReply(context: RequestContext, response: LocalResponse): void {
  const { parts, record, notes } = context;
  const own = typeof response.body === 'string' ? response.body : new TextDecoder().decode(response.body);
  record.localReplyBody = own;
  record.responseCode = response.status;
  fillRequest(context);
  const isVerbatim = response.verbatim === true;
  const formatted = parts.localReply === undefined || isVerbatim ? undefined : parts.localReply(record);
  const status = formatted?.status ?? response.status;
  const body = formatted === undefined ? response.body : formatted.body;
  const headers: HeaderList = [...response.headers, ...(formatted?.headers ?? [])];
  if (response.operations !== undefined) {
    applyHeaderOperations(response.operations, headers, formatView(context, undefined, { status, headers }));
    makeWireSafe(headers);
  }
  if (!isVerbatim) applyRouteHeaders(context, response, { status, headers });
  if (notes.isGrpc && !notes.isGrpcWeb && !isVerbatim) {
    sendGrpcStatus(context, response.grpcStatus ?? grpcStatusOf(status), typeof body === 'string' ? body : own, headers);
    return;
  }
  const bytes = isBodiless(status) ? noBytes : typeof body === 'string' ? Buffer.from(body) : body;
  if (bytes.length > 0) {
    headers.push('content-length', String(bytes.length));
    if (!hasField(headers, 'content-type')) headers.push('content-type', formatted?.contentType ?? 'text/plain');
  }
  const head: ResponseHead = { status, headers };
  const endStream = bytes.length === 0 || context.method === 'HEAD';
  context.sendHead(head, endStream, undefined);
  if (endStream) return;
  context.stream.sendData(bytes);
  context.stream.sendEnd();
}

/** The route's changes to the headers of its responses: of one that answers itself, or of the one that would have forwarded the request. */
function applyRouteHeaders(context: RequestContext, { route: answering }: LocalResponse, head: ResponseHead): void {
  const route = answering ?? context.forwardRoute?.route;
  const operations = answering?.responseHeaders ?? context.forwardRoute?.target.responseHeaders;
  if (route === undefined || operations === undefined || operations.length === 0) return;
  applyHeaderOperations(operations, head.headers, formatView(context, route, head));
  makeWireSafe(head.headers);
}

function hasField(headers: HeaderList, name: string): boolean {
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) return true;
  return false;
}

const noBytes = new Uint8Array(0);

/** RFC 9110 §15.3.5 and §15.4.5: whatever a format makes of it, there is no body. */
function isBodiless(status: number): boolean {
  return status === 204 || status === 304;
}

/** Trailers only: status 200, the gRPC status and the message percent-encoded (gRPC over HTTP/2, "Responses"). */
function sendGrpcStatus(context: RequestContext, grpcStatus: number, message: string, headers: HeaderList): void {
  headers.push('content-type', 'application/grpc', 'grpc-status', String(grpcStatus));
  if (message !== '') headers.push('grpc-message', percentEncode(message));
  context.sendHead({ status: 200, headers }, true, undefined);
}

export function percentEncode(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/[^ -$&-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

/** The request's side of the record, as formats of local replies may print it. */
function fillRequest({ record, stream }: RequestContext): void {
  const { request } = stream;
  record.method = request.method;
  record.scheme = request.scheme;
  record.authority = request.authority;
  record.path = request.path;
  record.protocol = request.version;
  record.requestHeaders = request.headers;
}
