// Names of endpoints asked of one DNS server, from the proxy's own address: in a pod whose questions are led to the name server beside the proxy, which
// answers with addresses that only connections of the application can go to.
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { ResolveName } from '#proxy/dns-endpoints.ts';
import { formatAddress } from '#proxy/downstream-connection.ts';

const timeoutMs = 2_000;
const tries = 2;

/** `proxyAddresses`: at most one of each family. */
export function resolverAt(server: { readonly address: string; readonly port: number }, proxyAddresses: readonly string[]): ResolveName {
  const resolver = new Resolver({ timeout: timeoutMs, tries });
  resolver.setServers([formatAddress(server.address, server.port)]);
  const own = (family: number): string | undefined => proxyAddresses.find((address) => isIP(address) === family);
  resolver.setLocalAddress(own(4) ?? '0.0.0.0', own(6) ?? '::0');
  return async (name, wantsTtl) => {
    const v4 = await resolver.resolve4(name, { ttl: true }).catch(() => []);
    const records = v4.length > 0 ? v4 : await resolver.resolve6(name, { ttl: true });
    const addresses = records.map(({ address }) => address);
    return wantsTtl && records.length > 0 ? { addresses, ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000 } : { addresses };
  };
}
