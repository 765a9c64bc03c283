// Envoy's RouteAction, compiled: targets with weights, timeouts, retries and rewrites.

import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import { compileHashPolicies } from '#decide/hash-policy.ts';
import { compileHeaderLevel, joinLevels } from '#decide/header-level.ts';
import type { HeaderOperations } from '#decide/header-operations.ts';
import { compileMirrors } from '#decide/mirror.ts';
import { ownTimeouts } from '#decide/request-timeouts.ts';
import { compileRetry } from '#decide/retry.ts';
import type { ForwardAction, ForwardTarget } from '#decide/route-entry.ts';
import { compileFilterLevel, type FilterLevel, joinFilterLevels } from '#decide/route-filters.ts';
import { compileSubstitution } from '#decide/substitution.ts';
import { RoutingPriority } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
  type Route,
  type RouteAction,
  type VirtualHost,
  type WeightedCluster,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/** Header changes and filter configurations around a target, most specific first. */
export type HeaderLevels = {
  readonly mostSpecificWins: boolean;
  readonly request: readonly HeaderOperations[];
  readonly response: readonly HeaderOperations[];
  readonly filters: readonly FilterLevel[];
};

const defaultTimeoutMs = 15_000;

export function compileForward(
  host: VirtualHost,
  route: Route,
  action: RouteAction,
  levels: HeaderLevels,
  field: string,
  problems: Problems,
): ForwardAction {
  const retryPolicy = action.retryPolicy ?? host.retryPolicy;
  const retryField = action.retryPolicy === undefined ? 'retry_policy' : `${field}.retry_policy`;
  const idleTimeout = action.idleTimeout === undefined ? {} : { idleTimeoutMs: durationMs(action.idleTimeout, 0) };
  const maxDuration = action.maxStreamDuration?.maxStreamDuration;
  const maxStreamDurationMs = maxDuration === undefined ? undefined : durationMs(maxDuration, 0);
  const timeoutMs = durationMs(action.timeout, defaultTimeoutMs);
  const retry = retryPolicy === undefined ? undefined : compileRetry(retryPolicy, retryField, problems);
  return {
    kind: 'forward',
    ...compileTargets(action, levels, field, problems),
    timeoutMs,
    timeouts: ownTimeouts(timeoutMs, maxStreamDurationMs, retry),
    bufferLimitBytes: route.perRequestBufferLimitBytes ?? host.perRequestBufferLimitBytes,
    ...idleTimeout,
    ...(maxStreamDurationMs === undefined ? {} : { maxStreamDurationMs }),
    ...compilePathRewrite(route, action, field, problems),
    ...compileHostRewrite(action, field, problems),
    appendForwardedHost: action.appendXForwardedHost,
    upgrades: new Map(action.upgradeConfigs.map((config) => [config.upgradeType.toLowerCase(), config.enabled ?? true])),
    endsConnect: action.upgradeConfigs.some(
      ({ upgradeType, connectConfig }) => upgradeType.toLowerCase() === 'connect' && connectConfig !== undefined,
    ),
    ...(retry === undefined ? {} : { retry }),
    mirrors: compileMirrors(action.requestMirrorPolicies, field, problems),
    ...grpcTimeouts(action),
    highPriority: action.priority === RoutingPriority.HIGH,
    hashPolicies: compileHashPolicies(action.hashPolicy, `${field}.hash_policy`, problems),
    clusterNotFoundStatus: notFoundStatus[action.clusterNotFoundResponseCode],
  };
}

/** Envoy: max_stream_duration.grpc_timeout_header_max takes the place of the older max_grpc_timeout. */
function grpcTimeouts({
  maxGrpcTimeout,
  grpcTimeoutOffset,
  maxStreamDuration,
}: RouteAction): Pick<ForwardAction, 'grpcTimeout' | 'grpcStreamTimeout'> {
  const headerMax = maxStreamDuration?.grpcTimeoutHeaderMax;
  if (headerMax !== undefined)
    return { grpcStreamTimeout: { maxMs: durationMs(headerMax, 0), offsetMs: durationMs(maxStreamDuration?.grpcTimeoutHeaderOffset, 0) } };
  if (maxGrpcTimeout === undefined || maxStreamDuration !== undefined) return {};
  return { grpcTimeout: { maxMs: durationMs(maxGrpcTimeout, 0), offsetMs: durationMs(grpcTimeoutOffset, 0) } };
}

const notFoundStatus: Readonly<Record<NotFoundCode, number>> = {
  [NotFoundCode.SERVICE_UNAVAILABLE]: 503,
  [NotFoundCode.NOT_FOUND]: 404,
  [NotFoundCode.INTERNAL_SERVER_ERROR]: 500,
};

type Targets = Pick<ForwardAction, 'targets' | 'totalWeight' | 'clusterHeader'>;

function compileTargets(action: RouteAction, levels: HeaderLevels, field: string, problems: Problems): Targets {
  const specifier = action.clusterSpecifier;
  const single = (cluster: string): ForwardTarget => ({
    cluster,
    cumulativeWeight: 1,
    requestHeaders: joinLevels(levels.request, levels.mostSpecificWins),
    responseHeaders: joinLevels(levels.response, levels.mostSpecificWins),
    setsRouterHeaders: setsRouterHeaders(levels.request),
    filters: joinFilterLevels(levels.filters),
  });
  switch (specifier.case) {
    case 'cluster':
      return { targets: [single(specifier.value)], totalWeight: 1 };
    case 'clusterHeader':
      return { targets: [single('')], totalWeight: 1, clusterHeader: specifier.value.toLowerCase() };
    case 'weightedClusters':
      return compileWeighted(specifier.value, levels, `${field}.weighted_clusters`, problems);
    default:
      problems.report(field, 'one of cluster, cluster_header, weighted_clusters is required');
      return { targets: [single('')], totalWeight: 1 };
  }
}

function compileWeighted(weighted: WeightedCluster, levels: HeaderLevels, field: string, problems: Problems): Targets {
  let totalWeight = 0;
  const targets = weighted.clusters.map((cluster, index): ForwardTarget => {
    const at = `${field}.clusters[${index}]`;
    if (cluster.name === '') problems.report(`${at}.name`, 'a cluster name is required');
    totalWeight += cluster.weight ?? 0;
    const request = compileHeaderLevel('request', cluster.requestHeadersToAdd, cluster.requestHeadersToRemove, `${at}.`, problems);
    const response = compileHeaderLevel('response', cluster.responseHeadersToAdd, cluster.responseHeadersToRemove, `${at}.`, problems);
    return {
      cluster: cluster.name,
      cumulativeWeight: totalWeight,
      ...(cluster.hostRewriteSpecifier.case === undefined ? {} : { hostRewrite: cluster.hostRewriteSpecifier.value }),
      requestHeaders: joinLevels([request, ...levels.request], levels.mostSpecificWins),
      responseHeaders: joinLevels([response, ...levels.response], levels.mostSpecificWins),
      setsRouterHeaders: setsRouterHeaders([request, ...levels.request]),
      filters: joinFilterLevels([compileFilterLevel(cluster, `${at}.`, problems), ...levels.filters]),
    };
  });
  if (totalWeight === 0) problems.report(field, 'the sum of the weights must be above 0');
  return { targets, totalWeight };
}

function setsRouterHeaders(levels: readonly HeaderOperations[]): boolean {
  return levels.some((level) => level.some(({ kind, name }) => kind === 'set' && name.startsWith('x-envoy-')));
}

type PathRewrite = Pick<ForwardAction, 'prefixRewrite' | 'matchedPrefix' | 'regexRewrite'>;

function compilePathRewrite(route: Route, action: RouteAction, field: string, problems: Problems): PathRewrite {
  if (action.prefixRewrite !== '' && action.regexRewrite !== undefined) problems.report(field, 'prefix_rewrite and regex_rewrite exclude each other');
  if (action.regexRewrite !== undefined) return { regexRewrite: compileSubstitution(action.regexRewrite, `${field}.regex_rewrite`, problems) };
  if (action.prefixRewrite === '') return {};
  const matched = matchedPrefixOf(route);
  return { prefixRewrite: action.prefixRewrite, ...(matched === undefined ? {} : { matchedPrefix: matched }) };
}

/** The part of the path that a prefix rewrite replaces; undefined (regex, CONNECT): all of it. */
export function matchedPrefixOf(route: Route): string | undefined {
  const specifier = route.match?.pathSpecifier;
  const known = specifier?.case === 'prefix' || specifier?.case === 'path' || specifier?.case === 'pathSeparatedPrefix';
  return known ? specifier.value : undefined;
}

type HostRewrite = Pick<ForwardAction, 'hostRewrite' | 'hostRewriteHeader' | 'hostRewritePathRegex' | 'autoHostRewrite'>;

function compileHostRewrite(action: RouteAction, field: string, problems: Problems): HostRewrite {
  const specifier = action.hostRewriteSpecifier;
  switch (specifier.case) {
    case 'hostRewriteLiteral':
      return { hostRewrite: specifier.value, autoHostRewrite: false };
    case 'hostRewriteHeader':
      return { hostRewriteHeader: specifier.value.toLowerCase(), autoHostRewrite: false };
    case 'hostRewritePathRegex':
      return { hostRewritePathRegex: compileSubstitution(specifier.value, `${field}.host_rewrite_path_regex`, problems), autoHostRewrite: false };
    case 'autoHostRewrite':
      return { autoHostRewrite: specifier.value.value };
    case undefined:
      return { autoHostRewrite: false };
  }
}
