// Addresses for services that have none, so that an app which asks the mesh's DNS for one of them connects to something the proxy knows.
// A host keeps its address whatever else comes and goes, unless two hosts fall on one.
import { fnv1a32 } from '#base/fnv.ts';

const slots = 256 * 254;
/** The largest prime below `slots`, for the step to the next slot where one is taken. */
const prime = 65_011;

export type AddressRequest = { readonly namespace: string; readonly hostname: string };

/**
 * Gives each host of each namespace an address of 240.240.0.0/16 and one of 2001:2::/48, none of `taken`. A request for each resource that
 * names the host, in a stable order. Source: Istio, autoAllocateIPs: the first slot is the hash of `namespace/hostname`; each request takes
 * one, and a host has the lowest of its slots.
 */
export function automaticAddresses(requests: Iterable<AddressRequest>, taken: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const used = new Set(taken);
  const lowest = new Map<string, number>();
  for (const { namespace, hostname } of requests) {
    const key = `${namespace}/${hostname}`;
    const start = fnv1a32(key);
    const step = prime - (start % prime);
    let slot = start % slots;
    for (let tries = 1; used.has(ipv4Of(slot)) && tries < slots; tries++) slot = ((start + tries * step) >>> 0) % (slots - 1);
    used.add(ipv4Of(slot));
    lowest.set(key, Math.min(lowest.get(key) ?? slot, slot));
  }
  return new Map([...lowest].map(([key, slot]) => [key, [ipv4Of(slot), ipv6Of(slot)]]));
}

/** Third and fourth part of the address, counted by 255, leaving .0 and .255 out. */
function partsOf(slot: number): readonly [third: number, fourth: number] {
  const position = (slot + 1) % 255 === 0 ? slot + 2 : slot + 1;
  return [Math.floor(position / 255), position % 255];
}

function ipv4Of(slot: number): string {
  return `240.240.${partsOf(slot).join('.')}`;
}

function ipv6Of(slot: number): string {
  const [third, fourth] = partsOf(slot);
  return `2001:2::f0f0:${third === 0 ? '' : third.toString(16)}${fourth.toString(16)}`;
}
