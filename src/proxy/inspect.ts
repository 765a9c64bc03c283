// What a connection's first bytes say, as Envoy's TLS and HTTP inspectors find it: TLS or not, server name, application protocols.
import type { Socket } from 'node:net';
import { type PeekEnd, peek } from '#proxy/peek.ts';
import { type ClientHello, parseClientHello } from '#proxy/tls/client-hello.ts';

export type Inspection = {
  readonly transportProtocol: 'raw_buffer' | 'tls';
  readonly serverName: string | undefined;
  readonly applicationProtocols: readonly string[];
};

export type Inspectors = { readonly tls: boolean; readonly http: boolean };

export const nothingInspected: Inspection = { transportProtocol: 'raw_buffer', serverName: undefined, applicationProtocols: [] };

/** Waits for the bytes that the inspectors need. On 'timeout' and 'closed' the inspection is what is known so far. */
export function inspect(socket: Socket, inspectors: Inspectors, timeoutMs: number, done: (inspection: Inspection, how: PeekEnd) => void): void {
  let found = nothingInspected;
  const look = (bytes: Buffer): 'done' | 'more' => {
    if (inspectors.tls) {
      const parsed = parseClientHello(bytes);
      if (parsed.kind === 'more') return 'more';
      if (parsed.kind === 'hello') {
        found = fromHello(parsed.hello);
        return 'done';
      }
    }
    if (!inspectors.http) return 'done';
    const protocol = sniffHttp(bytes);
    if (protocol === 'more') return 'more';
    if (protocol !== 'none') found = { ...nothingInspected, applicationProtocols: [protocol] };
    return 'done';
  };
  peek(socket, timeoutMs, look, (how) => done(found, how));
}

function fromHello(hello: ClientHello): Inspection {
  return { transportProtocol: 'tls', serverName: hello.serverName, applicationProtocols: hello.alpn };
}

/** RFC 9113 section 3.4. */
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const maxRequestLine = 8 * 1024;

/** Envoy's names for what the HTTP inspector finds; 'more' while it cannot tell. Source: HttpInspector filter. */
export function sniffHttp(bytes: Buffer): 'http/1.0' | 'http/1.1' | 'h2c' | 'none' | 'more' {
  const start = bytes.toString('latin1', 0, preface.length);
  if (preface.startsWith(start)) return start.length === preface.length ? 'h2c' : 'more';
  const lineEnd = bytes.indexOf(10);
  const line = bytes.toString('latin1', 0, lineEnd < 0 ? Math.min(bytes.length, maxRequestLine) : lineEnd);
  if (!/^[A-Z]{1,32}(?: |$)/.test(line)) return 'none';
  if (lineEnd < 0) return bytes.length > maxRequestLine ? 'none' : 'more';
  const version = /^[A-Z]+ [^ ]+ HTTP\/(1\.[01])\r?$/.exec(line)?.[1];
  if (version === undefined) return 'none';
  return version === '1.0' ? 'http/1.0' : 'http/1.1';
}

/** True when the bytes start HTTP/2; 'more' while they may still. Three bytes tell: no HTTP/1 method starts with PRI. */
export function startsHttp2(bytes: Buffer): boolean | 'more' {
  const start = bytes.toString('latin1', 0, 3);
  if (start === 'PRI') return true;
  return 'PRI'.startsWith(start) ? 'more' : false;
}
