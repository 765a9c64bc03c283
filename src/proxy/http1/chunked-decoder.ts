// The chunked coding (RFC 9112 §7.1), decoded step by step from whatever pieces arrive. Data is handed on as views of the input, not copied.
// Strict: a size is hexadecimal digits and nothing else, every line ends with CRLF, extensions and trailers are bounded.

import type { HeaderList } from '#proxy/http/stream.ts';
import type { FieldNames } from '#proxy/http1/field-names.ts';
import { FieldSection, holdsForbiddenByte } from '#proxy/http1/field-section.ts';

/** Where decoded data goes. `onChunkData` false: stop for now, `decode` is called again with the rest. */
export type ChunkReceiver = { readonly onChunkData: (data: Buffer) => void };

const state = { size: 0, extension: 1, sizeLf: 2, data: 3, dataCr: 4, dataLf: 5, trailers: 6, done: 7, broken: 8 } as const;
type State = (typeof state)[keyof typeof state];

/** 13 hexadecimal digits stay below 2^53. */
const maxSizeDigits = 13;
const maxExtensionBytes = 4096;
/** RFC 9112 §7.1.1 without blanks: nobody needs extensions, but a front end and a back end must agree where they end. */
const token = "[!#$%&'*+\\-.^_`|~\\w]+";
const quoted = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"';
const extension = `${token}(?:=(?:${token}|${quoted}))?`;
const extensions = new RegExp(`^${extension}(?:;${extension})*$`);
const cr = 0x0d;
const lf = 0x0a;

export class ChunkedDecoder {
  /** Set once `done`; undefined where there were none. */
  trailers: HeaderList | undefined = undefined;
  readonly #names: FieldNames;
  readonly #maxTrailerBytes: number;
  #state: State = state.size;
  #left = 0;
  #digits = 0;
  #extension = '';
  #trailerText = '';

  constructor(names: FieldNames, maxTrailerBytes: number) {
    this.#names = names;
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  get done(): boolean {
    return this.#state === state.done;
  }

  get broken(): boolean {
    return this.#state === state.broken;
  }

  /** Decodes from `start`; gives the position behind what was used, which is short of the end only when done or broken. */
  decode(input: Buffer, start: number, receiver: ChunkReceiver): number {
    let at = start;
    while (at < input.length && this.#state < state.done) {
      if (this.#state === state.data) {
        const end = Math.min(at + this.#left, input.length);
        this.#left -= end - at;
        if (this.#left === 0) this.#state = state.dataCr;
        receiver.onChunkData(input.subarray(at, end));
        at = end;
      } else if (this.#state === state.trailers) at = this.#readTrailers(input, at);
      else this.#step(input[at++] ?? 0);
    }
    return at;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case state.size:
        this.#readSize(byte);
        return;
      case state.extension:
        if (byte !== cr) this.#extension += String.fromCharCode(byte);
        if (this.#extension.length > maxExtensionBytes || (byte === cr && !extensions.test(this.#extension))) this.#state = state.broken;
        else if (byte === cr) this.#state = state.sizeLf;
        return;
      case state.sizeLf:
        this.#digits = 0;
        this.#state = byte !== lf ? state.broken : this.#left === 0 ? state.trailers : state.data;
        return;
      case state.dataCr:
        this.#state = byte === cr ? state.dataLf : state.broken;
        return;
      case state.dataLf:
        this.#state = byte === lf ? state.size : state.broken;
        return;
      default:
        this.#state = state.broken;
    }
  }

  #readSize(byte: number): void {
    const digit = hexValue(byte);
    if (digit !== -1) {
      this.#left = this.#left * 16 + digit;
      if (++this.#digits > maxSizeDigits) this.#state = state.broken;
      return;
    }
    if (this.#digits === 0) this.#state = state.broken;
    else if (byte === cr) this.#state = state.sizeLf;
    else if (byte === 0x3b) {
      this.#state = state.extension;
      this.#extension = '';
    } else this.#state = state.broken;
  }

  /** Collects lines until the empty one. Trailers are rare: this may be slow, but not unbounded. */
  #readTrailers(input: Buffer, start: number): number {
    for (let at = start; at < input.length; ) {
      this.#trailerText += String.fromCharCode(input[at++] ?? 0);
      const text = this.#trailerText;
      if (text === '\r\n' || text.endsWith('\r\n\r\n')) {
        this.#finish(text);
        return at;
      }
      if (text.length > this.#maxTrailerBytes || (text.charCodeAt(text.length - 1) === lf && !text.endsWith('\r\n'))) {
        this.#state = state.broken;
        return at;
      }
    }
    return input.length;
  }

  #finish(text: string): void {
    this.#state = state.done;
    if (text === '\r\n') return;
    const section = new FieldSection();
    const end = text.length - 4;
    if (holdsForbiddenByte(text) || section.read(text, 0, end, this.#names, 100) !== undefined || frames(section)) this.#state = state.broken;
    else this.trailers = section.headers;
  }
}

/** RFC 9110 §6.5.1: what frames or routes a message has no place among its trailers. */
function frames(section: FieldSection): boolean {
  return section.contentLength !== -1 || section.transferEncoding !== undefined || section.host !== undefined;
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
