// One virtual host, compiled: its routes in order, an index over their paths where there are many, and ready-made decisions.

import { pathMatches, pathOnly } from '#decide/path-condition.ts';
import { PathIndex } from '#decide/path-index.ts';
import { compileRateLimitRules } from '#decide/rate-limit-rule.ts';
import { type CompiledRoute, compileRoute, type RouteContext } from '#decide/route.ts';
import type { ForwardAction, RouteDecision } from '#decide/route-entry.ts';
import { compileFilterLevel } from '#decide/route-filters.ts';
import { firstFailure, othersHold } from '#decide/route-match.ts';
import type { Trace } from '#decide/trace.ts';
import type { RequestView } from '#decide/views.ts';
import { type VirtualHost, VirtualHost_TlsRequirementType } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfiguration } from '#envoy/gen/envoy/config/route/v3/route_pb.js';

// Below this many routes trying each is as fast as the index.
const indexFrom = 8;

export class VirtualHostTable {
  readonly name: string;
  readonly domains: readonly string[];
  readonly requireTls: 'none' | 'external' | 'all';
  readonly routes: readonly CompiledRoute[];
  readonly #index: PathIndex<CompiledRoute> | undefined;
  readonly #noRoute: RouteDecision;

  constructor(name: string, domains: readonly string[], requireTls: 'none' | 'external' | 'all', routes: readonly CompiledRoute[]) {
    this.name = name;
    this.domains = domains;
    this.requireTls = requireTls;
    this.routes = routes;
    this.#index = routes.length < indexFrom ? undefined : new PathIndex(routes);
    this.#noRoute = { kind: 'no-route', virtualHost: name };
  }

  decide(request: RequestView, random: number, trace?: Trace): RouteDecision {
    if (this.requireTls !== 'none' && needsTls(this.requireTls, request)) {
      trace?.add({ stage: 'virtual host', name: this.name, outcome: 'chosen', because: 'it requires TLS: the request came without' });
      return { kind: 'tls-redirect', virtualHost: this.name, location: `https://${request.authority}${request.path}` };
    }
    const route = trace === undefined ? this.#find(request, random) : this.#explain(request, random, trace);
    return route === undefined ? this.#noRoute : decisionOf(route, request, random, trace);
  }

  #find(request: RequestView, random: number): CompiledRoute | undefined {
    const path = pathOnly(request.path);
    if (this.#index !== undefined) return this.#index.find(path, request, random);
    for (const route of this.routes) {
      if (path === '' && route.match.path.kind !== 'connect') continue;
      if (pathMatches(route.match.path, path, request.method) && othersHold(route.match, request, random)) return route;
    }
    return undefined;
  }

  /** The same, one by one and in words. */
  #explain(request: RequestView, random: number, trace: Trace): CompiledRoute | undefined {
    for (const route of this.routes) {
      const failure = firstFailure(route.match, request, random);
      const name = route.entry.name === '' ? `#${route.index}` : route.entry.name;
      if (failure === undefined) {
        trace.add({ stage: 'route', name, outcome: 'chosen', because: route.match.text });
        return route;
      }
      trace.add({ stage: 'route', name, outcome: 'rejected', because: failure });
    }
    const because = this.routes.length === 0 ? 'the virtual host has no routes' : 'none of its routes matches';
    trace.add({ stage: 'route', name: this.name, outcome: 'rejected', because });
    return undefined;
  }
}

/** Envoy goes by x-forwarded-proto, which the connection manager has set by then. */
function needsTls(requirement: 'external' | 'all', request: RequestView): boolean {
  if ((request.header('x-forwarded-proto') ?? request.scheme) === 'https') return false;
  return requirement === 'all' || request.header('x-envoy-internal') !== 'true';
}

function decisionOf(route: CompiledRoute, request: RequestView, random: number, trace: Trace | undefined): RouteDecision {
  const { action } = route.entry;
  const position = action.kind === 'forward' ? targetPosition(action, random) : 0;
  const decision = route.decisions[position];
  if (decision === undefined) throw new Error(`route ${route.entry.name} of ${route.entry.virtualHost} has no target ${position}`);
  if (decision.kind !== 'forward') return decision;
  const named = decision.action.clusterHeader === undefined ? decision : withClusterFrom(decision, decision.action.clusterHeader, request);
  trace?.add({ stage: 'cluster', name: named.target.cluster, outcome: 'chosen', because: targetReason(named.action, position, random) });
  return named;
}

function targetPosition(action: ForwardAction, random: number): number {
  const { targets } = action;
  if (targets.length === 1) return 0;
  const point = random * action.totalWeight;
  for (let position = 0; position < targets.length; position++) {
    const target = targets[position];
    if (target !== undefined && point < target.cumulativeWeight) return position;
  }
  return targets.length - 1;
}

/** cluster_header: the first value of that header names the cluster; without one it is '', which no cluster is called. */
function withClusterFrom(
  decision: Extract<RouteDecision, { kind: 'forward' }>,
  header: string,
  request: RequestView,
): Extract<RouteDecision, { kind: 'forward' }> {
  const cluster = request.header(header)?.split(',', 1)[0] ?? '';
  return { ...decision, target: { ...decision.target, cluster } };
}

function targetReason(action: ForwardAction, position: number, random: number): string {
  if (action.clusterHeader !== undefined) return `named by header ${action.clusterHeader}`;
  if (action.targets.length === 1) return 'the only target of the route';
  const low = position === 0 ? 0 : (action.targets[position - 1]?.cumulativeWeight ?? 0);
  const high = action.targets[position]?.cumulativeWeight ?? action.totalWeight;
  const point = Math.floor(random * action.totalWeight);
  return `weight ${high - low} of ${action.totalWeight}: the random number ${point} lies in ${low} to ${high - 1}`;
}

export function compileVirtualHost(config: RouteConfiguration, host: VirtualHost, context: Omit<RouteContext, 'hostLimits'>): VirtualHostTable {
  const { field, problems } = context;
  const outerFilters = [compileFilterLevel(host, `${field}.`, problems), ...context.outerFilters];
  const hostLimits = compileRateLimitRules(host.rateLimits, `${field}.rate_limits`, problems);
  const routes = host.routes.map((route, index) =>
    compileRoute(config, host, route, index, { ...context, field: `${field}.routes[${index}]`, outerFilters, hostLimits }),
  );
  return new VirtualHostTable(host.name, host.domains, tlsRequirements[host.requireTls], routes);
}

const tlsRequirements: Readonly<Record<VirtualHost_TlsRequirementType, 'none' | 'external' | 'all'>> = {
  [VirtualHost_TlsRequirementType.NONE]: 'none',
  [VirtualHost_TlsRequirementType.EXTERNAL_ONLY]: 'external',
  [VirtualHost_TlsRequirementType.ALL]: 'all',
};
