// The addresses of Services, as a cluster's API server gives them: Services in, those with an address they were not written with out. The same name has
// the same address for as long as the mesh runs, and mostly in its next run too.
import { isIP } from 'node:net';
import type { KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { formatIp, parseCidr } from '#base/cidr.ts';
import { fnv1a32 } from '#base/fnv.ts';
import { type IpFamily, serviceFamilies } from '#runtime/ip-families.ts';

type Service = KindMap['Service'];

/** In CIDR form; of IPv6 where Services have it. */
export type ServiceRanges = { readonly IPv4: string; readonly IPv6?: string };

export class ClusterIps {
  readonly #ranges: ReadonlyMap<IpFamily, Range>;
  /** By family and `namespace/name`; those of Services that are gone stay theirs: connections may still be on their way, and they may come back. */
  readonly #given = new Map<string, string>();
  /** The same object for the same Service, by which what was made of it is known. */
  readonly #made = new WeakMap<Service, Service>();

  /** The first and last address of a range are left out, as they look like network and broadcast. Throws on what is no such range. */
  constructor({ IPv4, IPv6 }: ServiceRanges) {
    this.#ranges = new Map([['IPv4', readRange(IPv4, 'IPv4')], ...(IPv6 === undefined ? [] : [['IPv6', readRange(IPv6, 'IPv6')] as const])]);
  }

  /** What has to stand in place of Services that lack an address: not those that are headless, that stand for a name elsewhere, or that have all. */
  withAddresses(services: Iterable<Service>): readonly Service[] {
    const all = [...services];
    const written = new Set(all.flatMap(({ spec }) => writtenAddresses(spec)));
    const without = all.filter(takesAddress).sort((a, b) => (resourceKey(a.metadata) < resourceKey(b.metadata) ? -1 : 1));
    return without.flatMap((service) => this.#withAddresses(service, written) ?? []);
  }

  /** Undefined where nothing is missing, or the range is used up: the Service then stays as it was written. */
  #withAddresses(service: Service, written: ReadonlySet<string>): Service | undefined {
    const own = writtenAddresses(service.spec);
    const families = serviceFamilies(service, this.#ranges.has('IPv6'));
    if (families.every((family) => own.some((address) => isOf(address, family)))) return undefined;
    const addresses = families.flatMap((family) => own.find((address) => isOf(address, family)) ?? this.#address(service, family, written) ?? []);
    const [first] = addresses;
    if (first === undefined) return undefined;
    const made = this.#made.get(service);
    if (made?.spec.clusterIPs?.join() === addresses.join()) return made;
    const now: Service = { ...service, spec: { ...service.spec, clusterIP: first, clusterIPs: addresses } };
    this.#made.set(service, now);
    return now;
  }

  #address({ metadata }: Service, family: IpFamily, written: ReadonlySet<string>): string | undefined {
    const name = resourceKey(metadata);
    const key = `${family} ${name}`;
    const known = this.#given.get(key);
    const address = known === undefined || written.has(known) ? this.#freeAddress(name, family, written) : known;
    if (address !== undefined) this.#given.set(key, address);
    return address;
  }

  #freeAddress(name: string, family: IpFamily, written: ReadonlySet<string>): string | undefined {
    const range = this.#ranges.get(family);
    if (range === undefined) return undefined;
    const taken = new Set(this.#given.values());
    const start = fnv1a32(name);
    for (let step = 0; step < range.count; step++) {
      const address = range.at((start + step) % range.count);
      if (!taken.has(address) && !written.has(address)) return address;
    }
    return undefined;
  }
}

type Range = { readonly count: number; readonly at: (index: number) => string };

function readRange(text: string, family: IpFamily): Range {
  const cidr = parseCidr(text);
  const bits = family === 'IPv4' ? 32 : 128;
  if (cidr === undefined || cidr.masks.length * 32 !== bits || cidr.length > bits - 2) throw new Error(`no range of ${family} for services: ${text}`);
  const last = cidr.words.length - 1;
  // Of IPv6 as many as the last 32 bits have: that is plenty.
  const count = 2 ** Math.min(bits - cidr.length, 32) - 2;
  const at = (index: number): string =>
    formatIp({ family: cidr.family, words: cidr.words.map((word, place) => (place === last ? word + 1 + index : word)) });
  return { count, at };
}

function takesAddress({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && spec.clusterIP !== 'None' && spec.clusterIPs?.[0] !== 'None';
}

function writtenAddresses({ clusterIP = '', clusterIPs = [] }: Service['spec']): readonly string[] {
  return [clusterIP, ...clusterIPs].filter((address) => isIP(address) !== 0);
}

function isOf(address: string, family: IpFamily): boolean {
  return isIP(address) === (family === 'IPv4' ? 4 : 6);
}
