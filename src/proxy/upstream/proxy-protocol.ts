// The PROXY protocol's header, versions 1 and 2 (HAProxy: "The PROXY protocol"): both ends of a connection in, what goes out before anything else.
import { isIPv6 } from 'node:net';

/** Both ends of a connection. IPv4 and IPv6 in their text forms. */
export type ConnectionEnds = {
  readonly sourceIp: string;
  readonly sourcePort: number;
  readonly destinationIp: string;
  readonly destinationPort: number;
};

export function proxyHeader(version: 1 | 2, ends: ConnectionEnds): Buffer {
  return version === 1 ? textHeader(ends) : binaryHeader(ends);
}

function textHeader({ sourceIp, sourcePort, destinationIp, destinationPort }: ConnectionEnds): Buffer {
  const family = isIPv6(sourceIp) || isIPv6(destinationIp) ? 'TCP6' : 'TCP4';
  return Buffer.from(`PROXY ${family} ${sourceIp} ${destinationIp} ${sourcePort} ${destinationPort}\r\n`, 'latin1');
}

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Version 2, command PROXY; stream over IPv4, over IPv6. */
const [proxied, overIpv4, overIpv6] = [0x21, 0x11, 0x21];

function binaryHeader({ sourceIp, sourcePort, destinationIp, destinationPort }: ConnectionEnds): Buffer {
  const wide = isIPv6(sourceIp) || isIPv6(destinationIp);
  const addresses = [sourceIp, destinationIp].map((ip) => (wide ? bytesOfIpv6(ip) : Buffer.from(ip.split('.').map(Number))));
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sourcePort, 0);
  ports.writeUInt16BE(destinationPort, 2);
  const body = Buffer.concat([...addresses, ports]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  return Buffer.concat([signature, Buffer.from([proxied, wide ? overIpv6 : overIpv4]), length, body]);
}

/** An IPv4 address as ::ffff:a.b.c.d. */
function bytesOfIpv6(ip: string): Buffer {
  const bytes = Buffer.alloc(16);
  if (!ip.includes(':')) {
    bytes.writeUInt16BE(0xffff, 10);
    Buffer.from(ip.split('.').map(Number)).copy(bytes, 12);
    return bytes;
  }
  const [head = '', tail = ''] = withoutDots(ip).split('::');
  const front = head.split(':').filter((group) => group !== '');
  const back = tail.split(':').filter((group) => group !== '');
  for (const [index, group] of front.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  for (const [index, group] of back.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 16 - (back.length - index) * 2);
  return bytes;
}

/** `::ffff:1.2.3.4` with its end in hexadecimal groups. */
function withoutDots(ip: string): string {
  return ip.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
}
