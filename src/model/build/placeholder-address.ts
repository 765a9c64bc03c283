// Addresses for what has none yet: pods that do not run, services outside a cluster. The same name gets the same address whatever else is
// there, unless two names fall on one address; then the one that comes first keeps it.
import { fnv1a32 } from '#base/fnv.ts';

/** Gives each name an address of the /16 that begins with `prefix` (`10.244`), none of `taken`. Names in a stable order. */
export function placeholderAddresses(prefix: string, names: Iterable<string>, taken: ReadonlySet<string>): ReadonlyMap<string, string> {
  const used = new Set(taken);
  const addresses = new Map<string, string>();
  for (const name of names) {
    let slot = fnv1a32(name);
    let address = addressAt(prefix, slot);
    while (used.has(address)) address = addressAt(prefix, ++slot);
    used.add(address);
    addresses.set(name, address);
  }
  return addresses;
}

/** 256 × 254 hosts; .0 and .255 are left out, as they look like network and broadcast. */
function addressAt(prefix: string, slot: number): string {
  const host = slot % (256 * 254);
  return `${prefix}.${Math.floor(host / 254)}.${1 + (host % 254)}`;
}
