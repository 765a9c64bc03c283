// The field lines of a head or of trailers, as latin1 text → a flat header list and what frames the message.
// Strict (RFC 9112 §5): no folding, no space before the colon, no control bytes. Fields of one hop never leave here; a header list holds
// `upgrade` only where `connection: upgrade` stood beside it, and `te` only as `te: trailers`.

import type { HeaderList } from '#proxy/http/stream.ts';
import type { FieldNames } from '#proxy/http1/field-names.ts';
import { fieldRole } from '#proxy/http1/field-names.ts';

/** Control bytes but tab, CR and LF; a CR without its LF; an LF without its CR. */
const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;

/** True where a head holds a byte it must not. Asked once for a whole head, before it is cut up. */
export function holdsForbiddenByte(text: string): boolean {
  return forbidden.test(text);
}

/** What a section said, filled by `read`. */
export class FieldSection {
  readonly headers: HeaderList = [];
  host: string | undefined = undefined;
  /** -1: none. */
  contentLength = -1;
  transferEncoding: string | undefined = undefined;
  /** The value of `connection`, lower case, several joined. */
  connection: string | undefined = undefined;
  upgrade: string | undefined = undefined;
  expectsContinue = false;

  /**
   * Reads the lines of `text` from `start` up to `end` (the CRLF of the last line excluded). `text` holds no forbidden byte. Gives Envoy's
   * response code details of the first mistake, or undefined.
   */
  read(text: string, start: number, end: number, names: FieldNames, maxFields: number): string | undefined {
    const headers = this.headers;
    let at = start;
    while (at < end) {
      let lineEnd = text.indexOf('\r\n', at);
      if (lineEnd === -1 || lineEnd > end) lineEnd = end;
      const colon = text.indexOf(':', at);
      if (colon === -1 || colon >= lineEnd) return 'http1.codec_error';
      const field = names.lookup(text.slice(at, colon));
      if (field === undefined) return 'http1.codec_error';
      const value = trimmed(text, colon + 1, lineEnd);
      if (field.role === fieldRole.plain) headers.push(field.name, value);
      else {
        // A tab around a coding is allowed by the letter and read differently by different servers.
        if (field.role === fieldRole.transferEncoding && text.slice(colon, lineEnd).includes('\t')) return 'http1.codec_error';
        const mistake = this.#special(field.role, field.name, value);
        if (mistake !== undefined) return mistake;
      }
      if (headers.length > maxFields * 2) return 'http1.too_many_headers';
      at = lineEnd + 2;
    }
    return this.connection === undefined ? undefined : this.#dropNominated();
  }

  #special(role: number, name: string, value: string): string | undefined {
    switch (role) {
      case fieldRole.host:
        if (this.host !== undefined) return 'http1.codec_error';
        this.host = value;
        return undefined;
      case fieldRole.contentLength:
        if (this.contentLength !== -1 || !/^[0-9]{1,15}$/.test(value)) return 'http1.codec_error';
        this.contentLength = Number(value);
        this.headers.push(name, value);
        return undefined;
      case fieldRole.transferEncoding:
        this.transferEncoding = this.transferEncoding === undefined ? value : `${this.transferEncoding},${value}`;
        return undefined;
      case fieldRole.connection:
        this.connection = this.connection === undefined ? value.toLowerCase() : `${this.connection},${value.toLowerCase()}`;
        return undefined;
      case fieldRole.upgrade:
        this.upgrade = this.upgrade === undefined ? value : `${this.upgrade},${value}`;
        return undefined;
      case fieldRole.te:
        if (value.toLowerCase() === 'trailers') this.headers.push(name, 'trailers');
        return undefined;
      case fieldRole.expect:
        this.expectsContinue = value.toLowerCase() === '100-continue';
        this.headers.push(name, value);
        return undefined;
      default:
        return undefined;
    }
  }

  /** Removes what `connection` names (RFC 9110 §7.6.1) and settles whether the message asks for an upgrade. */
  #dropNominated(): undefined {
    const connection = this.connection ?? '';
    if (connection === 'keep-alive' || connection === 'close') return undefined;
    const names = new Set(connection.split(',').map((part) => part.trim()));
    if (names.has('upgrade') && this.upgrade !== undefined) this.headers.push('upgrade', this.upgrade);
    for (const name of names) {
      if (name === '' || keptThoughNominated.has(name)) continue;
      for (let index = this.headers.length - 2; index >= 0; index -= 2) if (this.headers[index] === name) this.headers.splice(index, 2);
    }
    return undefined;
  }
}

/** Tokens of `connection` that are options, or fields that frame and route the message and may not be talked away. */
const keptThoughNominated: ReadonlySet<string> = new Set([
  'close',
  'keep-alive',
  'upgrade',
  'te',
  'content-length',
  'host',
  'expect',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);

/** The text between `start` and `end` without the spaces and tabs around it. */
function trimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** True where the comma-separated `connection` holds the option. */
export function hasOption(connection: string | undefined, option: string): boolean {
  if (connection === undefined) return false;
  if (connection === option) return true;
  return connection.includes(option) && connection.split(',').some((part) => part.trim() === option);
}
