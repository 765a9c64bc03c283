// The bootstrap of an Envoy that gets everything else over xDS: who it is, where the control plane is, and its own admin port.
// Field names are envoy.config.bootstrap.v3.Bootstrap's, in the JSON form that `envoy -c` reads.
import { type JsonObject, toJson } from '@bufbuild/protobuf';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { connectionLimitOf, runtimeFlagsOf } from '#envoy/proxy-config-metadata.ts';
import { idleSeriesMs } from '#telemetry/metrics/metric-store.ts';
import { bucketBounds } from '#telemetry/metrics/series-group.ts';

/** Which of the two xDS protocols Envoy shall speak: what changed, or the state of the world each time. */
export type EnvoyXdsMode = 'delta' | 'sotw';

export type BootstrapOptions = {
  readonly node: Node;
  /** `host:port` of the control plane. */
  readonly xdsTarget: string;
  readonly xdsMode: EnvoyXdsMode;
  /** Path of the Unix socket where the agent serves secrets (cluster `sds-grpc`); undefined: the workload has no identity. */
  readonly sdsPath?: string;
  /** The control plane is reached by mutual TLS with those secrets, and must have this name. */
  readonly xdsServerName?: string;
  /** Envoy's admin listens on 127.0.0.1 at this port. */
  readonly adminPort: number;
  /** What its connections are bound to where their cluster says nothing, at most one address of each family. */
  readonly sourceAddresses?: readonly string[];
  /** Who answers it questions for names; the system's name servers unless said. */
  readonly nameServer?: { readonly address: string; readonly port: number };
};

/** Values of histograms are told from then on; the other interval must be a multiple of it. */
const statsFlush = '2s';

const xdsCluster = 'xds-grpc';
/** By this name Istio's configuration asks for secrets. */
const sdsCluster = 'sds-grpc';

/** More connections than any machine has: stated only because Envoy warns where no limit is. */
const noConnectionLimit = 2_147_483_647;

/** Envoy's own limit for expressions, 100 instructions, is below what rules need: this is Istio's. Theirs are not longer than 1,024 characters. */
const usualRuntime = { 're2.max_program_size.error_level': 32_768 };

export function envoyBootstrap(options: BootstrapOptions): JsonObject {
  const { host, port } = splitTarget(options.xdsTarget);
  const ads = { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' };
  return {
    node: toJson(NodeSchema, options.node, { useProtoFieldName: true }),
    admin: { address: socketAddress('127.0.0.1', options.adminPort) },
    dynamic_resources: { ads_config: adsConfig(options.xdsMode), cds_config: ads, lds_config: ads },
    static_resources: {
      clusters: [...(options.sdsPath === undefined ? [] : [agentCluster(options.sdsPath)]), controlPlaneCluster(host, port, options.xdsServerName)],
    },
    ...clusterManager(options.sourceAddresses ?? []),
    ...(options.nameServer !== undefined && nameResolver(options.nameServer)),
    layered_runtime: { layers: [{ name: 'heddle', static_layer: { ...runtimeFlagsOf(options.node.metadata, usualRuntime) } }] },
    stats_config: {
      use_all_default_tags: false,
      histogram_bucket_settings: [{ match: { prefix: 'istio.' }, buckets: [...bucketBounds] }],
    },
    stats_flush_interval: statsFlush,
    stats_eviction_interval: `${idleSeriesMs / 1000}s`,
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
            max_active_downstream_connections: connectionLimitOf(options.node.metadata) ?? noConnectionLimit,
          },
        },
      ],
    },
  };
}

/** So that a redirection of its application's connections leaves those of Envoy alone. */
function clusterManager([first, ...more]: readonly string[]): JsonObject {
  if (first === undefined) return {};
  const extra = more.map((address) => ({ address: { address, port_value: 0 } }));
  return {
    cluster_manager: {
      upstream_bind_config: { source_address: { address: first, port_value: 0 }, ...(extra.length > 0 && { extra_source_addresses: extra }) },
    },
  };
}

function nameResolver({ address, port }: { readonly address: string; readonly port: number }): JsonObject {
  const config = {
    '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
    resolvers: [socketAddress(address, port)],
  };
  return { typed_dns_resolver_config: { name: 'envoy.network.dns_resolver.cares', typed_config: config } };
}

/** A restarted control plane is found again within seconds; Envoy's own ceiling would be half a minute. */
function adsConfig(mode: EnvoyXdsMode): JsonObject {
  return {
    api_type: mode === 'delta' ? 'DELTA_GRPC' : 'GRPC',
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: xdsCluster, retry_policy: { retry_back_off: { base_interval: '0.1s', max_interval: '3s' } } } }],
  };
}

function controlPlaneCluster(host: string, port: number, serverName: string | undefined): JsonObject {
  return {
    name: xdsCluster,
    type: isAddress(host) ? 'STATIC' : 'STRICT_DNS',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: xdsCluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
    },
    ...(serverName === undefined ? {} : { transport_socket: mutualTls(serverName) }),
    ...http2({ connection_keepalive: { interval: '30s', timeout: '10s' } }),
  };
}

/** The agent's SDS server. */
function agentCluster(path: string): JsonObject {
  return {
    name: sdsCluster,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: sdsCluster, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }] },
    ...http2({}),
  };
}

/** With the workload's own certificate, to a server of this name whose certificate the mesh's roots vouch for. */
function mutualTls(serverName: string): JsonObject {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      sni: serverName,
      common_tls_context: {
        alpn_protocols: ['h2'],
        tls_certificate_sds_secret_configs: [agentSecret('default')],
        combined_validation_context: {
          default_validation_context: { match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: serverName } }] },
          validation_context_sds_secret_config: agentSecret('ROOTCA'),
        },
      },
    },
  };
}

function agentSecret(name: string): JsonObject {
  return {
    name,
    sds_config: {
      api_config_source: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: sdsCluster } }],
      },
      initial_fetch_timeout: '0s',
      resource_api_version: 'V3',
    },
  };
}

function http2(options: JsonObject): JsonObject {
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return {
    typed_extension_protocol_options: {
      [name]: { '@type': `type.googleapis.com/${name}`, explicit_http_config: { http2_protocol_options: options } },
    },
  };
}

function socketAddress(address: string, port: number): JsonObject {
  return { socket_address: { address, port_value: port } };
}

function isAddress(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(':');
}

/** `host:port`, with an IPv6 host in brackets. */
function splitTarget(target: string): { readonly host: string; readonly port: number } {
  const colon = target.lastIndexOf(':');
  return { host: target.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(target.slice(colon + 1)) };
}
