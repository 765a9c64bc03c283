// The mesh as proxies of one namespace and Sidecar see it: services and rules exported to it and let in, and for each service the
// destination rule in force. One scope per mesh, namespace and Sidecar, shared by all its proxies; egress listeners are views of it.
import { type Client, clientOf } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import {
  destinationsOf,
  type Imports,
  importsOf,
  importsService,
  importsVirtualService,
  joinPorts,
  namesExactly,
  withPorts,
} from '#compile/egress-import.ts';
import type { MeshIndex } from '#compile/mesh-index.ts';
import type { TokenKeys } from '#compile/token-keys.ts';
import { inGatewayOrder, inMeshOrder } from '#compile/virtual-service-order.ts';
import type { DestinationRule } from '#model/destination-rule.ts';
import type { PeerAuthenticationIndex } from '#model/effective-mtls.ts';
import { aliasAsService } from '#model/external-alias.ts';
import { compareSpecificity, hostCovers, isWildcard } from '#model/hostname.ts';
import type { Mesh } from '#model/mesh.ts';
import { podServices } from '#model/pod-host.ts';
import type { Proxy } from '#model/proxy.ts';
import { type Service, visibleServices } from '#model/service.ts';
import type { EgressListener, OutboundPolicy, Sidecar } from '#model/sidecar.ts';
import type { VirtualService } from '#model/virtual-service.ts';
import { isVisibleIn } from '#model/visibility.ts';

/** What a scope is made of: the same for it and its views. */
export type ScopeParts = {
  readonly mesh: Mesh;
  readonly namespace: string;
  readonly sidecar: Sidecar | undefined;
  /** Whether connections come with the address that they were made to. */
  readonly redirected: boolean;
  readonly index: MeshIndex;
  readonly cache: CompileCache;
  readonly tokenKeys: TokenKeys;
};

/** A part of a scope: what one egress listener of its Sidecar lets in. */
type ViewOf = { readonly scope: Scope; readonly listener: EgressListener; readonly position: number };

export class Scope {
  readonly namespace: string;
  readonly mesh: Mesh;
  readonly sidecar: Sidecar | undefined;
  /** The egress listener that this is the view of; undefined where there is one for everything. */
  readonly listener: EgressListener | undefined;
  /** Tells the scopes of one mesh apart. */
  readonly key: string;
  /** Whether connections come with the address that they were made to. */
  readonly redirected: boolean;
  /** What happens to traffic for hosts that are not known here. */
  readonly outboundPolicy: OutboundPolicy;
  readonly #parts: ScopeParts;
  readonly #whole: Scope | undefined;
  readonly #imports: Imports | undefined;
  readonly #services: ReadonlyMap<string, Service>;
  readonly #virtualServices = new Map<string, readonly VirtualService[]>();
  readonly #made = new Map<string, unknown>();
  readonly #views: readonly Scope[];
  #needed: ReadonlyMap<string, Service> | undefined;
  #hostIndex: HostIndex | undefined;

  constructor(parts: ScopeParts, view?: ViewOf) {
    const { mesh, namespace, sidecar } = parts;
    this.#parts = parts;
    this.mesh = mesh;
    this.namespace = namespace;
    this.sidecar = sidecar;
    this.listener = view?.listener;
    this.#whole = view?.scope;
    const own = sidecar === undefined ? namespace : `${namespace} by ${sidecar.namespace}/${sidecar.name}`;
    const name = parts.redirected ? own : `${own} unredirected`;
    this.key = view === undefined ? name : `${name} ${view.position}`;
    this.redirected = parts.redirected;
    this.outboundPolicy = outboundPolicy(parts);
    this.#imports = view === undefined ? undefined : importsOf(view.listener, namespace);
    this.#services = this.#importedServices();
    const listeners = view === undefined ? (sidecar?.egress ?? []) : [];
    this.#views = listeners.map((listener, position) => new Scope(parts, { scope: this, listener, position }));
  }

  /** What is the same for several proxies of this scope is made for the first of them. One key always has one type of value. */
  once<Value>(key: string, make: () => Value): Value {
    // A key has one maker, so what comes out is what that maker put in.
    const known = this.#made.get(key) as Value | undefined;
    if (known !== undefined) return known;
    const value = make();
    this.#made.set(key, value);
    return value;
  }

  /** The views of the egress listeners, in order; the scope itself where no Sidecar names any. */
  get egress(): readonly Scope[] {
    return this.#views.length === 0 ? [this] : this.#views;
  }

  /** The view that decides about a port: of the listener that names it, else of the one for all other ports; undefined where there is none. */
  egressFor(port: number): Scope | undefined {
    return this.egress.find(({ listener }) => listener?.port === undefined || (port !== 0 && listener.port.number === port));
  }

  /**
   * Services by host name, older first, then by name. Of a view: those it lets in. Of a scope: those of its views, and what the virtual
   * services of these send to, which proxies need clusters for.
   */
  get services(): ReadonlyMap<string, Service> {
    if (this.#views.length === 0) return this.#services;
    this.#needed ??= this.#neededServices();
    return this.#needed;
  }

  /** A service that rules of this scope or view may send to, by its own name or that of an ExternalName Service that stands for it. */
  service(hostname: string): Service | undefined {
    const { services } = this.#whole ?? this;
    const target = this.mesh.aliases.get(hostname)?.target;
    return services.get(hostname) ?? (target === undefined ? undefined : services.get(target));
  }

  /** The services of a namespace, seen from here or not, in the order of their names. */
  servicesIn(namespace: string): readonly Service[] {
    return this.#parts.index.services.get(namespace) ?? [];
  }

  /** The keys that were fetched for token issuers. */
  get tokenKeys(): TokenKeys {
    return this.#parts.tokenKeys;
  }

  get peerAuthentications(): PeerAuthenticationIndex {
    return this.#parts.index.peerAuthentications;
  }

  /**
   * Stands for everything that decides what the destinations of rules are for a client, and what is wrong with them: the same object as for the last
   * mesh where none of it has changed. Endpoints are not of it. What is made of a rule can be remembered by it, the rule, and the client's `shareKey`.
   */
  destinations(client: Pick<Client, 'isTold'>): object {
    const whole = this.#whole ?? this;
    return whole.once(client.isTold ? 'destinations, told' : 'destinations', () => {
      const { mesh, key } = whole;
      const services = [...whole.services.values()].flatMap(({ hostname, namespace, ports, external }) => [hostname, namespace, ports, external]);
      const findings = client.isTold ? mesh.diagnostics.flatMap(({ at, message, hint }) => (at === undefined ? [] : [at, message, hint])) : [];
      const parts = [services.length, ...services, mesh.aliases.size, ...mesh.aliases.values(), ...mesh.destinationRules, ...findings];
      return this.#parts.cache.madeOf('destinations', `${key} ${client.isTold}`, parts, () => ({}));
    });
  }

  /** A proxy of this scope as the calling side of routes. */
  client(proxy: Proxy): Client {
    return clientOf(this.mesh, proxy, this.#parts.index);
  }

  /** The virtual services bound to `mesh` or to a Gateway (`namespace/name`), in the order in which they count there. */
  virtualServices(gateway: string): readonly VirtualService[] {
    let found = this.#virtualServices.get(gateway);
    if (found === undefined) {
      found = this.#visibleVirtualServices(gateway);
      this.#virtualServices.set(gateway, found);
    }
    return found;
  }

  #visibleVirtualServices(gateway: string): readonly VirtualService[] {
    const visible = (this.#parts.index.virtualServices.get(gateway) ?? []).filter(({ visibility }) => isVisibleIn(visibility, this.namespace));
    if (gateway !== 'mesh') return inGatewayOrder(visible, this.namespace);
    const imports = this.#imports;
    const imported = imports === undefined ? visible : visible.filter((virtualService) => importsVirtualService(imports, virtualService));
    return inMeshOrder(imported, this.namespace);
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

  #importedServices(): ReadonlyMap<string, Service> {
    const { mesh, namespace } = this;
    const imports = this.#imports;
    const seen = imports === undefined ? visibleServices(mesh, namespace) : this.#letIn(imports);
    const visible = [...seen, ...this.#externalAliases(imports), ...this.#podsByName(seen)];
    const { port } = this.listener ?? {};
    // A listener of a port sees that port only, unless it is a proxy for whatever it is asked for.
    const onPort =
      port === undefined || port.number === 0 || port.httpProxy
        ? visible
        : visible.flatMap((service) => withPorts(service, (number) => number === port.number, this.#parts.cache) ?? []);
    return new Map(onPort.sort(compareAge).map((service) => [service.hostname, service]));
  }

  /**
   * Aliases of hosts outside the mesh count as services where the proxy is asked for them, as nothing is redirected to it. What is closed to all but
   * registered hosts stays closed.
   */
  #externalAliases(imports: Imports | undefined): readonly Service[] {
    const { aliases, services } = this.mesh;
    if (this.#parts.redirected || aliases.size === 0 || this.outboundPolicy.mode === 'REGISTRY_ONLY') return [];
    return [...aliases.values()].flatMap((alias) => {
      if (services.has(alias.target ?? '') || !isVisibleIn(alias.visibility, this.namespace)) return [];
      const service = this.#parts.cache.once('alias as service', [alias], '', () => aliasAsService(alias));
      return service === undefined || (imports !== undefined && !importsService(imports, service)) ? [] : [service];
    });
  }

  /** Likewise the pods of headless services, by their names. */
  #podsByName(seen: readonly Service[]): readonly Service[] {
    if (this.#parts.redirected) return [];
    return seen.flatMap((service) => (service.headless ? this.#parts.cache.once('pods as services', [service], '', () => podServices(service)) : []));
  }

  /** Of services of one name the one of the own namespace, else the Kubernetes Service, else the first. Source: Istio, selectServices. */
  #letIn(imports: Imports): Service[] {
    const hostnames = namesExactly(imports) ? exactHosts(imports) : this.mesh.services.keys();
    const found: Service[] = [];
    for (const hostname of hostnames) {
      const best = this.#best(hostname, (service) => isVisibleIn(service.visibility, this.namespace) && importsService(imports, service));
      if (best !== undefined) found.push(best);
    }
    return found;
  }

  #best(hostname: string, accept: (service: Service) => boolean): Service | undefined {
    const { services, sharedHosts } = this.mesh;
    const only = services.get(hostname);
    const candidates = (sharedHosts.get(hostname) ?? (only === undefined ? [] : [only])).filter(accept);
    return (
      candidates.find(({ namespace }) => namespace === this.namespace) ??
      candidates.find(({ registry }) => registry === 'kubernetes') ??
      candidates[0]
    );
  }

  #neededServices(): ReadonlyMap<string, Service> {
    const { cache } = this.#parts;
    const needed = new Map<string, Service>();
    const add = (service: Service): void => {
      const known = needed.get(service.hostname);
      const whole = this.#best(service.hostname, ({ namespace }) => namespace === service.namespace) ?? service;
      needed.set(service.hostname, known === undefined || known === service ? service : joinPorts(whole, known, service, cache));
    };
    for (const view of this.#views) {
      for (const service of view.services.values()) add(service);
      const { port } = view.listener ?? {};
      const onlyPort = port === undefined || port.number === 0 || port.httpProxy ? undefined : port.number;
      for (const virtualService of view.virtualServices('mesh')) {
        for (const [hostname, ports] of destinationsOf(virtualService, this.namespace)) {
          const service = this.#best(hostname, (one) => one.namespace === this.namespace || isVisibleIn(one.visibility, this.namespace));
          if (service === undefined || (needed.get(hostname)?.namespace ?? service.namespace) !== service.namespace) continue;
          const isIn = (number: number): boolean => (onlyPort === undefined ? ports === 'all' || ports.has(number) : number === onlyPort);
          const some = withPorts(service, isIn, cache);
          if (some !== undefined) add(some);
        }
      }
    }
    return new Map([...needed.values()].sort(compareAge).map((service) => [service.hostname, service]));
  }

  /**
   * The destination rule for calls to `service`, of a client with these labels: only rules with a workloadSelector look at them.
   */
  destinationRule({ hostname, namespace }: Service, labels: Proxy['labels'] = {}): DestinationRule | undefined {
    const { index, cache } = this.#parts;
    if (this.mesh.destinationRules.length === 0) return undefined;
    return index.destinationRules.lookup({ hostname, namespace }, { namespace: this.namespace, labels }, this.mesh.settings.rootNamespace, cache);
  }

  /** The destination rule for a host that rules of this scope or view may send to. */
  ruleOf(hostname: string, labels: Proxy['labels']): DestinationRule | undefined {
    const service = this.service(hostname);
    return service === undefined ? undefined : this.destinationRule(service, labels);
  }
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

/** Without redirection there is no address to pass through to: where any host may be called, DNS says where it is. */
function outboundPolicy({ sidecar, mesh, redirected }: ScopeParts): OutboundPolicy {
  const policy = sidecar?.outboundTrafficPolicy ?? { mode: mesh.settings.outboundTrafficPolicy };
  return !redirected && policy.mode === 'ALLOW_ANY' && policy.egressProxy === undefined ? { mode: 'ALLOW_ANY_DYNAMIC_DNS' } : policy;
}

function exactHosts(imports: Imports): ReadonlySet<string> {
  return new Set([...imports.values()].flatMap(({ exact }) => [...exact]));
}

function compareAge(a: Service, b: Service): number {
  return (a.createdMs ?? 0) - (b.createdMs ?? 0) || (a.hostname < b.hostname ? -1 : a.hostname > b.hostname ? 1 : 0);
}
