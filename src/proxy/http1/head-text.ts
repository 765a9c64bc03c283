// Heads as text for the wire: a start line and fields, in one string that the socket takes as latin1.
import type { HeaderList } from '#proxy/http/stream.ts';

// Not by `import`: that asks for every export of node:http, and one of them loads a whole HTTP client (50 ms and 17 MB).
const { STATUS_CODES } = process.getBuiltinModule('node:http');

const statusLines: readonly string[] = Array.from({ length: 600 }, (_, status) => `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`);

export function statusLine(status: number): string {
  return statusLines[status] ?? `HTTP/1.1 ${status} Unknown\r\n`;
}

/** One `name: value` line each, without the empty line. */
export function fieldLines(headers: readonly string[]): string {
  let text = '';
  for (let index = 0; index < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return text;
}

/** The last chunk with its trailers. */
export function lastChunk(trailers: HeaderList | undefined): string {
  return trailers === undefined || trailers.length === 0 ? '0\r\n\r\n' : `0\r\n${fieldLines(trailers)}\r\n`;
}
