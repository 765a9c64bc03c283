// The header that a load balancer puts before a connection to say who the client is (PROXY protocol, versions 1 and 2): bytes in, the ends of the
// client's own connection out. Source: haproxy's proxy-protocol.txt, sections 2.1 and 2.2; Envoy's proxy_protocol listener filter.
import { isIPv4, isIPv6, type Socket } from 'node:net';
import { peek } from '#proxy/peek.ts';

/** The client's end and the end that it connected to. */
export type AnnouncedEnds = {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
};

/** `size`: how many bytes the header takes. Without `ends` the connection is the sender's own, such as a health check. */
export type ProxyHeader =
  | { readonly kind: 'header'; readonly size: number; readonly ends?: AnnouncedEnds }
  | { readonly kind: 'more' }
  | { readonly kind: 'none' }
  | { readonly kind: 'broken' };

const signature1 = Buffer.from('PROXY ', 'latin1');
const signature2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** With its line end. */
const longestLine = 108;
const fixedSize2 = 16;

export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, signature2)) return bytes.length < fixedSize2 ? { kind: 'more' } : parseVersion2(bytes);
  if (startsAlike(bytes, signature1)) return parseVersion1(bytes);
  return { kind: 'none' };
}

/** True while the bytes so far are the beginning of `signature`, or begin with it. */
function startsAlike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

function parseVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n');
  if (end < 0 || end + 2 > longestLine) return end < 0 && bytes.length < longestLine ? { kind: 'more' } : { kind: 'broken' };
  const size = end + 2;
  const [, family, remoteAddress = '', localAddress = '', remote = '', local = '', ...rest] = bytes.toString('latin1', 0, end).split(' ');
  if (family === 'UNKNOWN') return { kind: 'header', size };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  const [remotePort, localPort] = [portOf(remote), portOf(local)];
  if (rest.length > 0 || !isAddress(remoteAddress) || !isAddress(localAddress) || remotePort === undefined || localPort === undefined) {
    return { kind: 'broken' };
  }
  return { kind: 'header', size, ends: { remoteAddress, remotePort, localAddress, localPort } };
}

function portOf(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}

function parseVersion2(bytes: Buffer): ProxyHeader {
  const [version, command] = [(bytes[12] ?? 0) >> 4, (bytes[12] ?? 0) & 15];
  const [family, transport] = [(bytes[13] ?? 0) >> 4, (bytes[13] ?? 0) & 15];
  const length = bytes.readUInt16BE(14);
  const size = fixedSize2 + length;
  if (version !== 2 || command > 1) return { kind: 'broken' };
  const isOwn = command === 0;
  const addressSize = family === 1 ? 4 : family === 2 ? 16 : undefined;
  if (!isOwn && (addressSize === undefined || (transport !== 1 && transport !== 2) || length < 2 * addressSize + 4)) return { kind: 'broken' };
  if (bytes.length < size) return { kind: 'more' };
  if (isOwn || addressSize === undefined) return { kind: 'header', size };
  const ports = fixedSize2 + 2 * addressSize;
  const ends = {
    remoteAddress: addressAt(bytes, fixedSize2, addressSize),
    remotePort: bytes.readUInt16BE(ports),
    localAddress: addressAt(bytes, fixedSize2 + addressSize, addressSize),
    localPort: bytes.readUInt16BE(ports + 2),
  };
  return { kind: 'header', size, ends };
}

function addressAt(bytes: Buffer, start: number, size: number): string {
  const part = bytes.subarray(start, start + size);
  if (size === 4) return part.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => part.readUInt16BE(2 * index).toString(16));
  // As everybody writes it: the longest run of zeros is left out.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/**
 * Takes the header from the socket, which then begins with what follows it. 'refused': there is no header where one must be, it is broken, or none
 * came in time (ms; 0: wait for ever).
 */
export function takeProxyHeader(
  socket: Socket,
  { optional, timeoutMs }: { readonly optional: boolean; readonly timeoutMs: number },
  done: (ends: AnnouncedEnds | 'refused' | undefined) => void,
): void {
  let found: ProxyHeader = { kind: 'more' };
  const look = (bytes: Buffer) => {
    found = parseProxyHeader(bytes);
    if (found.kind === 'more') return 'more';
    return found.kind === 'header' ? { taken: found.size } : 'done';
  };
  peek(socket, timeoutMs, look, (how) => {
    if (found.kind === 'header') done(found.ends);
    else done(how === 'seen' && found.kind === 'none' && optional ? undefined : 'refused');
  });
}
