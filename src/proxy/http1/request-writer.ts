// A request as HTTP/1.1 text, and its body framed as the head said.

import { fieldValue } from '#proxy/http/header-list.ts';
import type { HeaderList, RequestHead } from '#proxy/http/stream.ts';
import { fieldLines, lastChunk } from '#proxy/http1/head-text.ts';
import type { SocketWriter } from '#proxy/http1/socket-writer.ts';

/** `tunnel`: what follows the head is not part of the message. */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'tunnel';

/** Decides by the head how a body is sent (RFC 9112 §6). */
export function requestFraming(head: RequestHead, hasBody: boolean): BodyFraming {
  if (!hasBody) return 'none';
  if (head.method === 'CONNECT' || fieldValue(head.headers, 'upgrade') !== undefined) return 'tunnel';
  return fieldValue(head.headers, 'content-length') === undefined ? 'chunked' : 'length';
}

/** The whole head with its empty line. `path` is '' for CONNECT, whose target is the authority. */
export function requestText(head: RequestHead, framing: BodyFraming): string {
  let text = `${head.method} ${head.method === 'CONNECT' ? head.authority : head.path} HTTP/1.1\r\nhost: ${head.authority}\r\n${fieldLines(head.headers)}`;
  if (framing === 'chunked') text += 'transfer-encoding: chunked\r\n';
  else if (framing === 'tunnel' && head.method !== 'CONNECT') text += 'connection: upgrade\r\n';
  else if (framing === 'none' && expectsLength(head)) text += 'content-length: 0\r\n';
  return `${text}\r\n`;
}

/** RFC 9110 §8.6: a method that may have a body says so when it has none; Envoy counts every method that is not of the few without. */
function expectsLength(head: RequestHead): boolean {
  const { method } = head;
  return method !== 'GET' && !bodiless.has(method) && fieldValue(head.headers, 'content-length') === undefined;
}

const bodiless: ReadonlySet<string> = new Set(['HEAD', 'DELETE', 'TRACE', 'CONNECT']);

/** One piece of the body. False: wait for the socket's `drain`. */
export function writeRequestData(writer: SocketWriter, framing: BodyFraming, chunk: Uint8Array): boolean {
  if (chunk.length === 0) return true;
  if (framing !== 'chunked') return writer.writeData(chunk);
  writer.writeText(`${chunk.length.toString(16)}\r\n`);
  const writable = writer.writeData(chunk);
  writer.writeText('\r\n');
  return writable;
}

/** The body's end. Trailers are lost where a length framed the body: HTTP/1.1 has no place for them. */
export function writeRequestEnd(writer: SocketWriter, framing: BodyFraming, trailers: HeaderList | undefined): void {
  if (framing === 'chunked') writer.writeText(lastChunk(trailers));
  else if (framing === 'tunnel') writer.end();
}
