// The addresses of Services, as a cluster's API server gives them: Services in, those with an address they were not written with out. The same name has
// the same address for as long as the mesh runs, and mostly in its next run too.
import { isIPv4 } from 'node:net';
import type { KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { parseCidr } from '#base/cidr.ts';
import { fnv1a32 } from '#base/fnv.ts';

type Service = KindMap['Service'];

export class ClusterIps {
  readonly #first: number;
  readonly #count: number;
  /** By `namespace/name`; those of Services that are gone stay theirs: connections may still be on their way, and they may come back. */
  readonly #given = new Map<string, string>();
  /** The same object for the same Service, by which what was made of it is known. */
  readonly #made = new WeakMap<Service, Service>();

  /** `range`: IPv4 in CIDR form. Its first and last address are left out, as they look like network and broadcast. Throws on what is no such range. */
  constructor(range: string) {
    const cidr = parseCidr(range);
    if (cidr?.family !== 4 || cidr.length > 30) throw new Error(`no range of IPv4 addresses for services: ${range}`);
    this.#first = (cidr.words[0] ?? 0) + 1;
    this.#count = 2 ** (32 - cidr.length) - 2;
  }

  /** What has to stand in place of Services without a `clusterIP`: not those that are headless, that stand for a name elsewhere, or that have one. */
  withAddresses(services: Iterable<Service>): readonly Service[] {
    const all = [...services];
    const written = new Set(all.flatMap(({ spec }) => (spec.clusterIP === undefined ? [] : [spec.clusterIP])));
    const without = all.filter(needsAddress).sort((a, b) => (resourceKey(a.metadata) < resourceKey(b.metadata) ? -1 : 1));
    return without.flatMap((service) => this.#withAddress(service, written) ?? []);
  }

  /** Undefined where the range is used up: the Service then stays as it was written. */
  #withAddress(service: Service, written: ReadonlySet<string>): Service | undefined {
    const key = resourceKey(service.metadata);
    const known = this.#given.get(key);
    const address = known === undefined || written.has(known) ? this.#freeAddress(key, written) : known;
    if (address === undefined) return undefined;
    this.#given.set(key, address);
    const made = this.#made.get(service);
    if (made?.spec.clusterIP === address) return made;
    const now: Service = { ...service, spec: { ...service.spec, clusterIP: address, clusterIPs: [address] } };
    this.#made.set(service, now);
    return now;
  }

  #freeAddress(key: string, written: ReadonlySet<string>): string | undefined {
    const taken = new Set(this.#given.values());
    const start = fnv1a32(key);
    for (let step = 0; step < this.#count; step++) {
      const address = formatIpv4(this.#first + ((start + step) % this.#count));
      if (!taken.has(address) && !written.has(address)) return address;
    }
    return undefined;
  }
}

function needsAddress({ spec }: Service): boolean {
  if (spec.type === 'ExternalName') return false;
  const written = spec.clusterIP ?? spec.clusterIPs?.[0] ?? '';
  return written !== 'None' && !isIPv4(written);
}

function formatIpv4(word: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(word / 2 ** shift) % 256).join('.');
}
