// In: a VirtualService, the port that traffic comes to, and how to find the services it names. Out: Envoy routes, in order.
// A route list is shared by all virtual hosts and proxies that it holds for.
import { create } from '@bufbuild/protobuf';
import type { Origin } from '#base/origin.ts';
import { type Client, isFromSource } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { duration, noTimeout } from '#compile/durations.ts';
import { hashKeyOf, hashPolicies } from '#compile/hash-policy.ts';
import { headerChanges } from '#compile/header-changes.ts';
import { routeMetadata } from '#compile/metadata.ts';
import { configPath, hostAndPort, outboundClusterName } from '#compile/names.ts';
import { retryPolicy } from '#compile/retry.ts';
import { routeAnswer } from '#compile/route-answer.ts';
import { isCatchAll, pathOfMatch, routeMatch } from '#compile/route-match.ts';
import {
  type Route,
  type RouteAction,
  RouteActionSchema,
  RouteSchema,
  type WeightedCluster_ClusterWeight,
  WeightedCluster_ClusterWeightSchema,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { DestinationRule, HashKey } from '#model/destination-rule.ts';
import type { Service, ServicePort } from '#model/service.ts';
import type { HttpMatch, HttpRule, VirtualService, WeightedDestination } from '#model/virtual-service.ts';

/** A route with the places that made it: the rule's, and each destination's by its cluster. */
export type RouteEntry = {
  readonly route: Route;
  readonly origins: readonly Origin[];
  readonly destinations: readonly { readonly cluster: string; readonly origin: Origin }[];
};

/** What routes are made for: the port, the gateway (`mesh`, or `namespace/name`), and the services that can be named. */
export type RouteContext = {
  readonly port: number;
  readonly gateway: string;
  readonly client: Client;
  readonly service: (hostname: string) => Service | undefined;
  /** The destination rule in force for a host: what places requests among its endpoints. */
  readonly rule?: (hostname: string) => DestinationRule | undefined;
};

/** The routes of a virtual service, up to the first that catches everything; empty where none is for this gateway. */
export function virtualServiceRoutes(virtualService: VirtualService, context: RouteContext, cache: CompileCache): readonly RouteEntry[] {
  const clusters = virtualService.http.map((rule) => rule.destinations.map((destination) => destinationCluster(destination, context)));
  // Which matches count is the only thing that the client's side of the context decides.
  const matches = virtualService.http.map((rule) => rule.matches.filter((match) => isFor(match, context)));
  const counting = matches.map((ofRule, index) => ofRule.map((match) => virtualService.http[index]?.matches.indexOf(match)).join(',')).join(';');
  const faults = virtualService.http.flatMap((rule) => ruleFaults(rule, context));
  const placed = JSON.stringify(virtualService.http.map((rule) => rule.destinations.map((destination) => hashKey(destination, context))));
  const key = `${context.port} ${context.gateway} ${counting} ${clusters.join(' ')} ${faults.join(' ')} ${placed}`;
  return cache.once('routes', [virtualService], key, () => makeRoutes(virtualService, context, clusters, matches));
}

function makeRoutes(
  virtualService: VirtualService,
  context: RouteContext,
  clusters: readonly (readonly string[])[],
  counting: readonly (readonly HttpMatch[])[],
): readonly RouteEntry[] {
  const entries: RouteEntry[] = [];
  for (const [index, rule] of virtualService.http.entries()) {
    const matches = rule.matches.length === 0 ? [undefined] : (counting[index] ?? []);
    for (const match of matches) {
      const entry = makeRoute(virtualService, rule, match, context, clusters[index] ?? []);
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
  rule: HttpRule,
  match: HttpMatch | undefined,
  context: RouteContext,
  clusters: readonly string[],
): RouteEntry {
  const envoyMatch = routeMatch(match);
  const targets = rule.destinations.map((destination, index) => ({ cluster: clusters[index] ?? '', destination }));
  const [only] = targets.length === 1 ? targets : [];
  const route = create(RouteSchema, {
    name: match === undefined || match.name === '' ? rule.name : `${rule.name}.${match.name}`,
    match: envoyMatch,
    action: routeAction(rule, targets, context),
    ...headerChanges(rule.headers, only?.destination.headers),
    metadata: routeMetadata(configPath('virtual-service', virtualService), ruleFaults(rule, context)),
    decorator: { operation: operationName(virtualService, rule, context, pathOfMatch(envoyMatch)) },
  });
  return {
    route,
    origins: match === undefined ? [rule.origin] : [match.origin, rule.origin],
    destinations: targets.map(({ cluster, destination }) => ({ cluster, origin: destination.origin })),
  };
}

/** What is wrong with the destinations of a rule, where its callers are to be told. */
function ruleFaults({ destinations }: HttpRule, { client }: RouteContext): readonly string[] {
  return destinations.flatMap(({ host }) => client.fault(host.origin) ?? []);
}

type Target = { readonly cluster: string; readonly destination: WeightedDestination };

/** A rule that sends requests nowhere (validation lets none pass) answers 503, and keeps its place among the rules. */
function routeAction(rule: HttpRule, targets: readonly Target[], context: RouteContext): Route['action'] {
  const usable = targets.length === 1 ? targets : targets.filter(({ destination }) => destination.weight > 0);
  if (rule.answer !== undefined) return routeAnswer(rule.answer, context.port);
  if (usable.length === 0) return routeAnswer({ kind: 'direct-response', status: 503 }, context.port);
  return { case: 'route', value: forward(rule, targets.length, usable, context) };
}

/** One destination is a cluster; several are weighted clusters, of which those with weight 0 are left out. */
function forward(rule: HttpRule, written: number, usable: readonly Target[], context: RouteContext): RouteAction {
  const [first] = usable;
  const authority = rule.rewrite?.authority ?? rule.headers?.authority ?? (written === 1 ? first?.destination.headers?.authority : undefined);
  const policy = retryPolicy(rule.retries);
  const timeout = duration(rule.timeoutMs ?? 0);
  const { path, regex } = rule.rewrite ?? {};
  return create(RouteActionSchema, {
    clusterSpecifier:
      written === 1
        ? { case: 'cluster', value: first?.cluster ?? '' }
        : { case: 'weightedClusters', value: { clusters: usable.map(weightedCluster) } },
    timeout,
    maxGrpcTimeout: timeout,
    ...(path !== undefined && { prefixRewrite: path }),
    ...(regex !== undefined && { regexRewrite: { pattern: { regex: regex.pattern }, substitution: regex.replacement } }),
    ...(authority !== undefined && { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: authority } }),
    ...(policy !== undefined && { retryPolicy: policy }),
    hashPolicy: hashPolicies(usable.map(({ destination }) => hashKey(destination, context))),
  });
}

function weightedCluster({ cluster, destination }: Target): WeightedCluster_ClusterWeight {
  const { weight, headers } = destination;
  return create(WeightedCluster_ClusterWeightSchema, {
    name: cluster,
    weight,
    ...headerChanges(headers),
    ...(headers?.authority !== undefined && { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: headers.authority } }),
  });
}

/** `hello.default.svc.cluster.local:80/*`, or by the virtual service's name where there are several destinations. */
function operationName(virtualService: VirtualService, rule: HttpRule, context: RouteContext, path: string): string {
  const [only] = rule.destinations;
  if (rule.destinations.length !== 1 || only === undefined) return `${hostAndPort(virtualService.name, context.port)}${path}`;
  return `${hostAndPort(only.host.hostname, destinationPort(only, context))}${path}`;
}

function destinationCluster(destination: WeightedDestination, context: RouteContext): string {
  return outboundClusterName(destinationPort(destination, context), destination.subset, destination.host.hostname);
}

function hashKey(destination: WeightedDestination, context: RouteContext): HashKey | undefined {
  const { host, subset } = destination;
  return hashKeyOf(context.rule?.(host.hostname), destinationPort(destination, context), subset);
}

/** The port as written, else the service's only one, else the port that the request came to. */
function destinationPort(destination: WeightedDestination, context: RouteContext): number {
  if (destination.port !== undefined) return destination.port;
  const ports = context.service(destination.host.hostname)?.ports;
  return ports?.length === 1 && ports[0] !== undefined ? ports[0].number : context.port;
}

/** The one route to a service that no virtual service is about. */
export function defaultRoutes(service: Service, port: ServicePort, rule: DestinationRule | undefined, cache: CompileCache): readonly RouteEntry[] {
  const placed = hashKeyOf(rule, port.number, undefined);
  const text = placed === undefined ? service.hostname : `${service.hostname} ${JSON.stringify(placed)}`;
  return cache.once('default routes', [port], text, () => {
    const cluster = outboundClusterName(port.number, undefined, service.hostname);
    const policy = retryPolicy(undefined);
    const route = create(RouteSchema, {
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
    });
    return [{ route, origins: [port.origin], destinations: [] }];
  });
}
