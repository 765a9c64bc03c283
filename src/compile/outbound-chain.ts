// In: a service's port as a client calls it, and the virtual services it sees. Out: the filter chains of the listener for it that pass bytes
// on: by server name and address as the tcp and tls rules say, else straight to the service. Plain values: see listener-outbound.ts for
// the messages made of them.
import { type IpAddress, inRange, parseCidr, parseIp } from '#base/cidr.ts';
import type { Origin } from '#base/origin.ts';
import type { Client } from '#compile/client.ts';
import { type ConnectionContext, concerns, ruleTarget } from '#compile/connection-rule.ts';
import { configPath, outboundClusterName } from '#compile/names.ts';
import type { Scope } from '#compile/scope.ts';
import { tcpOptions } from '#compile/tcp-options.ts';
import { type TcpOptions, type TcpTarget, toCluster } from '#compile/tcp-proxy.ts';
import { hostsOverlap, isWildcard } from '#model/hostname.ts';
import type { Protocol } from '#model/protocol.ts';
import type { Service, ServicePort } from '#model/service.ts';
import type { ConnectionMatch, VirtualService, WeightedDestination } from '#model/virtual-service.ts';

export type OutboundChain = {
  /** Server names (SNI) that it is for; empty: any connection. */
  readonly serverNames: readonly string[];
  /** Addresses and CIDRs that the connection was made to; empty: any. */
  readonly prefixes: readonly string[];
  /** Only connections that the HTTP inspector finds to be HTTP. */
  readonly sniffedHttp: boolean;
  readonly content: ChainContent;
  /** The virtual service that it is there for, as its metadata names it. */
  readonly config?: string;
  /** Where it comes from; the object itself is what caches find it by. */
  readonly origin: Origin;
};

/** The routes of a chain for HTTP, by the name of their configuration: of all services with that port, of one service, for a proxy, or for a socket. */
export type RoutesOf = { readonly name: string; readonly view: Scope } & (
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'service'; readonly service: Service; readonly port: ServicePort }
  | { readonly kind: 'http-proxy' }
  | { readonly kind: 'socket' }
);

export type ChainContent =
  | { readonly kind: 'http'; readonly routes: RoutesOf; readonly protocol: Protocol }
  | { readonly kind: 'bytes'; readonly target: TcpTarget };

/** The listener that chains are for. `port` is that of a Sidecar's egress listener, or of the service. */
export type ListenerPlace = {
  readonly port: Pick<ServicePort, 'number' | 'protocol' | 'origin'>;
  /** What the listener is bound to, or would be. */
  readonly bind: string;
  readonly isWildcard: boolean;
  /** The CIDRs of the service that stand for it on a wildcard. */
  readonly prefixes: readonly string[];
  /** Without redirection a connection shows no address: the service's own decide which rules about addresses hold. */
  readonly hasOriginalDestination: boolean;
};

/** HTTPS and TLS ports pass bytes on by server name; all others that are not HTTP by address alone. */
export function isEncrypted(protocol: Protocol): boolean {
  return protocol === 'https' || protocol === 'tls';
}

/** Source: Istio, buildSidecarOutboundTCPListenerOpts. */
export function byteChains(view: Scope, service: Service, place: ListenerPlace, client: Client): readonly OutboundChain[] {
  const rules = rulesFor(view, service.hostname);
  return isEncrypted(place.port.protocol) ? tlsChains(view, service, place, client, rules) : tcpChains(view, service, place, client, rules);
}

/** Of matches that say the same about names and addresses the first counts: the others can never be reached. */
function tlsChains(view: Scope, service: Service, place: ListenerPlace, client: Client, rules: readonly VirtualService[]): readonly OutboundChain[] {
  const context = contextOf(view, place.port.number, client);
  const seen = new Set<string>();
  const chains: OutboundChain[] = [];
  let { prefixes } = place;
  for (const virtualService of rules) {
    for (const { matches, destinations } of virtualService.tls) {
      const target = ruleTarget(destinations, virtualService, context);
      if (target === undefined) continue;
      for (const match of matches) {
        if (!concerns(match, context) || !addressesHold(match, service, place)) continue;
        // As in Istio, addresses that one match names count for the later ones that name none.
        if (match.destinationSubnets.length > 0 && place.hasOriginalDestination) prefixes = match.destinationSubnets;
        const condition = `${match.sniHosts.join(',')}|${match.destinationSubnets.join(',')}`;
        if (seen.has(condition)) continue;
        seen.add(condition);
        chains.push(chain(target, match.origin, { serverNames: match.sniHosts, prefixes, config: configPath('virtual-service', virtualService) }));
      }
    }
  }
  if (chains.length > 0) return chains;
  const serverNames = needsServerName(service, place) ? [service.hostname, ...(service.aliases ?? [])] : [];
  return [chain(toService(view, service, place, client), place.port.origin, { serverNames, prefixes: place.prefixes })];
}

/** Where nothing but the name tells services apart: on a wildcard, and behind CIDRs. */
function needsServerName({ hostname, addresses, resolution }: Service, place: ListenerPlace): boolean {
  if (!place.hasOriginalDestination) return false;
  return place.prefixes.length > 0 || (addresses.length === 0 && place.isWildcard) || (isWildcard(hostname) && resolution === 'dynamic-dns');
}

/** A rule without conditions on addresses ends the search; what it leaves over goes to the service. */
function tcpChains(view: Scope, service: Service, place: ListenerPlace, client: Client, rules: readonly VirtualService[]): readonly OutboundChain[] {
  const context = contextOf(view, place.port.number, client);
  const chains: OutboundChain[] = [];
  let hasDefault = false;
  for (const virtualService of rules) {
    for (const { matches, destinations, origin } of virtualService.tcp) {
      const target = ruleTarget(destinations, virtualService, context);
      if (target === undefined) continue;
      const config = configPath('virtual-service', virtualService);
      const holding = matches.filter((match) => concerns(match, context) && addressesHold(match, service, place));
      const open = holding.find(({ destinationSubnets }) => destinationSubnets.length === 0 || !place.hasOriginalDestination);
      if (matches.length === 0 || open !== undefined) {
        return [...chains, chain(target, open?.origin ?? origin, { serverNames: [], prefixes: place.prefixes, config })];
      }
      const prefixes = holding.flatMap(({ destinationSubnets }) => destinationSubnets);
      if (prefixes.length === 0) continue;
      chains.push(chain(target, holding[0]?.origin ?? origin, { serverNames: [], prefixes, config }));
      // Envoy refuses two chains for the same addresses.
      hasDefault ||= prefixes.toSorted().join() === place.prefixes.toSorted().join();
    }
  }
  if (hasDefault) return chains;
  return [...chains, chain(toService(view, service, place, client), place.port.origin, { serverNames: [], prefixes: place.prefixes })];
}

function chain(
  target: TcpTarget,
  origin: Origin,
  rest: Pick<OutboundChain, 'serverNames' | 'prefixes'> & { readonly config?: string },
): OutboundChain {
  return { ...rest, sniffedHttp: false, content: { kind: 'bytes', target }, origin };
}

/** A Sidecar's port may be another than the service's: then the service's only one is meant. */
export function toService(view: Scope, service: Service, { port }: Pick<ListenerPlace, 'port'>, client: Client): TcpTarget {
  const [only] = service.ports.length === 1 ? service.ports : [];
  return toCluster(
    outboundClusterName(only?.number ?? port.number, undefined, service.hostname),
    optionsFor(view, service.hostname, undefined, client),
  );
}

function contextOf(view: Scope, port: number, client: Client): ConnectionContext {
  return {
    port,
    gateways: meshOnly,
    client,
    service: (hostname) => view.service(hostname),
    options: ({ host, subset }: WeightedDestination) => optionsFor(view, host.hostname, subset, client),
  };
}

const meshOnly: ReadonlySet<string> = new Set(['mesh']);

/** What the destination rule of a host says about connections. */
function optionsFor(view: Scope, hostname: string, subset: string | undefined, { labels }: Client): TcpOptions | undefined {
  const service = view.service(hostname);
  return service === undefined ? undefined : tcpOptions(view.destinationRule(service, labels), subset);
}

/** Without redirection the service's address stands for the one that the app meant. */
function addressesHold({ destinationSubnets }: ConnectionMatch, { addresses }: Service, { hasOriginalDestination }: ListenerPlace): boolean {
  if (hasOriginalDestination || destinationSubnets.length === 0) return true;
  return addresses.some((address) => {
    const ip = parseIp(address);
    return ip !== undefined && destinationSubnets.some((subnet) => isIn(ip, subnet));
  });
}

function isIn(ip: IpAddress, subnet: string): boolean {
  const range = parseCidr(subnet);
  return range !== undefined && inRange(ip, range);
}

type RuleIndex = {
  readonly all: readonly VirtualService[];
  readonly exact: ReadonlyMap<string, ReadonlySet<VirtualService>>;
  readonly wildcards: readonly (readonly [host: string, virtualService: VirtualService])[];
};

/** The virtual services about a host that have rules for connections, those with precedence first. */
function rulesFor(view: Scope, hostname: string): readonly VirtualService[] {
  const { all, exact, wildcards } = view.once('rules for connections', () => indexRules(view.virtualServices('mesh')));
  if (all.length === 0) return all;
  if (isWildcard(hostname)) return all.filter(({ hosts }) => hosts.some((host) => hostsOverlap(host.hostname, hostname)));
  const named = exact.get(hostname);
  const covering = wildcards.filter(([host]) => hostsOverlap(host, hostname)).map(([, virtualService]) => virtualService);
  if (named === undefined && covering.length === 0) return [];
  const found = new Set([...(named ?? []), ...covering]);
  return found.size === 1 ? [...found] : all.filter((virtualService) => found.has(virtualService));
}

function indexRules(virtualServices: readonly VirtualService[]): RuleIndex {
  const all = virtualServices.filter(({ tls, tcp }) => tls.length + tcp.length > 0);
  const exact = new Map<string, Set<VirtualService>>();
  const wildcards: [string, VirtualService][] = [];
  for (const virtualService of all) {
    for (const { hostname } of virtualService.hosts) {
      if (isWildcard(hostname)) wildcards.push([hostname, virtualService]);
      const known = exact.get(hostname);
      if (known === undefined) exact.set(hostname, new Set([virtualService]));
      else known.add(virtualService);
    }
  }
  return { all, exact, wildcards };
}
