// Which of our addresses a connection to an endpoint comes from: the cluster's own (upstream_bind_config: Istio's 127.0.0.6 for what is inbound), else the
// proxy's, by which what it sends is told apart from what its application sends.
import { isIP } from 'node:net';
import type { ClusterEntry } from '#decide/cluster-entry.ts';

/** For the options of a socket; empty: the system chooses. A name is looked up in the family of the proxy's first address. */
export function sourceOf(
  { bindAddresses, proxyAddresses = none }: ClusterEntry,
  address: string,
): { readonly localAddress?: string; readonly family?: 4 | 6 } {
  if (bindAddresses !== undefined) {
    const localAddress = bindAddresses.length < 2 ? bindAddresses[0] : (bindAddresses.find((own) => isIP(own) === isIP(address)) ?? bindAddresses[0]);
    return localAddress === undefined ? nothing : { localAddress };
  }
  const [first] = proxyAddresses;
  if (first === undefined) return nothing;
  const family = isIP(address);
  if (family === 0) return { localAddress: first, family: isIP(first) === 6 ? 6 : 4 };
  const localAddress = proxyAddresses.find((own) => isIP(own) === family);
  return localAddress === undefined ? nothing : { localAddress };
}

const none: readonly string[] = [];
const nothing = {};
