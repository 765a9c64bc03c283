// Which addresses this machine already sends somewhere, so that the mesh takes others.
import { readFileSync } from 'node:fs';
import { formatIp, type IpRange, ipRange } from '#base/cidr.ts';

export type HostRoute = { readonly device: string; readonly range: IpRange };

/** The routes of the network that this process is in, without the default routes; none where they cannot be read. */
export function hostRoutes(): readonly HostRoute[] {
  return [...readRoutes('/proc/net/route', parseRoutes), ...readRoutes('/proc/net/ipv6_route', parseIpv6Routes)];
}

function readRoutes(file: string, parse: (text: string) => readonly HostRoute[]): readonly HostRoute[] {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}

/** In: the text of /proc/net/route (addresses as hexadecimal numbers in the order of this machine's bytes: little endian). */
export function parseRoutes(text: string): readonly HostRoute[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device = '', destination = '', , , , , , mask = ''] = line.split('\t');
      if (destination === '' || /^0+$/.test(mask)) return [];
      const length = bigEndian(mask).toString(2).replaceAll('0', '').length;
      return routeTo(formatIp({ family: 4, words: [bigEndian(destination)] }), length, device);
    });
}

/** In: the text of /proc/net/ipv6_route (addresses as 32 hexadecimal digits, lengths as two). */
export function parseIpv6Routes(text: string): readonly HostRoute[] {
  return text.split('\n').flatMap((line) => {
    const [destination = '', hexLength = '', , , , , , , , device = ''] = line.trim().split(/\s+/);
    const length = Number.parseInt(hexLength, 16);
    if (!/^[0-9a-f]{32}$/.test(destination) || length === 0) return [];
    return routeTo(destination.replace(/.{4}(?!$)/g, '$&:'), length, device);
  });
}

function routeTo(address: string, length: number, device: string): readonly HostRoute[] {
  const range = ipRange(address, length);
  return range === undefined ? [] : [{ device, range }];
}

function bigEndian(hex: string): number {
  return Buffer.from(hex, 'hex').readUInt32LE(0);
}
