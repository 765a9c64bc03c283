// Envoy's Cluster, compiled once per update.
import { isMessage } from '@bufbuild/protobuf';
import { failed, ok, type Result } from '#base/result.ts';
import type { ClusterEntry } from '#decide/cluster-entry.ts';
import { type ConfigError, Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import { buildEndpoints } from '#decide/endpoints.ts';
import { unpackExtension } from '#decide/extension.ts';
import { findUnsupported } from '#decide/supported.ts';
import { compileUpstreamTls } from '#decide/tls-context.ts';
import {
  type Cluster,
  ClusterSchema,
  Cluster_DiscoveryType as Discovery,
  Cluster_LbPolicy as LbPolicy,
} from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { RoutingPriority } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { LeastRequestSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js';
import { RandomSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js';
import { RoundRobinSchema } from '#envoy/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js';
import { type HttpProtocolOptions, HttpProtocolOptionsSchema } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';

const protocolOptionsKey = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Every field that cannot be honoured is an error. */
export function compileCluster(cluster: Cluster): Result<ClusterEntry, readonly ConfigError[]> {
  const problems = new Problems(cluster.name);
  findUnsupported(ClusterSchema, cluster, '', problems);
  const entry = buildCluster(cluster, problems);
  return problems.errors.length > 0 ? failed(problems.errors) : ok(entry);
}

function buildCluster(cluster: Cluster, problems: Problems): ClusterEntry {
  const packed = cluster.typedExtensionProtocolOptions[protocolOptionsKey];
  const message = packed === undefined ? undefined : unpackExtension(packed);
  const options = message !== undefined && isMessage(message, HttpProtocolOptionsSchema) ? message : undefined;
  const common = options?.commonHttpProtocolOptions ?? cluster.commonHttpProtocolOptions;
  const assignment = cluster.loadAssignment === undefined ? undefined : buildEndpoints(cluster.loadAssignment, 'load_assignment', problems);
  const tls = cluster.transportSocket === undefined ? undefined : compileUpstreamTls(cluster.transportSocket, 'transport_socket', problems);
  const discovery = discoveryOf(cluster, problems);
  return {
    name: cluster.name,
    discovery,
    edsName:
      cluster.edsClusterConfig?.serviceName === undefined || cluster.edsClusterConfig.serviceName === ''
        ? cluster.name
        : cluster.edsClusterConfig.serviceName,
    connectTimeoutMs: durationMs(cluster.connectTimeout, 5_000),
    ...balancingOf(cluster, problems),
    panicThresholdPercent: cluster.commonLbConfig?.healthyPanicThreshold?.value ?? 50,
    failTrafficOnPanic: failsOnPanic(cluster),
    protocol: protocolOf(cluster, options),
    endpoints: assignment?.endpoints ?? [],
    overprovisioningFactor: assignment?.overprovisioningFactor ?? 140,
    ...(tls === undefined ? {} : { tls }),
    idleTimeoutMs: durationMs(common?.idleTimeout, 3_600_000),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? cluster.maxRequestsPerConnection ?? 0,
    ...limitsOf(cluster),
    ...(cluster.upstreamBindConfig?.sourceAddress === undefined ? {} : { bindAddress: cluster.upstreamBindConfig.sourceAddress.address }),
    tcpKeepaliveMs: keepaliveOf(cluster),
  };
}

function discoveryOf(cluster: Cluster, problems: Problems): ClusterEntry['discovery'] {
  const type = cluster.clusterDiscoveryType;
  if (type.case === 'clusterType') {
    problems.report('cluster_type', `cluster type ${type.value.name} is not supported`);
    return 'static';
  }
  return discoveries[type.value ?? Discovery.STATIC];
}

const discoveries: Readonly<Record<Discovery, ClusterEntry['discovery']>> = {
  [Discovery.STATIC]: 'static',
  [Discovery.STRICT_DNS]: 'strict-dns',
  [Discovery.LOGICAL_DNS]: 'logical-dns',
  [Discovery.EDS]: 'eds',
  [Discovery.ORIGINAL_DST]: 'original-dst',
};

type Balancing = Pick<ClusterEntry, 'balancing' | 'choiceCount' | 'activeRequestBias'>;

/** load_balancing_policy wins over lb_policy; of its list the first known one counts (Cluster.load_balancing_policy). */
function balancingOf(cluster: Cluster, problems: Problems): Balancing {
  if (cluster.loadBalancingPolicy !== undefined) return policyOf(cluster, problems);
  const config = cluster.lbConfig.case === 'leastRequestLbConfig' ? cluster.lbConfig.value : undefined;
  const tuning = { choiceCount: config?.choiceCount ?? 2, activeRequestBias: config?.activeRequestBias?.defaultValue ?? 1 };
  switch (cluster.lbPolicy) {
    case LbPolicy.ROUND_ROBIN:
      return { balancing: 'round-robin', ...tuning };
    case LbPolicy.LEAST_REQUEST:
      return { balancing: 'least-request', ...tuning };
    case LbPolicy.RANDOM:
      return { balancing: 'random', ...tuning };
    case LbPolicy.CLUSTER_PROVIDED:
      return { balancing: 'original-dst', ...tuning };
    default:
      // The table of supported fields has named it.
      return { balancing: 'round-robin', ...tuning };
  }
}

function policyOf(cluster: Cluster, problems: Problems): Balancing {
  const tuning = { choiceCount: 2, activeRequestBias: 1 };
  for (const { typedExtensionConfig: extension } of cluster.loadBalancingPolicy?.policies ?? []) {
    const message = extension?.typedConfig === undefined ? undefined : unpackExtension(extension.typedConfig);
    if (message === undefined) continue;
    if (isMessage(message, RoundRobinSchema)) return { balancing: 'round-robin', ...tuning };
    if (isMessage(message, RandomSchema)) return { balancing: 'random', ...tuning };
    if (isMessage(message, LeastRequestSchema)) {
      return { balancing: 'least-request', choiceCount: message.choiceCount ?? 2, activeRequestBias: message.activeRequestBias?.defaultValue ?? 1 };
    }
  }
  problems.report('load_balancing_policy', 'none of the policies is supported');
  return { balancing: 'round-robin', ...tuning };
}

function failsOnPanic(cluster: Cluster): boolean {
  const locality = cluster.commonLbConfig?.localityConfigSpecifier;
  return locality?.case === 'zoneAwareLbConfig' && locality.value.failTrafficOnPanic;
}

function protocolOf(cluster: Cluster, options: HttpProtocolOptions | undefined): ClusterEntry['protocol'] {
  switch (options?.upstreamProtocolOptions.case) {
    case 'explicitHttpConfig':
      return options.upstreamProtocolOptions.value.protocolConfig.case === 'http2ProtocolOptions' ? 'http2' : 'http1';
    case 'useDownstreamProtocolConfig':
      return 'same-as-downstream';
    default:
      return cluster.http2ProtocolOptions === undefined ? 'http1' : 'http2';
  }
}

/** Circuit breakers of default priority. Envoy: 1024 of each, 3 retries. */
function limitsOf(cluster: Cluster) {
  const limits = cluster.circuitBreakers?.thresholds.find(({ priority }) => priority === RoutingPriority.DEFAULT);
  return {
    maxConnections: limits?.maxConnections ?? 1024,
    maxPendingRequests: limits?.maxPendingRequests ?? 1024,
    maxRequests: limits?.maxRequests ?? 1024,
    maxRetries: limits?.maxRetries ?? 3,
  };
}

function keepaliveOf(cluster: Cluster): number {
  const keepalive = cluster.upstreamConnectionOptions?.tcpKeepalive;
  return keepalive === undefined ? 0 : (keepalive.keepaliveTime ?? 7200) * 1000;
}
