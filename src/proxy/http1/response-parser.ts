// The head of an upstream's response, as latin1 text → status, fields and how the body ends, or Envoy's details of what is wrong.
// As strict as the request side: what is ambiguous here would let an upstream answer somebody else's request.

import type { ResponseHead } from '#proxy/http/stream.ts';
import type { FieldNames } from '#proxy/http1/field-names.ts';
import { FieldSection, hasOption, holdsForbiddenByte } from '#proxy/http1/field-section.ts';

export type ParsedResponse = {
  readonly head: ResponseHead;
  /** Bytes of the body; `untilChunkEnd` or `untilClose` where the head does not say. */
  readonly bodyLength: number;
  readonly keepAlive: boolean;
};

export const untilChunkEnd = -1;
export const untilClose = -2;

const statusLine = /^HTTP\/1\.([01]) ([1-5][0-9][0-9])(?: |$)/;

/**
 * `text` is the head without the empty line. `method` is the request's: HEAD and a 2xx to CONNECT have no body (RFC 9112 §6.3).
 * The error is Envoy's response code details.
 */
export function parseResponse(text: string, names: FieldNames, maxFields: number, method: string): ParsedResponse | string {
  if (holdsForbiddenByte(text)) return 'http1.codec_error';
  const lineEnd = text.indexOf('\r\n');
  const line = lineEnd === -1 ? text.length : lineEnd;
  let status = 200;
  let isLatest = true;
  // Nearly all answers begin with the same bytes; the regular expression is for the rest.
  if (!text.startsWith('HTTP/1.1 200 ')) {
    const match = statusLine.exec(text.slice(0, line));
    if (match === null) return 'http1.codec_error';
    status = Number(match[2]);
    isLatest = match[1] === '1';
  }
  const fields = new FieldSection();
  const mistake = fields.read(text, line + 2, text.length, names, maxFields);
  if (mistake !== undefined) return mistake;
  const keepAlive = isLatest ? !hasOption(fields.connection, 'close') : hasOption(fields.connection, 'keep-alive');
  // `host` is no response field for us; one that came anyway is dropped with the fields of the hop.
  const bodyLength = lengthOf(status, method, fields, isLatest);
  if (typeof bodyLength === 'string') return bodyLength;
  return { head: { status, headers: fields.headers }, bodyLength, keepAlive: keepAlive && bodyLength !== untilClose };
}

/** RFC 9112 §6.3, in its order. */
function lengthOf(status: number, method: string, fields: FieldSection, isLatest: boolean): number | string {
  if (status < 200 || status === 204 || (method === 'CONNECT' && status < 300)) {
    if (status !== 101 && fields.transferEncoding !== undefined) return 'http1.transfer_encoding_not_allowed';
    if (status !== 101 && fields.contentLength > 0) return 'http1.content_length_not_allowed';
    return 0;
  }
  if (fields.transferEncoding !== undefined) {
    if (fields.contentLength !== -1) return 'http1.content_length_and_chunked_not_allowed';
    if (!isLatest || fields.transferEncoding.toLowerCase() !== 'chunked') return 'http1.invalid_transfer_encoding';
  }
  if (method === 'HEAD' || status === 304) return 0;
  if (fields.transferEncoding !== undefined) return untilChunkEnd;
  return fields.contentLength === -1 ? untilClose : fields.contentLength;
}
