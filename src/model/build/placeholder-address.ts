// Addresses for what has none yet: pods that do not run, services outside a cluster. The same name gets the same address whatever else is
// there, unless two names fall on one address; then the one that comes first keeps it.

/** Gives each name an address of the /16 that begins with `prefix` (`10.244`), none of `taken`. Names in a stable order. */
export function placeholderAddresses(prefix: string, names: Iterable<string>, taken: ReadonlySet<string>): ReadonlyMap<string, string> {
  const used = new Set(taken);
  const addresses = new Map<string, string>();
  for (const name of names) {
    let slot = hash(name);
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

/** FNV-1a, 32 bit. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return value;
}
