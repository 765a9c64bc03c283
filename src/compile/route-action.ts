// Where a route sends its requests: one cluster or several by weight, with copies, rewrites, timeouts and retries. Source: Istio,
// applyHTTPRouteDestination.
import { destinationHashKey, type RouteContext } from '#compile/destination.ts';
import { duration, noTimeout } from '#compile/durations.ts';
import { hashPolicies } from '#compile/hash-policy.ts';
import { headerChanges } from '#compile/header-changes.ts';
import { mirrorPolicy } from '#compile/mirror.ts';
import { httpOverMutualTls } from '#compile/request-alpn.ts';
import { retryPolicy } from '#compile/retry.ts';
import { pathRewrite } from '#compile/rewrite.ts';
import { create } from '#envoy/create.ts';
import {
  type RouteAction,
  RouteAction_ClusterNotFoundResponseCode,
  RouteActionSchema,
  type WeightedCluster_ClusterWeight,
  WeightedCluster_ClusterWeightSchema,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { HttpMatch, HttpRule, VirtualService, WeightedDestination } from '#model/virtual-service.ts';

/** A destination and the cluster that it is. `saysHttp`: requests to it must say that they are HTTP. */
export type Target = { readonly cluster: string; readonly destination: WeightedDestination; readonly saysHttp: boolean };

/** What a rule forwards with: its targets in the order of its destinations, and the clusters of its mirrors. */
export type Forwarding = {
  readonly targets: readonly Target[];
  readonly mirrors: readonly string[];
  readonly semantics: VirtualService['semantics'];
};

/**
 * One destination is a cluster; several are weighted clusters, of which those with weight 0 are left out. Undefined where no destination
 * is left.
 */
export function routeAction(
  rule: HttpRule,
  match: HttpMatch | undefined,
  { targets, mirrors, semantics }: Forwarding,
  context: RouteContext,
): RouteAction | undefined {
  const only = targets.length === 1 ? targets[0] : undefined;
  const weighted = only === undefined ? targets.filter(({ destination }) => destination.weight > 0) : [];
  if (only === undefined && weighted.length === 0) return undefined;
  const authority = rule.rewrite?.authority ?? rule.headers?.authority ?? only?.destination.headers?.authority;
  const keys = (only === undefined ? weighted : targets).map(({ destination }) => destinationHashKey(destination, context));
  const policy = retryPolicy(rule.retries ?? context.defaultRetries, { staysOnHost: only !== undefined && keys[0] !== undefined });
  const timeout = rule.timeoutMs === undefined ? noTimeout() : duration(rule.timeoutMs);
  return create(RouteActionSchema, {
    clusterSpecifier:
      only === undefined
        ? { case: 'weightedClusters', value: { clusters: weighted.map(weightedCluster) } }
        : { case: 'cluster', value: only.cluster },
    timeout,
    // A deadline that gRPC callers send along counts up to the route's own timeout; without one it counts as it is.
    maxGrpcTimeout: timeout,
    ...pathRewrite(rule.rewrite, match, semantics),
    ...(authority !== undefined && { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: authority } }),
    appendXForwardedHost: authority !== undefined && rule.rewrite !== undefined && context.client.tellsReplacedHost,
    requestMirrorPolicies: (rule.mirrors ?? []).map(({ percent }, index) => mirrorPolicy(mirrors[index] ?? '', percent)),
    retryPolicy: policy,
    hashPolicy: hashPolicies(keys),
    // A backend that does not exist is 500 in the Gateway API, not 503; for gRPC it is UNAVAILABLE, which 503 becomes.
    ...(semantics === 'gateway-api' &&
      rule.missingStatus !== 503 && { clusterNotFoundResponseCode: RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR }),
  });
}

function weightedCluster({ cluster, destination, saysHttp }: Target): WeightedCluster_ClusterWeight {
  const { weight, headers } = destination;
  return create(WeightedCluster_ClusterWeightSchema, {
    name: cluster,
    weight,
    ...headerChanges(headers),
    ...(saysHttp && { typedPerFilterConfig: httpOverMutualTls() }),
    ...(headers?.authority !== undefined && { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: headers.authority } }),
  });
}
