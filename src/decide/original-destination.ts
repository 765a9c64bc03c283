// Where a header sends a request of an ORIGINAL_DST cluster (x-envoy-original-dst-host: `address:port`).
import { isIP } from 'node:net';

/** Undefined for anything but an IP address with a port; IPv6 stands in brackets. */
export function parseDestination(text: string): { readonly address: string; readonly port: number } | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const address = found[1] ?? found[2] ?? '';
  const port = Number(found[3]);
  return isIP(address) === 0 || port > 65_535 ? undefined : { address, port };
}
