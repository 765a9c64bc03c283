// In: the listeners that a sidecar needs for what its app calls, as plain values. Out: their xDS, and `virtualOutbound` on 15001, which
// redirected connections come to and which hands them over by their original destination.
import { isMessage } from '@bufbuild/protobuf';
import { listenerAccessLogs } from '#compile/access-log.ts';
import { additionalAddresses, isUnixSocket, listenAddress, socketAddress } from '#compile/address.ts';
import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { noTimeout } from '#compile/durations.ts';
import { filterChain } from '#compile/filter-chain.ts';
import { httpConnectionManager } from '#compile/http-connection-manager.ts';
import { detectionTimeout, httpInspector, plaintextHttpProtocols, tlsInspector } from '#compile/listener-filters.ts';
import { istioMetadata } from '#compile/metadata.ts';
import { blackHoleCluster, outboundCapturePort } from '#compile/names.ts';
import type { ChainContent, OutboundChain, RoutesOf } from '#compile/outbound-chain.ts';
import { networkOf, type OutboundEntry } from '#compile/outbound-entry.ts';
import { entryName, type OutboundAddresses, outboundEntries, socketEntries } from '#compile/outbound-places.ts';
import { unknownTarget } from '#compile/outbound-policy.ts';
import { routeConfig } from '#compile/route-config.ts';
import type { Scope } from '#compile/scope.ts';
import { tcpProxy } from '#compile/tcp-proxy.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { catchAllVirtualHost } from '#compile/virtual-host.ts';
import { create } from '#envoy/create.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  type Filter,
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
  FilterChainSchema,
} from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import type { NodeOrigin } from '#envoy/origin-table.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { OutboundPolicy } from '#model/sidecar.ts';

/** `forwardsByHost`: requests for hosts that are not known go where DNS says. */
export type OutboundOptions = { readonly explainFailures: boolean; readonly settings: MeshSettings; readonly forwardsByHost?: boolean };

export type OutboundListeners = {
  readonly listeners: readonly Unit[];
  /** The route configurations that they name, each once. */
  readonly routes: readonly RoutesOf[];
};

/** All outbound listeners for redirected traffic, and the routes of those for HTTP. */
export function redirectedOutboundListeners(
  scope: Scope,
  addresses: OutboundAddresses,
  client: Client,
  options: OutboundOptions,
  cache: CompileCache,
): OutboundListeners {
  const policy = scope.outboundPolicy;
  const key = optionsKey(addresses, policy, options);
  const { listeners, routes } = listenersOf(outboundEntries(scope, addresses, client), key, policy, options, cache);
  const virtualOutbound = cache.once('virtual outbound listener', [], key, () => virtualOutboundListener(addresses, policy, options, cache));
  return { listeners: [virtualOutbound, ...listeners], routes };
}

/** All outbound listeners where nothing is redirected: each opens its port. Source: Istio, buildSidecarOutboundListeners in mode NONE. */
export function boundOutboundListeners(
  scope: Scope,
  addresses: OutboundAddresses,
  client: Client,
  options: OutboundOptions,
  cache: CompileCache,
  mayBind: (port: number) => boolean,
): OutboundListeners {
  const policy = scope.outboundPolicy;
  const entries = outboundEntries(scope, addresses, client, true).filter(({ bind, port }) => isUnixSocket(bind) || mayBind(port.number));
  return listenersOf(entries, optionsKey(addresses, policy, options), policy, options, cache);
}

/** Only those that a Sidecar has put on Unix sockets. */
export function socketOutboundListeners(
  scope: Scope,
  addresses: OutboundAddresses,
  client: Client,
  options: OutboundOptions,
  cache: CompileCache,
): OutboundListeners {
  const policy = scope.outboundPolicy;
  return listenersOf(socketEntries(scope, addresses, client), optionsKey(addresses, policy, options), policy, options, cache);
}

function optionsKey(
  { any, alsoAny }: OutboundAddresses,
  policy: OutboundPolicy,
  { explainFailures, forwardsByHost = false }: OutboundOptions,
): string {
  return `${[any, ...alsoAny].join()} ${explainFailures} ${policy.mode} ${unknownTarget(policy)} ${forwardsByHost}`;
}

function listenersOf(
  entries: readonly OutboundEntry[],
  key: string,
  policy: OutboundPolicy,
  options: OutboundOptions,
  cache: CompileCache,
): OutboundListeners {
  return {
    listeners: entries.map((entry) => {
      const origins = [...new Set([entry.port.origin, ...entry.chains.map(({ origin }) => origin)])];
      return cache.once('outbound listener', origins, `${key} ${textOf(entry)}`, () => entryListener(entry, policy, options));
    }),
    routes: [...new Map(entries.flatMap(({ chains }) => chains.flatMap(routesOf)).map((routes) => [routes.name, routes])).values()],
  };
}

function routesOf({ content }: OutboundChain): readonly RoutesOf[] {
  return content.kind === 'http' ? [content.routes] : [];
}

/** All that the listener's message is made of. */
function textOf(entry: OutboundEntry): string {
  return `${entryName(entry)} ${entry.alsoBound.join()} ${entry.opensPort} ${chainsText(entry.chains)}`;
}

/** All that the messages of chains are made of. */
export function chainsText(chains: readonly OutboundChain[]): string {
  return JSON.stringify(
    chains.map(({ serverNames, prefixes, sniffedHttp, content, config }) => [
      serverNames,
      prefixes,
      sniffedHttp,
      content.kind === 'http' ? [content.routes.name, content.protocol] : content.target,
      config,
    ]),
  );
}

function virtualOutboundListener({ any, alsoAny }: OutboundAddresses, policy: OutboundPolicy, options: OutboundOptions, cache: CompileCache): Unit {
  const name = 'virtualOutbound';
  const { settings } = options;
  const port = settings.listeners?.outboundPort ?? outboundCapturePort;
  const message = create(ListenerSchema, {
    name,
    address: socketAddress(any, port),
    ...additionalAddresses(alsoAny, port),
    useOriginalDst: true,
    ...(policy.mode === 'ALLOW_ANY_DYNAMIC_DNS' && { listenerFilters: [httpInspector()] }),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      // A connection to the port itself would come back for ever.
      filterChain('virtualOutbound-blackhole', tcpProxy(blackHoleCluster, settings, { log: false }), { destinationPort: port }),
      ...(policy.mode === 'ALLOW_ANY_DYNAMIC_DNS' ? [byHostChain(policy, options, cache)] : []),
      filterChain('virtualOutbound-catchall-tcp', tcpProxy(unknownTarget(policy), settings)),
    ],
    accessLog: [...listenerAccessLogs(settings)],
  });
  return makeUnit(typeUrls.listener, name, ListenerSchema, message);
}

/** Requests to ports that nobody has go where DNS says that their host is. Source: Istio, buildAllowAnyDynamicDNSHTTPFilterChain. */
function byHostChain(policy: OutboundPolicy, { settings, explainFailures }: OutboundOptions, cache: CompileCache): FilterChain {
  const { message } = routeConfig('allow_any_dynamic_dns', [catchAllVirtualHost(policy, cache)], { ignorePort: true }).resource;
  if (!isMessage(message, RouteConfigurationSchema)) throw new Error('a route configuration is made of another message');
  const statPrefix = 'outbound_virtualOutbound_allow_any_dynamic_dns';
  const routes = { kind: 'inline', config: message } as const;
  const manager = httpConnectionManager(
    { side: 'sidecar-outbound', routes, statPrefix, protocol: 'http', explainFailures, forwardsByHost: true },
    settings,
  );
  return create(FilterChainSchema, {
    name: 'virtualOutbound-catchall-tcp-http',
    filters: [manager],
    filterChainMatch: { applicationProtocols: [...plaintextHttpProtocols] },
  });
}

function entryListener(entry: OutboundEntry, policy: OutboundPolicy, options: OutboundOptions): Unit {
  const { bind, alsoBound, port, opensPort } = entry;
  const name = entryName(entry);
  const unknown = (): FilterChain => filterChain('PassthroughFilterChain', tcpProxy(unknownTarget(policy), options.settings));
  const message = create(ListenerSchema, {
    name,
    address: listenAddress(bind, port.number),
    ...additionalAddresses(alsoBound, port.number),
    // Mostly not a socket: virtualOutbound hands connections over by their original destination.
    ...(!opensPort && { bindToPort: false }),
    trafficDirection: TrafficDirection.OUTBOUND,
    continueOnListenerFiltersTimeout: true,
    ...outboundChains(name, entry.chains, unknown, options),
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  return makeUnit(typeUrls.listener, name, ListenerSchema, message, entryOrigins(name, entry));
}

function entryOrigins(listener: string, { port, chains }: OutboundEntry): readonly NodeOrigin[] {
  return [...new Set([port.origin, ...chains.map(({ origin }) => origin)])].map((origin) => [{ kind: 'listener', listener }, origin]);
}

/**
 * The chains of a listener and what finds out which of them is meant. A chain for everything is the default one, so that connections that
 * fulfil some conditions of another and not all still have it; where there is none, `unknown` takes them. Source: Istio, buildListenerFromEntry.
 */
export function outboundChains(listener: string, chains: readonly OutboundChain[], unknown: () => FilterChain, options: OutboundOptions) {
  const special = chains.filter((chain) => !takesAll(chain));
  const general = chains.find(takesAll);
  const sniffs = chains.some(({ sniffedHttp }) => sniffedHttp);
  const filters = [...(chains.some(({ serverNames }) => serverNames.length > 0) ? [tlsInspector()] : []), ...(sniffs ? [httpInspector()] : [])];
  const made = special.map((chain) => toFilterChain(listener, chain, options));
  const rest = general === undefined ? unknown() : toFilterChain(listener, general, options);
  return {
    listenerFiltersTimeout: sniffs ? detectionTimeout(options.settings) : noTimeout(),
    ...(filters.length > 0 && { listenerFilters: filters }),
    ...(made.length === 0 ? { filterChains: [rest] } : { filterChains: made, defaultFilterChain: rest }),
  };
}

function takesAll({ serverNames, prefixes, sniffedHttp }: OutboundChain): boolean {
  return (serverNames.length === 0 || serverNames.includes('*')) && prefixes.length === 0 && !sniffedHttp;
}

function toFilterChain(listener: string, chain: OutboundChain, options: OutboundOptions): FilterChain {
  return create(FilterChainSchema, {
    filters: [contentFilter(listener, chain.content, options)],
    ...(chain.config !== undefined && { metadata: istioMetadata({ config: chain.config }) }),
    ...(!takesAll(chain) && { filterChainMatch: chainMatch(chain) }),
  });
}

/** Each name and each network once, however often rules say it: Envoy refuses a chain that matches one thing twice. */
function chainMatch({ serverNames, prefixes, sniffedHttp }: OutboundChain): FilterChainMatch {
  const networks = new Map(prefixes.toSorted().map((prefix) => [networkOf(prefix), prefix]));
  return create(FilterChainMatchSchema, {
    ...(!serverNames.includes('*') && { serverNames: [...new Set(serverNames)].sort() }),
    prefixRanges: [...networks.values()].flatMap(cidrRange),
    ...(sniffedHttp && { applicationProtocols: [...plaintextHttpProtocols], transportProtocol: 'raw_buffer' }),
  });
}

/** An address alone is a range of one; 0.0.0.0 says nothing. */
function cidrRange(prefix: string): readonly { readonly addressPrefix: string; readonly prefixLen: number }[] {
  const [address = '', bits = address.includes(':') ? '128' : '32'] = prefix.split('/');
  return address === '0.0.0.0' ? [] : [{ addressPrefix: address, prefixLen: Number(bits) }];
}

function contentFilter(listener: string, content: ChainContent, { settings, explainFailures, forwardsByHost = false }: OutboundOptions): Filter {
  if (content.kind === 'bytes') return tcpProxy(content.target, settings);
  const routes = { kind: 'discovered', name: content.routes.name } as const;
  const side = content.routes.kind === 'http-proxy' ? 'http-proxy' : 'sidecar-outbound';
  return httpConnectionManager(
    { side, routes, statPrefix: `outbound_${listener}`, protocol: content.protocol, explainFailures, forwardsByHost },
    settings,
  );
}
