// HTTP/2 field lists in and out: node's raw headers to our flat lists and back, by RFC 9113 sections 8.2 and 8.3.
import type { HeaderList } from '#proxy/http/stream.ts';

/** Fields that belong to an HTTP/1 connection and must not be in HTTP/2 (section 8.2.2). */
const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** `protocol` is that of an extended CONNECT (RFC 8441), '' on other requests. */
export type PseudoFields = { method: string; scheme: string; authority: string; path: string; protocol: string; status: number };

export function noPseudo(): PseudoFields {
  return { method: '', scheme: '', authority: '', path: '', protocol: '', status: 0 };
}

/** Splits pseudo fields off. Cookie crumbs are joined again (section 8.2.3). `host` becomes the authority where there is no other. */
export function readFields(raw: readonly string[], into: PseudoFields): HeaderList {
  const headers: HeaderList = [];
  let cookieAt = -1;
  let host = '';
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const value = raw[at + 1] ?? '';
    if (name.charCodeAt(0) === 58) readPseudo(name, value, into);
    else if (name === 'host') host = value;
    else if (name === 'cookie' && cookieAt >= 0) headers[cookieAt] += `; ${value}`;
    else {
      if (name === 'cookie') cookieAt = headers.length + 1;
      headers.push(name, value);
    }
  }
  if (into.authority === '') into.authority = host;
  return headers;
}

function readPseudo(name: string, value: string, into: PseudoFields): void {
  switch (name) {
    case ':method':
      into.method = value;
      break;
    case ':scheme':
      into.scheme = value;
      break;
    case ':authority':
      into.authority = value;
      break;
    case ':path':
      into.path = value;
      break;
    case ':protocol':
      into.protocol = value;
      break;
    case ':status':
      into.status = Number(value);
      break;
    default:
      // nghttp2 refuses unknown pseudo fields before they come here.
      break;
  }
}

/** Adds what may travel in HTTP/2 to `out`. `te` stays only as `trailers`. */
export function appendFields(headers: readonly string[], out: string[]): void {
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const value = headers[at + 1] ?? '';
    if (connectionFields.has(name) || (name === 'te' && value !== 'trailers')) continue;
    out.push(name, value);
  }
}

/** Trailers as node wants them: an object, several values of a name as a list. */
export function trailersObject(trailers: readonly string[]): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  for (let at = 0; at < trailers.length; at += 2) {
    const name = trailers[at] ?? '';
    const value = trailers[at + 1] ?? '';
    if (connectionFields.has(name) || name.startsWith(':')) continue;
    const known = out[name];
    if (known === undefined) out[name] = value;
    else if (typeof known === 'string') out[name] = [known, value];
    else known.push(value);
  }
  return out;
}

/** A raw trailer section as a list, without anything that looks like a pseudo field. */
export function readTrailers(raw: readonly string[]): HeaderList {
  const trailers: HeaderList = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (!name.startsWith(':')) trailers.push(name, raw[at + 1] ?? '');
  }
  return trailers;
}
