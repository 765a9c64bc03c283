// A name table, ready to be asked: hosts by name, pods by their service, names by address. What only few questions need is made for the first of them.
import { addressKey, dashed, parentOf } from '#dns/dns-name.ts';
import { type RecordBody, recordBody } from '#dns/record.ts';
import type { NameTable, NameTable_NameInfo } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';

export type HostPort = { readonly name: string; readonly number: number; readonly udp: boolean };

/** A host of the table, or a pod of a headless service that has no name of its own. */
export class HostEntry {
  /** As the table writes it, in lower case; a wildcard begins with `*.`. */
  readonly host: string;
  readonly ips: readonly string[];
  readonly isKubernetes: boolean;
  /** `reviews.default`: what short names of the host begin with; undefined where it has none. */
  readonly short: string | undefined;
  readonly namespace: string;
  readonly ports: readonly HostPort[];
  readonly headless: boolean;
  /** The host that this one stands for. */
  readonly alias: string | undefined;
  #v4: readonly RecordBody[] | undefined;
  #v6: readonly RecordBody[] | undefined;

  constructor(host: string, { ips, registry, shortname, namespace, ports, headless, alias }: NameTable_NameInfo) {
    this.host = host;
    this.ips = ips;
    this.isKubernetes = registry === 'Kubernetes';
    this.short = shortname === '' || namespace === '' ? undefined : `${shortname}.${namespace}`.toLowerCase();
    this.namespace = namespace;
    this.ports = ports;
    this.headless = headless;
    this.alias = alias === '' ? undefined : alias.toLowerCase();
  }

  /** Records of type A. */
  get v4(): readonly RecordBody[] {
    this.#v4 ??= this.#records('A');
    return this.#v4;
  }

  /** Records of type AAAA. */
  get v6(): readonly RecordBody[] {
    this.#v6 ??= this.#records('AAAA');
    return this.#v6;
  }

  #records(type: 'A' | 'AAAA'): readonly RecordBody[] {
    return this.ips.filter((ip) => ip.includes(':') === (type === 'AAAA')).flatMap((ip) => recordBody({ type, data: ip }) ?? []);
  }
}

export class NameIndex {
  readonly #hosts = new Map<string, HostEntry>();
  #pods: ReadonlyMap<string, readonly HostEntry[]> | undefined;
  #byAddress: ReadonlyMap<string, readonly string[]> | undefined;

  constructor({ table }: NameTable) {
    for (const [written, info] of Object.entries(table)) {
      const host = written.toLowerCase().replace(/\.$/, '');
      // Of no use to anybody, and whoever is asked in its place may know more. Source: Istio, BuildAlternateHosts.
      if (info.ips.length === 0 && info.alias === '') continue;
      const entry = new HostEntry(host, info);
      this.#hosts.set(host, entry);
      for (const alternative of info.altHosts) if (!Object.hasOwn(table, alternative)) this.#hosts.set(alternative.toLowerCase(), entry);
    }
  }

  get size(): number {
    return this.#hosts.size;
  }

  /** Whether the table itself names the host. */
  has(host: string): boolean {
    return this.#hosts.has(host);
  }

  hosts(): Iterable<string> {
    return this.#hosts.keys();
  }

  /** A host by its whole name, a wildcard by itself; or a pod by its address, `10-1-2-3.db.default.svc.cluster.local`. */
  get(name: string): HostEntry | undefined {
    return this.#hosts.get(name) ?? this.#podByAddress(name);
  }

  #podByAddress(name: string): HostEntry | undefined {
    const parent = parentOf(name);
    const service = parent === '' ? undefined : this.#hosts.get(parent);
    if (service === undefined || !service.headless) return undefined;
    const label = name.slice(0, name.length - parent.length - 1);
    const ip = service.ips.find((one) => dashed(one) === label);
    return ip === undefined ? undefined : namelessPod(service, ip);
  }

  /** Of a headless service: each of its pods under its own name. Those without one are named by their address. */
  podsOf(service: HostEntry): readonly HostEntry[] {
    if (!service.headless) return [];
    this.#pods ??= Map.groupBy(
      [...this.#hosts.values()].filter(({ isKubernetes, ips }) => isKubernetes && ips.length > 0),
      ({ host }) => parentOf(host),
    );
    const named = this.#pods.get(service.host) ?? [];
    const known = new Set(named.flatMap(({ ips }) => ips));
    return [...named, ...service.ips.filter((ip) => !known.has(ip)).map((ip) => namelessPod(service, ip))];
  }

  /** The hosts at an address, a pod's own name before its service's. `key`: see `addressKey`. */
  hostsAt(key: string): readonly string[] {
    this.#byAddress ??= this.#indexAddresses();
    return this.#byAddress.get(key) ?? [];
  }

  #indexAddresses(): ReadonlyMap<string, readonly string[]> {
    const byAddress = new Map<string, string[]>();
    for (const entry of this.#hosts.values()) {
      if (entry.host.startsWith('*')) continue;
      for (const { host, ips } of entry.headless ? this.podsOf(entry) : [entry]) {
        for (const ip of ips) {
          const key = addressKey(ip) ?? '';
          const known = byAddress.get(key) ?? [];
          if (!known.includes(host)) byAddress.set(key, [...known, host]);
        }
      }
    }
    return byAddress;
  }
}

function namelessPod(service: HostEntry, ip: string): HostEntry {
  return new HostEntry(`${dashed(ip)}.${service.host}`, {
    $typeName: 'istio.networking.nds.v1.NameTable.NameInfo',
    ips: [ip],
    registry: 'Kubernetes',
    shortname: '',
    namespace: service.namespace,
    altHosts: [],
    ports: service.ports.map((port) => ({ $typeName: 'istio.networking.nds.v1.NameTable.NameInfo.Port', ...port })),
    headless: false,
    alias: '',
  });
}
