// Envoy's Cluster, compiled once per update.
import { failed, ok, type Result } from '#base/result.ts';
import { compileBalancing } from '#decide/balancing.ts';
import type { CircuitLimits, ClusterEntry, DnsSettings, Http2Upstream, OriginalDestination } from '#decide/cluster-entry.ts';
import { type ConfigError, Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import { buildEndpoints } from '#decide/endpoints.ts';
import { unpackExtension } from '#decide/extension.ts';
import { metadataTexts } from '#decide/metadata-texts.ts';
import { compileOutlier } from '#decide/outlier-entry.ts';
import { requestNamesOf } from '#decide/request-names.ts';
import { compileStatusRanges } from '#decide/status-ranges.ts';
import { findUnsupported } from '#decide/supported.ts';
import { compileTransport, compileTransportChoices } from '#decide/transport-socket.ts';
import { type Cluster, ClusterSchema, Cluster_DiscoveryType as Discovery } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { RoutingPriority } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { Http2ProtocolOptions } from '#envoy/gen/envoy/config/core/v3/protocol_pb.js';
import type { ClusterConfig } from '#envoy/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import type { HttpProtocolOptions } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';

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
  const options = message !== undefined && message.$typeName === 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions' ? message : undefined;
  const common = options?.commonHttpProtocolOptions ?? cluster.commonHttpProtocolOptions;
  const assignment = cluster.loadAssignment === undefined ? undefined : buildEndpoints(cluster.loadAssignment, 'load_assignment', problems);
  const transportChoices = compileTransportChoices(cluster, problems);
  const dynamic = dynamicOf(cluster);
  if (cluster.edsClusterConfig?.edsConfig?.configSourceSpecifier.case === 'apiConfigSource') {
    problems.report('eds_cluster_config.eds_config', 'only ads is supported');
  }
  return {
    name: cluster.name,
    metadata: metadataTexts(cluster.metadata),
    discovery: dynamic === undefined ? discoveryOf(cluster, problems) : 'dynamic-dns',
    edsName:
      cluster.edsClusterConfig?.serviceName === undefined || cluster.edsClusterConfig.serviceName === ''
        ? cluster.name
        : cluster.edsClusterConfig.serviceName,
    connectTimeoutMs: durationMs(cluster.connectTimeout, 5_000),
    ...compileBalancing(cluster, problems),
    protocol: protocolOf(cluster, options),
    endpoints: assignment?.endpoints ?? [],
    overprovisioningFactor: assignment?.overprovisioningFactor ?? 140,
    ...compileTransport(cluster.transportSocket, 'transport_socket', problems),
    ...(transportChoices === undefined ? {} : { transportChoices }),
    idleTimeoutMs: durationMs(common?.idleTimeout, 3_600_000),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? cluster.maxRequestsPerConnection ?? 0,
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
    ...requestNamesOf(options?.upstreamHttpProtocolOptions),
    http2: http2Of(cluster, options),
    ...limitsOf(cluster, RoutingPriority.DEFAULT),
    high: limitsOf(cluster, RoutingPriority.HIGH),
    ...outlierOf(cluster, options, problems),
    dns: dnsOf(cluster),
    maxHosts: dynamic === undefined ? defaultMaxHosts : maxHostsOf(dynamic),
    originalDst: originalDestinationOf(cluster),
    ...bindAddressesOf(cluster),
    tcpKeepaliveMs: keepaliveOf(cluster),
  };
}

function bindAddressesOf({ upstreamBindConfig }: Cluster): Pick<ClusterEntry, 'bindAddresses'> {
  if (upstreamBindConfig?.sourceAddress === undefined) return {};
  const extra = upstreamBindConfig.extraSourceAddresses.flatMap(({ address }) => (address === undefined ? [] : [address.address]));
  return { bindAddresses: [upstreamBindConfig.sourceAddress.address, ...extra] };
}

/** What it takes for errors stands among the options of HTTP. */
function outlierOf({ outlierDetection }: Cluster, options: HttpProtocolOptions | undefined, problems: Problems): Pick<ClusterEntry, 'outlier'> {
  const matcher = options?.outlierDetection?.errorMatcher;
  const at = `typed_extension_protocol_options["${protocolOptionsKey}"].outlier_detection.error_matcher`;
  const errors = matcher === undefined ? undefined : compileStatusRanges(matcher, at, problems);
  return outlierDetection === undefined ? {} : { outlier: compileOutlier(outlierDetection, 'outlier_detection', problems, errors) };
}

/** The configuration of a dynamic forward proxy; undefined for all other clusters. */
function dynamicOf({ clusterDiscoveryType: type }: Cluster): ClusterConfig | undefined {
  if (type.case !== 'clusterType' || type.value.typedConfig === undefined) return undefined;
  const config = unpackExtension(type.value.typedConfig);
  return config !== undefined && config.$typeName === 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig' ? config : undefined;
}

/** Envoy's. */
const defaultMaxHosts = 1024;

function maxHostsOf({ clusterImplementationSpecifier: config }: ClusterConfig): number {
  return (config.case === 'dnsCacheConfig' ? config.value.maxHosts : undefined) ?? defaultMaxHosts;
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

/** The options of HTTP/2 to endpoints, wherever they stand. */
function http2Of(cluster: Cluster, options: HttpProtocolOptions | undefined): Http2Upstream {
  const found = http2OptionsOf(options) ?? cluster.http2ProtocolOptions;
  const keepalive = found?.connectionKeepalive;
  return {
    maxConcurrentStreams: found?.maxConcurrentStreams ?? 0,
    keepaliveIntervalMs: durationMs(keepalive?.interval, 0),
    keepaliveTimeoutMs: durationMs(keepalive?.timeout, 0),
  };
}

function http2OptionsOf(options: HttpProtocolOptions | undefined): Http2ProtocolOptions | undefined {
  const specifier = options?.upstreamProtocolOptions;
  if (specifier?.case === 'useDownstreamProtocolConfig') return specifier.value.http2ProtocolOptions;
  if (specifier?.case !== 'explicitHttpConfig') return undefined;
  const { protocolConfig } = specifier.value;
  return protocolConfig.case === 'http2ProtocolOptions' ? protocolConfig.value : undefined;
}

/** Envoy's defaults: every 5 s; after a failure as after a success, unless a rate for failures is set, whose maximum is ten times its base. */
function dnsOf({ dnsRefreshRate, respectDnsTtl, dnsFailureRefreshRate }: Cluster): DnsSettings {
  const baseMs = durationMs(dnsFailureRefreshRate?.baseInterval, 0);
  const failure = baseMs > 0 ? { failure: { baseMs, maxMs: durationMs(dnsFailureRefreshRate?.maxInterval, baseMs * 10) } } : {};
  return { refreshMs: durationMs(dnsRefreshRate, 5_000), respectsTtl: respectDnsTtl, ...failure };
}

/** The header's name is x-envoy-original-dst-host unless the configuration has another. */
function originalDestinationOf({ lbConfig }: Cluster): OriginalDestination {
  if (lbConfig.case !== 'originalDstLbConfig') return { header: '', port: 0 };
  const { useHttpHeader, httpHeaderName, upstreamPortOverride } = lbConfig.value;
  const header = httpHeaderName === '' ? 'x-envoy-original-dst-host' : httpHeaderName.toLowerCase();
  return { header: useHttpHeader ? header : '', port: upstreamPortOverride ?? 0 };
}

/** Envoy: 1024 of each, 3 retries. */
function limitsOf(cluster: Cluster, of: RoutingPriority): CircuitLimits {
  const limits = cluster.circuitBreakers?.thresholds.find(({ priority }) => priority === of);
  return {
    maxConnections: limits?.maxConnections ?? 1024,
    maxPendingRequests: limits?.maxPendingRequests ?? 1024,
    maxRequests: limits?.maxRequests ?? 1024,
    maxRetries: limits?.maxRetries ?? 3,
    ...(limits?.retryBudget === undefined
      ? {}
      : { retryBudget: { percent: limits.retryBudget.budgetPercent?.value ?? 20, minConcurrency: limits.retryBudget.minRetryConcurrency ?? 3 } }),
  };
}

function keepaliveOf(cluster: Cluster): number {
  const keepalive = cluster.upstreamConnectionOptions?.tcpKeepalive;
  return keepalive === undefined ? 0 : (keepalive.keepaliveTime ?? 7200) * 1000;
}
