// One Envoy Route, compiled: its match, its action, and the header changes of all levels joined in Envoy's order.

import type { Problems } from '#decide/config-error.ts';
import { dataSourceOf, type FileReader } from '#decide/data-source.ts';
import { compileForward, type HeaderLevels } from '#decide/forward-action.ts';
import { compileHeaderLevel, joinLevels } from '#decide/header-level.ts';
import { metadataTexts } from '#decide/metadata-texts.ts';
import type { RouteLimits } from '#decide/rate-limit.ts';
import { compileRateLimitRules, type RateLimitRule } from '#decide/rate-limit-rule.ts';
import { compileRedirect } from '#decide/redirect.ts';
import type { DirectResponseAction, RouteAction, RouteDecision, RouteEntry } from '#decide/route-entry.ts';
import { compileFilterLevel, type FilterLevel, joinFilterLevels } from '#decide/route-filters.ts';
import { type CompiledMatch, compileRouteMatch } from '#decide/route-match.ts';
import type { Route, VirtualHost } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfiguration } from '#envoy/gen/envoy/config/route/v3/route_pb.js';

/** A route with its match, and its possible decisions: one per target. */
export type CompiledRoute = {
  readonly index: number;
  readonly match: CompiledMatch;
  readonly entry: RouteEntry;
  readonly decisions: readonly RouteDecision[];
};

export type RouteContext = {
  readonly field: string;
  readonly problems: Problems;
  readonly readFile: FileReader | undefined;
  /** Field path of the route configuration, with its dot. */
  readonly outer: string;
  /** What the levels above say about HTTP filters, the nearest first. */
  readonly outerFilters: readonly FilterLevel[];
  /** The virtual host's rate limit rules. */
  readonly hostLimits: readonly RateLimitRule[];
};

export function compileRoute(config: RouteConfiguration, host: VirtualHost, route: Route, index: number, context: RouteContext): CompiledRoute {
  const { field, problems } = context;
  if (route.match === undefined) problems.report(`${field}.match`, 'a match is required');
  const match = route.match === undefined ? everything : compileRouteMatch(route.match, `${field}.match`, problems);
  const filterLevels = [compileFilterLevel(route, `${field}.`, problems), ...context.outerFilters];
  const levels = { ...headerLevels(config, host, route, context), filters: filterLevels };
  const entry: RouteEntry = {
    routeConfig: config.name,
    virtualHost: host.name,
    index,
    name: route.name,
    metadata: metadataTexts(route.metadata),
    text: match.text,
    action: compileAction(host, route, levels, context),
    requestHeaders: joinLevels(levels.request, levels.mostSpecificWins),
    responseHeaders: joinLevels(levels.response, levels.mostSpecificWins),
    attemptCountInRequest: host.includeRequestAttemptCount,
    attemptCountInResponse: host.includeAttemptCountInResponse,
    filters: joinFilterLevels(filterLevels),
    limits: routeLimits(route, context),
  };
  return { index, match, entry, decisions: decisionsOf(entry) };
}

const everything: CompiledMatch = {
  path: { kind: 'prefix', value: '', fold: false },
  pathCondition: { text: 'any request', holds: () => true, found: () => '' },
  conditions: [],
  fraction: 1,
  text: 'any request',
};

function routeLimits(route: Route, { field, hostLimits, problems }: RouteContext): RouteLimits | undefined {
  const action = route.action.case === 'route' ? route.action.value : undefined;
  const own = compileRateLimitRules(action?.rateLimits ?? [], `${field}.route.rate_limits`, problems);
  if (own.length === 0 && hostLimits.length === 0) return undefined;
  return { route: own, host: hostLimits, includesHost: action?.includeVhRateLimits ?? false };
}

/** Most specific first. */
function headerLevels(
  config: RouteConfiguration,
  host: VirtualHost,
  route: Route,
  { field, outer, problems }: RouteContext,
): Omit<HeaderLevels, 'filters'> {
  const hostField = field.slice(0, field.lastIndexOf('.'));
  const levels = [
    { owner: route, at: `${field}.` },
    { owner: host, at: `${hostField}.` },
    { owner: config, at: outer },
  ];
  return {
    mostSpecificWins: config.mostSpecificHeaderMutationsWins,
    request: levels.map(({ owner, at }) => compileHeaderLevel('request', owner.requestHeadersToAdd, owner.requestHeadersToRemove, at, problems)),
    response: levels.map(({ owner, at }) => compileHeaderLevel('response', owner.responseHeadersToAdd, owner.responseHeadersToRemove, at, problems)),
  };
}

function compileAction(host: VirtualHost, route: Route, levels: HeaderLevels, context: RouteContext): RouteAction {
  const { field, problems } = context;
  switch (route.action.case) {
    case 'route':
      return compileForward(host, route, route.action.value, levels, `${field}.route`, problems);
    case 'redirect':
      return compileRedirect(route, route.action.value, `${field}.redirect`, problems);
    case 'directResponse':
      return compileDirectResponse(route.action.value.status, route, context);
    case 'nonForwardingAction':
      return { kind: 'non-forwarding' };
    case 'filterAction':
    case undefined:
      problems.report(field, 'one of route, redirect, direct_response, non_forwarding_action is required');
      return { kind: 'non-forwarding' };
  }
}

function compileDirectResponse(status: number, route: Route, { field, problems, readFile }: RouteContext): DirectResponseAction {
  const source = route.action.case === 'directResponse' ? dataSourceOf(route.action.value.body) : undefined;
  if (status < 200 || status > 599) problems.report(`${field}.direct_response.status`, `status ${status} is not between 200 and 599`);
  if (source === undefined) return { kind: 'direct-response', status, body: new Uint8Array() };
  if (source.kind === 'inline') return { kind: 'direct-response', status, body: source.bytes };
  if (readFile === undefined) {
    problems.report(`${field}.direct_response.body`, 'only an inline body is supported here');
    return { kind: 'direct-response', status, body: new Uint8Array() };
  }
  try {
    return { kind: 'direct-response', status, body: readFile(source) };
  } catch (error) {
    problems.report(`${field}.direct_response.body`, error instanceof Error ? error.message : String(error));
    return { kind: 'direct-response', status, body: new Uint8Array() };
  }
}

function decisionsOf(route: RouteEntry): readonly RouteDecision[] {
  const { action } = route;
  switch (action.kind) {
    case 'forward':
      return action.targets.map((target) => ({ kind: 'forward', route, action, target }));
    case 'redirect':
      return [{ kind: 'redirect', route, action }];
    case 'direct-response':
      return [{ kind: 'direct-response', route, action }];
    case 'non-forwarding':
      return [{ kind: 'no-route', virtualHost: route.virtualHost }];
  }
}
