// Which addresses this machine already sends somewhere, so that the mesh takes others.
import { readFileSync } from 'node:fs';
import { type IpRange, ipRange } from '#base/cidr.ts';
import { formatIpv4 } from '#runtime/netns/address-plan.ts';

export type HostRoute = { readonly device: string; readonly range: IpRange };

/** The IPv4 routes of the network that this process is in, without the default route; none where they cannot be read. */
export function hostRoutes(): readonly HostRoute[] {
  try {
    return parseRoutes(readFileSync('/proc/net/route', 'utf8'));
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
      const range = ipRange(formatIpv4(bigEndian(destination)), length);
      return range === undefined ? [] : [{ device, range }];
    });
}

function bigEndian(hex: string): number {
  return Buffer.from(hex, 'hex').readUInt32LE(0);
}
