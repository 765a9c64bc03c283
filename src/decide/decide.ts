// One call from end to end: listener, filter chain, RBAC, virtual host, route, cluster, endpoints. Pure; the embedded proxy runs the same
// steps one by one on its data path, so that what this says is what the proxy does.
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import type { Config } from '#decide/config.ts';
import { noConnectionEffects, runConnectionFilters } from '#decide/connection-decision.ts';
import { decideFilters } from '#decide/decide-filters.ts';
import type { Call, Decision, Outcome } from '#decide/decision.ts';
import { dynamicDestination } from '#decide/dynamic-destination.ts';
import { endpointAt } from '#decide/endpoints.ts';
import type { FilterChainEntry, HttpManagerEntry, ListenerEntry, NetworkFilterEntry, TcpProxyEntry } from '#decide/listener-entry.ts';
import { findListener } from '#decide/listener-lookup.ts';
import { chooseFilterChain } from '#decide/listener-table.ts';
import { mirrorsOf } from '#decide/mirror.ts';
import { originalDestination } from '#decide/original-destination.ts';
import { isNormal, normalAuthorityOf, normalizePath } from '#decide/path-normal.ts';
import { levelsOf, loadByPriority } from '#decide/priority-load.ts';
import { rewriteHost, rewritePath } from '#decide/rewrite.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import type { Trace } from '#decide/trace.ts';
import { headerFieldsOf, type RequestView } from '#decide/views.ts';

/** Decides about `call` under `config`. With a trace it gives the same answer, and the trace ends in the step that decided. */
export function decide(config: Config, call: Call, trace?: Trace): Decision {
  const listener = findListener(config, call, trace);
  if (listener === undefined) return closed({}, 'nothing listens there');
  const chain = chooseFilterChain(listener, call.connection, trace);
  if (chain === undefined) return closed({ listener: listener.name }, 'no filter chain matches the connection');
  const known = { listener: listener.name, filterChain: chain.name };
  return { ...known, ...decideChain(config, listener, chain, chain.tls === undefined ? call : secured(call), trace) };
}

/** The chain ends TLS itself: whatever client came this far did so encrypted. */
function secured(call: Call): Call {
  return { ...call, connection: { ...call.connection, secure: true } };
}

type Unlocated = Omit<Decision, 'listener' | 'filterChain'>;

function decideChain(config: Config, listener: ListenerEntry, chain: FilterChainEntry, call: Call, trace: Trace | undefined): Unlocated {
  const { denied, ...gates } = passGates(chain.filters, call, trace);
  if (denied !== undefined) return { ...gates, ...closed({}, denied) };
  const last = chain.filters.at(-1);
  if (last?.kind === 'tcp-proxy') return { ...gates, ...decideTcp(config, last, call, trace) };
  if (last?.kind !== 'http') return closed({}, 'the filter chain has no filter that answers');
  if (call.request === undefined) return { outcome: localReply(400, '', 'the filter chain speaks HTTP, the call does not') };
  return { ...gates, ...decideHttp(config, listener, last.manager, call, call.request, trace) };
}

type Known = Pick<Decision, 'listener' | 'filterChain'>;

function closed(known: Known, because: string): Decision {
  return { ...known, outcome: localReply(0, 'NR', because) };
}

function localReply(status: number, flag: Extract<Outcome, { kind: 'local-reply' }>['flag'], because: string): Outcome {
  return { kind: 'local-reply', status, flag, because };
}

function redirectTo(status: number, because: string, location: string): Outcome {
  return { kind: 'local-reply', status, flag: '', because, location };
}

function normalRequest(sent: RequestView, path: string, authority: string): RequestView {
  const { method, scheme } = sent;
  return { method, scheme, authority, path, header: (name) => sent.header(name), headerFields: (name) => headerFieldsOf(sent, name) };
}

type Gates = Pick<Decision, 'rbac' | 'checkedBy'> & { readonly denied?: string };

/** The connection's own filters. Whoever is asked outside is taken to agree. */
function passGates(filters: readonly NetworkFilterEntry[], call: Call, trace: Trace | undefined): Gates {
  const effects = noConnectionEffects();
  const asked: string[] = [];
  const gates = (): Gates => ({ ...(effects.rbac === undefined ? {} : { rbac: effects.rbac }), ...(asked.length === 0 ? {} : { checkedBy: asked }) });
  for (let from = 0; ; ) {
    const verdict = runConnectionFilters(filters, from, call.connection, effects, undefined, trace);
    if (verdict.kind === 'pass') return gates();
    if (verdict.kind === 'denied') return { ...gates(), denied: 'RBAC: access denied' };
    asked.push(verdict.authz.service.cluster);
    from = verdict.next;
  }
}

function decideTcp(config: Config, proxy: TcpProxyEntry, call: Call, trace: Trace | undefined): Omit<Decision, 'listener' | 'filterChain'> {
  const point = (call.random ?? 0) * proxy.totalWeight;
  const cluster = proxy.clusters.find(({ cumulativeWeight }) => point < cumulativeWeight)?.cluster ?? '';
  trace?.add({ stage: 'cluster', name: cluster, outcome: 'chosen', because: 'the TCP proxy names it' });
  const endpoints = usableEndpoints(config, cluster, call, trace);
  if (endpoints === undefined) return { cluster, outcome: localReply(0, 'NC', `cluster ${cluster} is not known`) };
  if (endpoints.length === 0) return { cluster, outcome: localReply(0, 'UH', `cluster ${cluster} has no healthy endpoint`) };
  return { cluster, outcome: { kind: 'tcp', cluster, endpoints } };
}

function decideHttp(
  config: Config,
  listener: ListenerEntry,
  manager: HttpManagerEntry,
  call: Call,
  sent: RequestView,
  trace: Trace | undefined,
): Omit<Decision, 'listener' | 'filterChain'> {
  const normal = isNormal(sent.path) ? ({ kind: 'path', path: sent.path } as const) : normalizePath(sent.path, manager);
  if (normal.kind === 'rejected') return { outcome: localReply(400, '', 'the path is not valid') };
  if (normal.kind === 'redirect') return { outcome: redirectTo(307, 'the path has escaped slashes', normal.path) };
  const normalized = normalRequest(sent, normal.path, normalAuthorityOf(manager.stripPort, sent.authority, listener.port));
  const table = manager.routes.kind === 'inline' ? manager.routes.table : config.routes.get(manager.routes.name);
  const routeConfig = manager.routes.kind === 'inline' ? manager.routes.table.name : manager.routes.name;
  const route = (asked: RequestView): RouteDecision => table?.decide(asked, call.random ?? 0, trace) ?? { kind: 'no-virtual-host' };
  const { filtered, request, decision } = decideFilters(manager, call, normalized, route, trace);
  if (filtered.outcome !== undefined) return { routeConfig, ...routeOf(decision), ...filtered, outcome: filtered.outcome };
  const { outcome: _none, ...known } = { routeConfig, ...filtered };
  if (table === undefined) return { ...known, outcome: localReply(404, 'NR', `route configuration ${routeConfig} is not known`) };
  return { ...known, ...applyRoute(config, decision, call, request, trace) };
}

function routeOf(decision: RouteDecision): Pick<Decision, 'virtualHost' | 'route'> {
  if ('route' in decision) return ofRoute(decision);
  return 'virtualHost' in decision ? { virtualHost: decision.virtualHost } : {};
}

function applyRoute(
  config: Config,
  decision: RouteDecision,
  call: Call,
  request: RequestView,
  trace: Trace | undefined,
): Omit<Decision, 'listener' | 'filterChain' | 'rbac'> {
  switch (decision.kind) {
    case 'no-virtual-host':
      return { outcome: localReply(404, 'NR', `no virtual host serves ${request.authority}`) };
    case 'no-route':
      return { virtualHost: decision.virtualHost, outcome: localReply(404, 'NR', `no route of ${decision.virtualHost} matches`) };
    case 'tls-redirect':
      return { virtualHost: decision.virtualHost, outcome: redirectTo(301, 'the virtual host requires TLS', decision.location) };
    case 'direct-response':
      return { ...ofRoute(decision), outcome: localReply(decision.action.status, '', 'direct response') };
    case 'redirect': {
      const location = decision.action.location(request.scheme, request.authority, request.path);
      return { ...ofRoute(decision), outcome: redirectTo(decision.action.status, 'redirect', location) };
    }
    case 'forward':
      return { ...ofRoute(decision), ...forward(config, decision, call, request, trace) };
  }
}

function ofRoute({ route }: { readonly route: NonNullable<Decision['route']> }): Pick<Decision, 'virtualHost' | 'route'> {
  return { virtualHost: route.virtualHost, route };
}

function forward(
  config: Config,
  { action, target }: Extract<RouteDecision, { kind: 'forward' }>,
  call: Call,
  request: RequestView,
  trace: Trace | undefined,
): Pick<Decision, 'cluster' | 'outcome'> {
  const { cluster } = target;
  const endpoints = usableEndpoints(config, cluster, call, trace);
  if (endpoints === undefined) return { cluster, outcome: localReply(action.clusterNotFoundStatus, 'NC', `cluster ${cluster} is not known`) };
  if (endpoints.length === 0) return { cluster, outcome: localReply(503, 'UH', `cluster ${cluster} has no healthy endpoint`) };
  const authority = rewriteHost(action, request) ?? target.hostRewrite ?? request.authority;
  const mirrors = mirrorsOf(action.mirrors, request, call.random ?? 0).map((mirror) => mirror.cluster);
  const copies = mirrors.length === 0 ? {} : { mirrors };
  return { cluster, outcome: { kind: 'forward', cluster, endpoints, path: rewritePath(action, request.path), authority, ...copies } };
}

/** The endpoints a request may go to, by priority and health; undefined: no such cluster. */
function usableEndpoints(config: Config, name: string, call: Call, trace: Trace | undefined): readonly EndpointEntry[] | undefined {
  const cluster = config.clusters.get(name);
  if (cluster === undefined) {
    trace?.add({ stage: 'cluster', name, outcome: 'rejected', because: 'no cluster has this name' });
    return undefined;
  }
  if (cluster.discovery === 'original-dst') return destinationEndpoint(cluster, call);
  if (cluster.discovery === 'dynamic-dns') {
    const asked = dynamicDestination(call.request?.authority ?? '', cluster.tls !== undefined);
    return asked === undefined ? [] : [endpointAt(asked.address, asked.port)];
  }
  const set = cluster.discovery === 'eds' ? config.endpoints.get(cluster.edsName) : undefined;
  const all = cluster.discovery === 'eds' ? (set?.endpoints ?? []) : cluster.endpoints;
  const usable = usableHosts({ ...cluster, overprovisioningFactor: set?.overprovisioningFactor ?? cluster.overprovisioningFactor }, all);
  if (trace !== undefined) explainEndpoints(name, all, usable, trace);
  return usable;
}

/** Those that get a part of the load: nobody has been ejected yet, and localities and weights do not matter here. */
function usableHosts(cluster: ClusterEntry, endpoints: readonly EndpointEntry[]): readonly EndpointEntry[] {
  const levels = levelsOf(endpoints.map((entry) => ({ entry, activeRequests: 0, ejected: false, addedMs: 0 })));
  const { healthy, degraded, panic } = loadByPriority(levels, cluster);
  return levels.flatMap((level, priority) => {
    const [toHealthy = 0, toDegraded = 0] = [healthy[priority], degraded[priority]];
    if (panic[priority] === true && toHealthy + toDegraded > 0) return cluster.failTrafficOnPanic ? [] : level.all.map(({ entry }) => entry);
    return [...(toHealthy > 0 ? level.healthy : []), ...(toDegraded > 0 ? level.degraded : [])].map(({ entry }) => entry);
  });
}

function explainEndpoints(cluster: string, all: readonly EndpointEntry[], usable: readonly EndpointEntry[], trace: Trace): void {
  for (const endpoint of all) {
    if (!usable.includes(endpoint))
      trace.add({
        stage: 'endpoint',
        name: endpoint.key,
        outcome: 'rejected',
        because: endpoint.healthy ? 'a better priority is healthy' : 'it is not ready',
      });
  }
  if (usable.length === 0) {
    trace.add({
      stage: 'endpoint',
      name: cluster,
      outcome: 'rejected',
      because: all.length === 0 ? 'the cluster has no endpoint' : 'none of its endpoints is ready',
    });
  }
  for (const endpoint of usable) trace.add({ stage: 'endpoint', name: endpoint.key, outcome: 'chosen' });
}

function destinationEndpoint({ originalDst }: ClusterEntry, { connection, acceptedOn, request }: Call): readonly EndpointEntry[] {
  const restored = acceptedOn === undefined ? undefined : { address: connection.destinationAddress, port: connection.destinationPort };
  const found = originalDestination(originalDst, restored, request?.header);
  return found === undefined ? [] : [endpointAt(found.address, found.port)];
}
