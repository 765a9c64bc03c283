// In: a VirtualService, the port that traffic comes to, and how to find the services it names. Out: Envoy routes, in order.
// A route list is shared by all virtual hosts and proxies that it holds for.
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Origin } from '#base/origin.ts';
import { isFromSource } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { corsConfig } from '#compile/cors.ts';
import { destinationCluster, destinationHashKey, destinationSaysHttp, knownPort, type RouteContext } from '#compile/destination.ts';
import { noTimeout } from '#compile/durations.ts';
import { faultConfig } from '#compile/fault.ts';
import { hashKeyOf, hashPolicies } from '#compile/hash-policy.ts';
import { headerChanges } from '#compile/header-changes.ts';
import { corsFilter, faultFilter } from '#compile/http-filters.ts';
import { routeMetadata } from '#compile/metadata.ts';
import { configPath, hostAndPort, outboundClusterName } from '#compile/names.ts';
import { httpOverMutualTls, saysHttp } from '#compile/request-alpn.ts';
import { retryPolicy } from '#compile/retry.ts';
import { routeAction } from '#compile/route-action.ts';
import { routeAnswer } from '#compile/route-answer.ts';
import { isCatchAll, pathOfMatch, routeMatch } from '#compile/route-match.ts';
import type { Metadata } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type Route, RouteSchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import { createShared } from '#envoy/shared-message.ts';
import type { Service, ServicePort } from '#model/service.ts';
import type { HttpMatch, HttpRule, VirtualService, WeightedDestination } from '#model/virtual-service.ts';

/** A route with the places that made it: the match's and the rule's, and each destination's by its cluster. */
export type RouteEntry = {
  readonly route: Route;
  readonly origins: readonly Origin[];
  readonly destinations: readonly { readonly cluster: string; readonly origin: Origin }[];
};

/** The clusters of a rule's destinations and of its mirrors. */
type RuleClusters = { readonly targets: readonly string[]; readonly saysHttp: readonly boolean[]; readonly mirrors: readonly string[] };

/** The routes of a virtual service, up to the first that catches everything; empty where none is for this gateway. */
export function virtualServiceRoutes(virtualService: VirtualService, context: RouteContext, cache: CompileCache): readonly RouteEntry[] {
  const { destinations, client } = context;
  const parts = [virtualService, destinations];
  const anywhere = cache.once('routes of any place', parts, client.shareKey, () =>
    isSameAnywhere(virtualService, context) ? routesOf(virtualService, context, cache) : 'by place',
  );
  if (anywhere !== 'by place') return anywhere;
  return cache.once('routes by place', parts, `${context.place} ${client.shareKey}`, () => routesOf(virtualService, context, cache));
}

/** Whether neither a condition nor a destination looks at where requests come in: all ports of all gateways have the routes in common. */
function isSameAnywhere({ http }: VirtualService, context: RouteContext): boolean {
  const isOpen = ({ port, gateways, sourceLabels, sourceNamespace }: HttpMatch): boolean =>
    port === undefined && gateways === undefined && sourceLabels === undefined && sourceNamespace === undefined;
  return http.every(
    ({ matches, answer, destinations, mirrors = [] }) =>
      answer === undefined &&
      destinations.length === 1 &&
      matches.every(isOpen) &&
      destinations.every((destination) => knownPort(destination, context) !== undefined) &&
      mirrors.every(({ destination }) => knownPort(destination, context) !== undefined),
  );
}

/** By what the destinations come to: where one of the mesh changes, most routes stay as they are. */
function routesOf(virtualService: VirtualService, context: RouteContext, cache: CompileCache): readonly RouteEntry[] {
  const { http } = virtualService;
  let key = `${placeKey(virtualService, context)} ${context.client.tellsReplacedHost}`;
  const placed = http.map((rule): PlacedRule => {
    const { targets, saysHttp, mirrors } = ruleClusters(rule, context);
    // Of the gateway and the client, which matches count is the only thing that decides.
    const matches = rule.matches.every((match) => isFor(match, context)) ? rule.matches : rule.matches.filter((match) => isFor(match, context));
    const faults = ruleFaults(rule, context);
    key += ` ${countingKey(rule.matches, matches)} ${targets.join(' ')} ${saysHttp.join(' ')} ${mirrors.join(' ')} ${faults.join(' ')}`;
    for (const destination of rule.destinations) key += ` ${hashText(destination, context)}`;
    return { rule, matches, faults, targets, saysHttp, mirrors };
  });
  return cache.once('routes', [virtualService], key, () => makeRoutes(virtualService, placed, context));
}

/** A rule with what it comes to at one place: the matches that count there, and where it sends requests. */
type PlacedRule = RuleClusters & { readonly rule: HttpRule; readonly matches: readonly HttpMatch[]; readonly faults: readonly string[] };

/** What of the place that requests come to is in the routes: mostly nothing, so that all ports of all gateways have them in common. */
function placeKey({ http }: VirtualService, { port, isTls }: RouteContext): string {
  return http.some(({ answer, destinations }) => answer !== undefined || destinations.length !== 1) ? `${port} ${isTls}` : '';
}

/** Mostly all of them. */
function countingKey(all: readonly HttpMatch[], counting: readonly HttpMatch[]): string {
  return counting.length === all.length ? '*' : `${counting.map((match) => all.indexOf(match)).join(',')};`;
}

function hashText(destination: WeightedDestination, context: RouteContext): string {
  const key = destinationHashKey(destination, context);
  return key === undefined ? '' : JSON.stringify(key);
}

function ruleClusters({ destinations, mirrors = [] }: HttpRule, context: RouteContext): RuleClusters {
  return {
    targets: destinations.map((destination) => destinationCluster(destination, context)),
    saysHttp: destinations.map((destination) => destinationSaysHttp(destination, context)),
    mirrors: mirrors.map(({ destination }) => destinationCluster(destination, context)),
  };
}

function makeRoutes(virtualService: VirtualService, rules: readonly PlacedRule[], context: RouteContext): readonly RouteEntry[] {
  const config = configPath('virtual-service', virtualService);
  const withoutFaults = routeMetadata(config, []);
  const entries: RouteEntry[] = [];
  for (const placed of rules) {
    const metadata = placed.faults.length === 0 ? withoutFaults : routeMetadata(config, placed.faults);
    for (const match of placed.rule.matches.length === 0 ? [undefined] : placed.matches) {
      const entry = makeRoute(virtualService, placed, match, metadata, context);
      entries.push(entry);
      if (isCatchAll(entry.route.match)) return entries;
    }
  }
  return entries;
}

/** Whether a match is about requests of this client to this port of this gateway at all. */
function isFor(match: HttpMatch, { port, gateway, client }: RouteContext): boolean {
  return (match.port === undefined || match.port === port) && isFromSource(match, gateway, client);
}

function makeRoute(
  virtualService: VirtualService,
  { rule, targets: clusters, saysHttp: says, mirrors }: PlacedRule,
  match: HttpMatch | undefined,
  metadata: Metadata,
  context: RouteContext,
): RouteEntry {
  const { semantics } = virtualService;
  const envoyMatch = routeMatch(match, semantics);
  const targets = rule.destinations.map((destination, index) => ({
    cluster: clusters[index] ?? '',
    origin: destination.origin,
    destination,
    saysHttp: says[index] === true,
  }));
  const only = targets.length === 1 ? targets[0] : undefined;
  const route = createShared(RouteSchema, {
    name: match === undefined || match.name === '' ? rule.name : `${rule.name}.${match.name}`,
    match: envoyMatch,
    action: actionOf(rule, context, () => routeAction(rule, match, { targets, mirrors, semantics }, context)),
    ...headerChanges(rule.headers, rule.answer === undefined ? only?.destination.headers : undefined),
    statPrefix: match?.statPrefix ?? '',
    typedPerFilterConfig: filterConfigs(rule, rule.answer === undefined && only?.saysHttp === true),
    metadata,
    decorator: { operation: operationName(virtualService, rule.answer === undefined ? clusters : [], context, pathOfMatch(envoyMatch)) },
  });
  return {
    route,
    origins: [match?.origin, rule.origin, rule.delegatedBy].filter((origin) => origin !== undefined),
    destinations: targets,
  };
}

/** What is wrong with the destinations of a rule, where its callers are to be told. */
function ruleFaults({ destinations }: HttpRule, { client }: RouteContext): readonly string[] {
  if (!client.isTold) return nothing;
  return destinations.flatMap(({ host }) => client.fault(host.origin) ?? []);
}

/** A rule that sends requests nowhere (validation lets none pass) answers 503, and keeps its place among the rules. */
function actionOf(rule: HttpRule, { port, isTls }: RouteContext, forward: () => ReturnType<typeof routeAction>): Route['action'] {
  const request = { port, isTls };
  if (rule.answer !== undefined) return routeAnswer(rule.answer, request);
  const action = forward();
  return action === undefined ? routeAnswer({ kind: 'direct-response', status: 503 }, request) : { case: 'route', value: action };
}

const nothing: readonly string[] = [];
const noConfigs: Readonly<Record<string, Any>> = {};

/** What the route says to the filters that do nothing by themselves. */
function filterConfigs({ fault, cors }: HttpRule, saysItIsHttp: boolean): Readonly<Record<string, Any>> {
  const common = saysItIsHttp ? httpOverMutualTls() : noConfigs;
  if (fault === undefined && cors === undefined) return common;
  return {
    ...(fault !== undefined && { [faultFilter]: faultConfig(fault) }),
    ...(cors !== undefined && { [corsFilter]: corsConfig(cors) }),
    ...common,
  };
}

/** `hello.default.svc.cluster.local:80/*`, or by the virtual service's name where requests go to several clusters, or nowhere. */
function operationName(virtualService: VirtualService, clusters: readonly string[], { port }: RouteContext, path: string): string {
  const [cluster = ''] = clusters.length === 1 ? clusters : [];
  const first = cluster.indexOf('|');
  if (first < 0) return `${hostAndPort(virtualService.name, port)}${path}`;
  const clusterPort = Number(cluster.slice(first + 1, cluster.indexOf('|', first + 1)));
  return `${hostAndPort(cluster.slice(cluster.lastIndexOf('|') + 1), clusterPort)}${path}`;
}

/** The one route to a service that no virtual service is about. */
export function defaultRoutes(service: Service, port: ServicePort, context: RouteContext, cache: CompileCache): readonly RouteEntry[] {
  const rule = context.rule(service.hostname);
  const placed = hashKeyOf(rule, port.number, undefined);
  const isSniffed = saysHttp(service, port.number, undefined, () => rule);
  const text = `${service.hostname} ${isSniffed} ${placed === undefined ? '' : JSON.stringify(placed)}`;
  return cache.once('default routes', [port], text, () => {
    const cluster = outboundClusterName(port.number, undefined, service.hostname);
    const policy = retryPolicy(context.defaultRetries);
    const route = createShared(RouteSchema, {
      name: 'default',
      match: routeMatch(undefined),
      action: {
        case: 'route',
        value: {
          clusterSpecifier: { case: 'cluster', value: cluster },
          timeout: noTimeout(),
          maxGrpcTimeout: noTimeout(),
          ...(policy !== undefined && { retryPolicy: policy }),
          hashPolicy: hashPolicies([placed]),
        },
      },
      decorator: { operation: `${hostAndPort(service.hostname, port.number)}/*` },
      ...(isSniffed && { typedPerFilterConfig: httpOverMutualTls() }),
    });
    return [{ route, origins: [port.origin], destinations: [] }];
  });
}
