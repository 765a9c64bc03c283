// The head of a request, as latin1 text → a RequestHead and how its body is framed, or a refusal in Envoy's words.
// Everything that request smuggling needs is refused here: see server-connection.test.ts for the table.

import { fieldValue, removeFields } from '#proxy/http/header-list.ts';
import type { RequestHead, RequestRefusal } from '#proxy/http/stream.ts';
import type { FieldNames } from '#proxy/http1/field-names.ts';
import { FieldSection, hasOption, holdsForbiddenByte } from '#proxy/http1/field-section.ts';

export type RequestLimits = {
  /** Envoy's max_request_headers_kb, default 60 KiB; the request line counts. */
  readonly maxHeadBytes: number;
  /** Envoy's max_headers_count, default 100. */
  readonly maxFields: number;
};

export type RequestRules = RequestLimits & {
  /** Envoy's Http1ProtocolOptions.accept_http_10; without it HTTP/1.0 is answered 426. */
  readonly acceptHttp10: boolean;
  /** Put in place of a missing Host of HTTP/1.0 (default_host_for_http_10). */
  readonly defaultHostForHttp10: string;
  readonly scheme: 'http' | 'https';
};

/** How the body ends: `length` bytes, or chunked. */
export type ParsedRequest = {
  readonly head: RequestHead;
  /** -1: chunked. 0: none. */
  readonly bodyLength: number;
  readonly keepAlive: boolean;
  /** An upgrade was asked for, or CONNECT: the request stays open for what the tunnel will carry. */
  readonly opensTunnel: boolean;
  readonly refusal: RequestRefusal | undefined;
};

/** http-parser's list, which Envoy keeps to unless allow_custom_methods is set. */
const methods: ReadonlySet<string> = new Set(
  (
    'GET POST PUT DELETE HEAD OPTIONS PATCH CONNECT TRACE ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE ' +
    'NOTIFY PROPFIND PROPPATCH PURGE REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
  ).split(' '),
);

/** RFC 3986 §3.2 characters of an authority, user information left out: nobody may hide a host behind `@`. */
const authorityForm = /^[A-Za-z0-9\-._~!$&'()*+,;=:[\]%]*$/;
/** Visible ASCII: everything else in a target has to be percent-encoded. A fragment never travels. */
const targetForm = /^[!"$-~]+$/;
const absoluteForm = /^(https?):\/\/([^/?]*)(.*)$/i;

const badRequest: RequestRefusal = { status: 400, flag: 'DPE', details: 'http1.codec_error' };
const lowVersion: RequestRefusal = { status: 426, flag: 'DPE', details: 'low_version' };

/**
 * `text` holds the head from the request line to its last field, without the empty line. `end` is the position after the last field.
 * RFC 9112 §2–6; details are Envoy's.
 */
export function parseRequest(text: string, end: number, names: FieldNames, rules: RequestRules): ParsedRequest {
  if (holdsForbiddenByte(text)) return refused(badRequest);
  const lineEnd = text.indexOf('\r\n');
  const line = lineEnd === -1 || lineEnd > end ? end : lineEnd;
  const first = text.indexOf(' ');
  const version = text.slice(line - 9, line);
  const target = text.slice(first + 1, line - 9);
  const method = text.slice(0, Math.max(first, 0));
  const isLatest = version === ' HTTP/1.1';
  if (!methods.has(method) || (!isLatest && version !== ' HTTP/1.0') || !targetForm.test(target)) return refused(badRequest);

  const fields = new FieldSection();
  const head: RequestHead = {
    method,
    scheme: rules.scheme,
    authority: '',
    path: target,
    headers: fields.headers,
    version: isLatest ? 'HTTP/1.1' : 'HTTP/1.0',
  };
  const mistake = fields.read(text, line + 2, end, names, rules.maxFields);
  if (mistake !== undefined)
    return refused(
      { status: mistake === 'http1.too_many_headers' ? 431 : 400, flag: 'DPE', details: mistake },
      { ...nothing, version: head.version },
    );
  if (!isLatest && !rules.acceptHttp10) return refused(lowVersion, head);
  const host = fields.host ?? (isLatest ? undefined : rules.defaultHostForHttp10);
  const refusal = placeTarget(head, target, host) ?? checkFraming(head, fields);
  if (refusal !== undefined) return refused(refusal, head);
  const bodyLength = fields.transferEncoding === undefined ? Math.max(fields.contentLength, 0) : -1;
  const opensTunnel = method === 'CONNECT' || (fields.upgrade !== undefined && settleUpgrade(head, bodyLength));
  const keepAlive = isLatest ? !hasOption(fields.connection, 'close') : hasOption(fields.connection, 'keep-alive');
  return { head, bodyLength, keepAlive, opensTunnel, refusal: undefined };
}

/**
 * Whether an upgrade is on. One to h2c is ignored, as Envoy does: HTTP/2 without TLS is spoken by prior knowledge. So is one on a request
 * with a body: a server may always ignore it (RFC 9110 §7.8).
 */
function settleUpgrade(head: RequestHead, bodyLength: number): boolean {
  const { headers } = head;
  const upgrade = fieldValue(headers, 'upgrade');
  if (upgrade === undefined) return false;
  if (bodyLength === 0 && upgrade.toLowerCase() !== 'h2c' && head.version === 'HTTP/1.1') return true;
  // The field says how the body is framed upstream: none may be left beside a body of its own.
  removeFields(headers, 'upgrade');
  return false;
}

/** Splits the target by its form (RFC 9112 §3.2) into scheme, authority and path. */
function placeTarget(head: RequestHead, target: string, host: string | undefined): RequestRefusal | undefined {
  if (host === undefined) return { status: 400, flag: '', details: 'missing_host_header' };
  if (!authorityForm.test(host)) return { status: 400, flag: 'DPE', details: 'http.invalid_authority' };
  head.authority = host;
  if (head.method === 'CONNECT') {
    if (!authorityForm.test(target) || !target.includes(':')) return { status: 400, flag: 'DPE', details: 'http1.invalid_url' };
    head.authority = target;
    head.path = '';
    return undefined;
  }
  if (target.charCodeAt(0) === 0x2f) return host === '' ? { status: 400, flag: '', details: 'missing_host_header' } : undefined;
  if (target === '*') return head.method === 'OPTIONS' ? undefined : { status: 400, flag: 'DPE', details: 'http1.invalid_url' };
  const absolute = absoluteForm.exec(target);
  const [, scheme, authority, rest] = absolute ?? [];
  if (scheme === undefined || rest === undefined || !authority || !authorityForm.test(authority)) {
    return { status: 400, flag: 'DPE', details: 'http1.invalid_url' };
  }
  // RFC 9112 §3.2.2: the target's authority replaces Host.
  head.authority = authority;
  head.scheme = scheme.toLowerCase() === 'https' ? 'https' : 'http';
  head.path = rest.startsWith('/') ? rest : `/${rest}`;
  return undefined;
}

/** RFC 9112 §6: one way to know the length, or none at all. */
function checkFraming(head: RequestHead, fields: FieldSection): RequestRefusal | undefined {
  if (head.method === 'CONNECT' && (fields.contentLength > 0 || fields.transferEncoding !== undefined)) return badRequest;
  if (fields.transferEncoding === undefined) return undefined;
  if (head.version === 'HTTP/1.0') return badRequest;
  if (fields.contentLength !== -1) return { status: 400, flag: 'DPE', details: 'http1.content_length_and_chunked_not_allowed' };
  if (fields.transferEncoding.toLowerCase() !== 'chunked') return { status: 501, flag: 'DPE', details: 'http1.invalid_transfer_encoding' };
  return undefined;
}

const nothing: RequestHead = { method: '', scheme: 'http', authority: '', path: '', headers: [], version: 'HTTP/1.1' };

function refused(refusal: RequestRefusal, head: RequestHead = nothing): ParsedRequest {
  return { head, bodyLength: 0, keepAlive: false, opensTunnel: false, refusal };
}
