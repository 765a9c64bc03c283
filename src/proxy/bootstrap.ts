// The Bootstrap message in, what the embedded proxy starts from out. Each field that is set is either used, known to have no effect here (a warning),
// or an error that names it: a bootstrap never runs half understood.

import { reflect } from '@bufbuild/protobuf/reflect';
import { failed, ok, type Result } from '#base/result.ts';
import { unpackExtension } from '#decide/extension.ts';
import { type Bootstrap, BootstrapSchema } from '#envoy/gen/envoy/config/bootstrap/v3/bootstrap_pb.js';
import type { Cluster } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type ApiConfigSource, ApiConfigSource_ApiType, type ConfigSource } from '#envoy/gen/envoy/config/core/v3/config_source_pb.js';
import type { Listener } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import type { Secret } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';

export type ProxyBootstrap = {
  readonly node: Node | undefined;
  readonly listeners: readonly Listener[];
  readonly clusters: readonly Cluster[];
  readonly secrets: readonly Secret[];
  readonly ads: AdsSource | undefined;
  readonly wantsListeners: boolean;
  readonly wantsClusters: boolean;
  readonly admin: { readonly address: string; readonly port: number } | undefined;
  /** Downstream connections of all listeners together (overload manager's global_downstream_max_connections); Infinity: no limit. */
  readonly connectionLimit: number;
  /** What connections of clusters that say nothing themselves come from (cluster_manager.upstream_bind_config); empty: the system chooses. */
  readonly sourceAddresses: readonly string[];
  /** Paths of fields that are understood and have no effect in this proxy. */
  readonly withoutEffect: readonly string[];
  readonly message: Bootstrap;
};

/** Where the aggregated stream goes: a static cluster, or an address of its own (google_grpc). */
export type AdsSource = {
  readonly mode: 'delta' | 'sotw';
  readonly target: { readonly kind: 'cluster'; readonly name: string } | { readonly kind: 'address'; readonly address: string };
};

type Use = 'used' | 'no effect';

/** Top-level fields. What tunes Envoy's own inner workings has no effect; what would change traffic or reports and is not built is missing here. */
const topFields: Readonly<Record<string, Use>> = {
  node: 'used',
  static_resources: 'used',
  dynamic_resources: 'used',
  admin: 'used',
  cluster_manager: 'used',
  deferred_stat_options: 'no effect',
  stats_config: 'no effect',
  stats_flush_interval: 'no effect',
  stats_flush_on_admin: 'no effect',
  watchdog: 'no effect',
  watchdogs: 'no effect',
  layered_runtime: 'no effect',
  overload_manager: 'used',
  enable_dispatcher_stats: 'no effect',
  stats_server_version_override: 'no effect',
  use_tcp_for_dns_lookups: 'no effect',
  dns_resolution_config: 'no effect',
  typed_dns_resolver_config: 'no effect',
  default_socket_interface: 'no effect',
  inline_headers: 'no effect',
  perf_tracing_file_path: 'no effect',
  default_regex_engine: 'no effect',
  node_context_params: 'no effect',
};

const adminFields: Readonly<Record<string, Use>> = {
  address: 'used',
  access_log: 'no effect',
  access_log_path: 'no effect',
  profile_path: 'no effect',
  socket_options: 'no effect',
  ignore_global_conn_limit: 'no effect',
};

/** All errors together, each naming its field. */
export function readBootstrap(message: Bootstrap): Result<ProxyBootstrap, readonly string[]> {
  const errors: string[] = [];
  const withoutEffect: string[] = [];
  checkFields(message, topFields, '', errors, withoutEffect);
  const admin = readAdmin(message, errors, withoutEffect);
  const connectionLimit = readConnectionLimit(message, errors);
  const { staticResources, dynamicResources } = message;
  const wantsListeners = wantsAds(dynamicResources?.ldsConfig, 'dynamic_resources.lds_config', errors);
  const wantsClusters = wantsAds(dynamicResources?.cdsConfig, 'dynamic_resources.cds_config', errors);
  for (const name of ['lds_resources_locator', 'cds_resources_locator'] as const) {
    const locator = name === 'lds_resources_locator' ? dynamicResources?.ldsResourcesLocator : dynamicResources?.cdsResourcesLocator;
    if (locator !== undefined && locator !== '') errors.push(`dynamic_resources.${name}: is not supported`);
  }
  const ads = dynamicResources?.adsConfig === undefined ? undefined : readAds(dynamicResources.adsConfig, errors);
  if (ads === undefined && (wantsListeners || wantsClusters) && errors.length === 0) errors.push('dynamic_resources.ads_config: is missing');
  if (errors.length > 0) return failed(errors);
  return ok({
    node: message.node,
    listeners: staticResources?.listeners ?? [],
    clusters: staticResources?.clusters ?? [],
    secrets: staticResources?.secrets ?? [],
    ads,
    wantsListeners,
    wantsClusters,
    admin,
    connectionLimit,
    sourceAddresses: readSourceAddresses(message, withoutEffect),
    withoutEffect,
    message,
  });
}

function checkFields(message: Bootstrap, table: Readonly<Record<string, Use>>, prefix: string, errors: string[], withoutEffect: string[]): void {
  for (const name of setFields(message)) {
    const use = table[name];
    if (use === undefined) errors.push(`${prefix}${name}: is not supported by this proxy`);
    else if (use === 'no effect') withoutEffect.push(`${prefix}${name}`);
  }
}

function setFields(message: Bootstrap): readonly string[] {
  const view = reflect(BootstrapSchema, message);
  return view.fields.filter((field) => view.isSet(field)).map(({ name }) => name);
}

function readAdmin(message: Bootstrap, errors: string[], withoutEffect: string[]): ProxyBootstrap['admin'] {
  const { admin } = message;
  if (admin === undefined) return undefined;
  const set: Readonly<Record<string, boolean>> = {
    access_log: admin.accessLog.length > 0,
    access_log_path: admin.accessLogPath !== '',
    profile_path: admin.profilePath !== '',
    socket_options: admin.socketOptions.length > 0,
    ignore_global_conn_limit: admin.ignoreGlobalConnLimit,
  };
  for (const [name, use] of Object.entries(adminFields)) if (set[name] === true && use === 'no effect') withoutEffect.push(`admin.${name}`);
  // Envoy: without an address there is no admin server.
  if (admin.address === undefined) return undefined;
  const { address } = admin.address;
  if (address.case === 'socketAddress' && address.value.portSpecifier.case === 'portValue') {
    return { address: address.value.address, port: address.value.portSpecifier.value };
  }
  errors.push('admin.address: must be a socket_address with port_value');
  return undefined;
}

/** Of cluster_manager what keeps the proxy's own connections apart from its application's; the rest tunes Envoy. */
function readSourceAddresses({ clusterManager }: Bootstrap, withoutEffect: string[]): readonly string[] {
  if (clusterManager === undefined) return [];
  const { upstreamBindConfig: bind } = clusterManager;
  const set: Readonly<Record<string, boolean>> = {
    local_cluster_name: clusterManager.localClusterName !== '',
    outlier_detection: clusterManager.outlierDetection !== undefined,
    load_stats_config: clusterManager.loadStatsConfig !== undefined,
    enable_deferred_cluster_creation: clusterManager.enableDeferredClusterCreation,
    'upstream_bind_config.freebind': bind?.freebind !== undefined,
    'upstream_bind_config.socket_options': (bind?.socketOptions ?? []).length > 0,
    'upstream_bind_config.local_address_selector': bind?.localAddressSelector !== undefined,
  };
  for (const [name, isSet] of Object.entries(set)) if (isSet) withoutEffect.push(`cluster_manager.${name}`);
  if (bind === undefined) return [];
  const sources = [bind.sourceAddress, ...bind.extraSourceAddresses.map((extra) => extra.address), ...bind.additionalSourceAddresses];
  return sources.flatMap((source) => (source === undefined || source.address === '' ? [] : [source.address]));
}

/** The one resource monitor that this proxy has; memory and CPU of a process are not what they are in Envoy. */
function readConnectionLimit(message: Bootstrap, errors: string[]): number {
  const { overloadManager } = message;
  if (overloadManager === undefined) return Number.POSITIVE_INFINITY;
  if (overloadManager.actions.length > 0) errors.push('overload_manager.actions: are not supported by this proxy');
  if (overloadManager.loadshedPoints.length > 0) errors.push('overload_manager.loadshed_points: are not supported by this proxy');
  let limit = Number.POSITIVE_INFINITY;
  for (const [index, { name, configType }] of overloadManager.resourceMonitors.entries()) {
    const config = configType.case === 'typedConfig' ? unpackExtension(configType.value) : undefined;
    if (config?.$typeName === 'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig')
      limit = Number(config.maxActiveDownstreamConnections);
    else errors.push(`overload_manager.resource_monitors[${index}]: ${name} is not supported by this proxy`);
  }
  return limit;
}

function wantsAds(source: ConfigSource | undefined, field: string, errors: string[]): boolean {
  if (source === undefined) return false;
  if (source.configSourceSpecifier.case === 'ads') return true;
  const kind = source.configSourceSpecifier.case?.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) ?? 'an empty source';
  errors.push(`${field}.${kind}: is not supported, only ads is`);
  return false;
}

function readAds(source: ApiConfigSource, errors: string[]): AdsSource | undefined {
  const field = 'dynamic_resources.ads_config';
  const mode = apiModes[source.apiType];
  if (mode === undefined) errors.push(`${field}.api_type: ${ApiConfigSource_ApiType[source.apiType]} is not supported, GRPC and DELTA_GRPC are`);
  const [service, ...more] = source.grpcServices;
  if (service === undefined || more.length > 0) errors.push(`${field}.grpc_services: exactly one is supported`);
  if (service !== undefined && service.initialMetadata.length > 0) errors.push(`${field}.grpc_services[0].initial_metadata: is not supported`);
  const target = service === undefined ? undefined : targetOf(service.targetSpecifier, `${field}.grpc_services[0]`, errors);
  return mode === undefined || target === undefined ? undefined : { mode, target };
}

const apiModes: Readonly<Partial<Record<ApiConfigSource_ApiType, AdsSource['mode']>>> = {
  [ApiConfigSource_ApiType.GRPC]: 'sotw',
  [ApiConfigSource_ApiType.DELTA_GRPC]: 'delta',
  [ApiConfigSource_ApiType.AGGREGATED_GRPC]: 'sotw',
  [ApiConfigSource_ApiType.AGGREGATED_DELTA_GRPC]: 'delta',
};

type Specifier = ApiConfigSource['grpcServices'][number]['targetSpecifier'];

function targetOf(specifier: Specifier, field: string, errors: string[]): AdsSource['target'] | undefined {
  switch (specifier.case) {
    case 'envoyGrpc':
      if (specifier.value.clusterName !== '') return { kind: 'cluster', name: specifier.value.clusterName };
      errors.push(`${field}.envoy_grpc.cluster_name: is missing`);
      return undefined;
    case 'googleGrpc': {
      const { targetUri, channelCredentials, callCredentials } = specifier.value;
      const secure = channelCredentials !== undefined && channelCredentials.credentialSpecifier.case !== 'localCredentials';
      if (secure) errors.push(`${field}.google_grpc.channel_credentials: are not supported`);
      if (callCredentials.length > 0) errors.push(`${field}.google_grpc.call_credentials: are not supported`);
      if (targetUri === '') errors.push(`${field}.google_grpc.target_uri: is missing`);
      return { kind: 'address', address: targetUri };
    }
    default:
      errors.push(`${field}: names no target`);
      return undefined;
  }
}
