// The mesh as proxies of one namespace see it: services and rules exported to it, and for each service the destination rule in force.
// One scope per namespace and mesh, shared by all its proxies.
import { type Client, clientOf } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import type { MeshIndex, RuleIndex } from '#compile/mesh-index.ts';
import type { DestinationRule, Subset } from '#model/destination-rule.ts';
import { compareSpecificity, hostCovers, isWildcard } from '#model/hostname.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { Service } from '#model/service.ts';
import type { VirtualService } from '#model/virtual-service.ts';
import { isVisibleIn } from '#model/visibility.ts';

export class Scope {
  readonly namespace: string;
  readonly mesh: Mesh;
  /** Visible services by host name, in the order of their names. */
  readonly services: ReadonlyMap<string, Service>;
  readonly #virtualServices = new Map<string, readonly VirtualService[]>();
  readonly #index: MeshIndex;
  readonly #cache: CompileCache;
  readonly #made = new Map<string, unknown>();
  #hostIndex: HostIndex | undefined;

  constructor(mesh: Mesh, namespace: string, index: MeshIndex, cache: CompileCache) {
    this.mesh = mesh;
    this.namespace = namespace;
    this.#index = index;
    this.#cache = cache;
    const visible = [...mesh.services.values()].filter((service) => isVisibleIn(service.visibility, namespace));
    visible.sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
    this.services = new Map(visible.map((service) => [service.hostname, service]));
  }

  /** What is the same for several proxies of this namespace is made for the first of them. One key always has one type of value. */
  once<Value>(key: string, make: () => Value): Value {
    if (!this.#made.has(key)) this.#made.set(key, make());
    // A key has one maker, so what comes out is what that maker put in.
    return this.#made.get(key) as Value;
  }

  /** The services of a namespace, seen from here or not, in the order of their names. */
  servicesIn(namespace: string): readonly Service[] {
    return this.#index.services.get(namespace) ?? [];
  }

  /** A proxy of this namespace as the calling side of routes. */
  client(proxy: Proxy): Client {
    return clientOf(this.mesh, proxy, this.#index);
  }

  /** The virtual services bound to `mesh` or to a Gateway (`namespace/name`), those with precedence first. */
  virtualServices(gateway: string): readonly VirtualService[] {
    let found = this.#virtualServices.get(gateway);
    if (found === undefined) {
      found = (this.#index.virtualServices.get(gateway) ?? []).filter(({ visibility }) => isVisibleIn(visibility, this.namespace));
      this.#virtualServices.set(gateway, found);
    }
    return found;
  }

  /**
   * The virtual service whose rules hold for calls of sidecars to `hostname`: the most specific host wins, and among equals the first in
   * precedence (the oldest). Source: Istio, VirtualService.hosts.
   */
  virtualServiceOf(hostname: string): VirtualService | undefined {
    this.#hostIndex ??= indexHosts(this.virtualServices('mesh'));
    const exact = this.#hostIndex.exact.get(hostname);
    return exact ?? this.#hostIndex.wildcards.find(([host]) => hostCovers(host, hostname))?.[1];
  }

  /**
   * The destination rule for calls to `service`: the client's namespace first, then the service's, then the root namespace; within one,
   * the most specific host. Rules for the same host are merged. Source: Istio, PushContext.destinationRule.
   */
  destinationRule(service: Service): DestinationRule | undefined {
    const { rootNamespace } = this.mesh.settings;
    const own = this.#rules(this.namespace, service.hostname, (rule) => this.namespace !== rootNamespace || rule.visibility.kind === 'namespaces');
    return own ?? this.#rules(service.namespace, service.hostname) ?? this.#rules(rootNamespace, service.hostname);
  }

  #rules(namespace: string, hostname: string, accept: (rule: DestinationRule) => boolean = () => true): DestinationRule | undefined {
    const index: RuleIndex | undefined = this.#index.rules.get(namespace);
    if (index === undefined) return undefined;
    const usable = (rules: readonly DestinationRule[] | undefined): readonly DestinationRule[] =>
      (rules ?? []).filter((rule) => isVisibleIn(rule.visibility, this.namespace) && accept(rule));
    const exact = usable(index.exact.get(hostname));
    if (exact.length > 0) return this.#merge(exact);
    for (const [host, rules] of index.wildcards) {
      if (!hostCovers(host, hostname)) continue;
      const found = usable(rules);
      if (found.length > 0) return this.#merge(found);
    }
    return undefined;
  }

  #merge(rules: readonly DestinationRule[]): DestinationRule | undefined {
    return rules.length === 1 ? rules[0] : this.#cache.once('merged destination rule', rules, '', () => mergeRules(rules));
  }
}

/** The first rule's policy, and the subsets of all, of which the first of a name counts. */
function mergeRules(rules: readonly DestinationRule[]): DestinationRule | undefined {
  const [first] = rules;
  if (first === undefined) return undefined;
  const subsets = new Map<string, Subset>();
  for (const rule of rules) {
    for (const subset of rule.subsets)
      if (!subsets.has(subset.name)) subsets.set(subset.name, { ...subset, policy: { ...rule.policy, ...subset.policy } });
  }
  return { ...first, subsets: [...subsets.values()] };
}

type HostIndex = {
  readonly exact: ReadonlyMap<string, VirtualService>;
  readonly wildcards: readonly (readonly [string, VirtualService])[];
};

function indexHosts(virtualServices: readonly VirtualService[]): HostIndex {
  const exact = new Map<string, VirtualService>();
  for (const virtualService of virtualServices) {
    for (const { hostname } of virtualService.hosts) if (!exact.has(hostname)) exact.set(hostname, virtualService);
  }
  return { exact, wildcards: [...exact].filter(([host]) => isWildcard(host)).sort(([a], [b]) => compareSpecificity(a, b)) };
}
