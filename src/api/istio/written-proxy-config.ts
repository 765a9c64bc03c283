// ProxyConfig as people write it into other things: MeshConfig.defaultConfig, and a Pod's annotation proxy.istio.io/config. In: a ConfigMap or
// annotations. Out: its fields as they stand, and which of them act.
import { parse } from 'yaml';
import { parseDurationMs } from '#base/duration.ts';
import { isObject } from '#base/object.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type WrittenProxyConfig = Readonly<Record<string, unknown>>;

export const proxyConfigAnnotation = 'proxy.istio.io/config';

/** Of a Pod; undefined where it has none. The error is the parser's, in one line. */
export function annotatedProxyConfig(annotations: Readonly<Record<string, string>>): Result<WrittenProxyConfig | undefined, string> {
  const text = annotations[proxyConfigAnnotation];
  if (text === undefined) return ok(undefined);
  try {
    const config: unknown = parse(text);
    return ok(isObject(config) ? config : undefined);
  } catch (error) {
    return failed(error instanceof Error ? error.message.split('\n', 1).join('') : String(error));
  }
}

/** Of the mesh; undefined where it has none or the text is no YAML, which whoever reads MeshConfig says. */
export function meshProxyConfig(configMap: MeshConfigMap): WrittenProxyConfig | undefined {
  const written = meshConfigOf(configMap)['defaultConfig'];
  return isObject(written) ? written : undefined;
}

/** MeshConfig.rootNamespace: where what is for the whole mesh stands. */
export function meshRootNamespace(configMap: MeshConfigMap): string {
  const written = meshConfigOf(configMap)['rootNamespace'];
  return typeof written === 'string' && written !== '' ? written : 'istio-system';
}

type MeshConfigMap = { readonly data?: Readonly<Record<string, string>> } | undefined;

function meshConfigOf(configMap: MeshConfigMap): WrittenProxyConfig {
  try {
    const config: unknown = parse(configMap?.data?.['mesh'] ?? '');
    return isObject(config) ? config : {};
  } catch {
    return {};
  }
}

/** A field that is written and does nothing, and why, where there is a reason to tell. */
export type IdleField = { readonly field: string; readonly hint?: string /** It acts with Envoy as the proxy. */; readonly actsOnEnvoy?: true };

const telemetry = 'it is about telemetry that this release of Heddle does not give yet';
const clusterOnly = 'it says how Istio starts its proxy in a container; Heddle chooses that itself';
const idleInIstio = 'Istio does not act on it either; leave it out';
const machines = 'a machine outside a cluster is probed as its WorkloadGroup says: see `heddle proxy --workload-group`';
const envoyOnly = 'it is for the bootstrap of an Envoy that Istio starts';

/** Every field of Istio's ProxyConfig that does nothing here, with its reason; the fields of an object that acts in part follow its name and a dot. */
const idle: Readonly<Record<string, string | undefined>> = {
  tracing: telemetry,
  zipkinAddress: telemetry,
  envoyAccessLogService: telemetry,
  envoyMetricsService: telemetry,
  envoyMetricsServiceAddress: telemetry,
  statsdUdpAddress: telemetry,
  proxyStatsMatcher: telemetry,
  extraStatTags: telemetry,
  statNameLength: telemetry,
  statsCompression: telemetry,
  fileFlushInterval: telemetry,
  fileFlushMinSizeKb: telemetry,
  serviceCluster: telemetry,
  tracingServiceName: telemetry,
  meshId: telemetry,
  'proxyHeaders.metadataExchangeHeaders': telemetry,
  discoveryAddress: clusterOnly,
  configPath: clusterOnly,
  binaryPath: clusterOnly,
  image: clusterOnly,
  statusPort: clusterOnly,
  proxyAdminPort: clusterOnly,
  interceptionMode:
    'how connections are captured is the choice of whoever starts the proxy: `heddle up` says, and so does node metadata INTERCEPTION_MODE',
  readinessProbe: machines,
  caCertificatesPem: 'Istio fills it in for its agents and reads none that is written; roots of the mesh come with its authority',
  customConfigFile: envoyOnly,
  proxyBootstrapTemplatePath: envoyOnly,
  privateKeyProvider: envoyOnly,
  'connectionSettings.clusterPerConnectionBufferLimitBytes': idleInIstio,
  'connectionSettings.listenerConnectionLimit': idleInIstio,
  discoveryRefreshDelay: idleInIstio,
  availabilityZone: idleInIstio,
  controlPlaneAuthPolicy: idleInIstio,
  sds: idleInIstio,
};

/** `gatewayTopology`, `proxyHeaders` and `connectionSettings` shape what a proxy is told, the others how it is started. */
const acting: ReadonlySet<string> = new Set([
  'gatewayTopology',
  'proxyHeaders',
  'connectionSettings',
  'concurrency',
  'proxyMetadata',
  'holdApplicationUntilProxyStarts',
  'terminationDrainDuration',
  'drainDuration',
  'runtimeValues',
]);

/** The one switch of Envoy's runtime that says something to the embedded proxy. */
const limitRuntimeKey = 'overload.global_downstream_max_connections';

/** The fields that are written and do nothing, in their order. */
export function proxyConfigWithoutEffect(config: WrittenProxyConfig | undefined): readonly IdleField[] {
  return Object.entries(config ?? {}).flatMap(([field, value]): readonly IdleField[] => {
    if (!acting.has(field)) return [idleField(field)];
    if (field === 'runtimeValues') return idleRuntime(value);
    const parts = isObject(value) ? Object.keys(value).map((part) => `${field}.${part}`) : [];
    return parts.filter((part) => part in idle).map(idleField);
  });
}

function idleRuntime(values: unknown): readonly IdleField[] {
  const names = Object.keys(isObject(values) ? values : {}).filter((name) => name !== limitRuntimeKey);
  const hint = 'they are switches inside Envoy: it is told them where it is the proxy (--data-plane envoy, heddle proxy --envoy)';
  return names.length === 0 ? [] : [{ field: 'runtimeValues', hint, actsOnEnvoy: true }];
}

/** What is said of such a field; `name` says where it stands, too. */
export function idleMessage(name: string, { hint, actsOnEnvoy }: IdleField): { readonly message: string; readonly hint?: string } {
  if (actsOnEnvoy === true) return { message: `${name} has no effect on the embedded proxy`, ...(hint !== undefined && { hint }) };
  return hint === undefined ? { message: `${name} has no effect yet` } : { message: `${name} has no effect`, hint };
}

function idleField(field: string): IdleField {
  const hint = idle[field];
  return hint === undefined ? { field } : { field, hint };
}

export type ProxyStart = {
  /** Threads; 0: all cores. */
  readonly concurrency?: number;
  readonly environment: Readonly<Record<string, string>>;
  /** terminationDrainDuration: how long connections may go on when the proxy is told to end. */
  readonly terminationDrainMs?: number;
  /** drainDuration: how long connections of a listener may go on that was changed or taken away. */
  readonly drainMs?: number;
  /** holdApplicationUntilProxyStarts: the app is started once its proxy serves. */
  readonly holdsApplication?: boolean;
  /** connectionSettings.globalDownstreamConnectionLimit: connections of all listeners together. */
  readonly connectionLimit?: number;
  /** runtimeValues, a text each. */
  readonly runtimeValues?: Readonly<Record<string, string>>;
};

/** How a proxy is started and ended. What has another type says nothing. */
export function proxyStart(config: WrittenProxyConfig | undefined): ProxyStart {
  const { concurrency, proxyMetadata, terminationDrainDuration, drainDuration, holdApplicationUntilProxyStarts } = config ?? {};
  const { connectionSettings, runtimeValues } = config ?? {};
  const isCount = typeof concurrency === 'number' && Number.isInteger(concurrency) && concurrency >= 0;
  const terminationDrainMs = durationMs(terminationDrainDuration);
  const drainMs = durationMs(drainDuration);
  return {
    ...(isCount && { concurrency }),
    environment: textsOf(proxyMetadata),
    ...limitOf(connectionSettings),
    ...(isObject(runtimeValues) && { runtimeValues: textsOf(runtimeValues) }),
    ...(terminationDrainMs !== undefined && { terminationDrainMs }),
    ...(drainMs !== undefined && { drainMs }),
    ...(typeof holdApplicationUntilProxyStarts === 'boolean' && { holdsApplication: holdApplicationUntilProxyStarts }),
  };
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  const texts = Object.entries(isObject(value) ? value : {}).flatMap(([name, one]) =>
    typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean' ? [[name, String(one)] as const] : [],
  );
  return Object.fromEntries(texts);
}

/** Istio takes 0 for no limit of its own. */
function limitOf(connectionSettings: unknown): { readonly connectionLimit?: number } {
  const limit = isObject(connectionSettings) ? connectionSettings['globalDownstreamConnectionLimit'] : undefined;
  return typeof limit === 'number' && Number.isInteger(limit) && limit > 0 ? { connectionLimit: limit } : {};
}

function durationMs(value: unknown): number | undefined {
  return typeof value === 'string' ? parseDurationMs(value) : undefined;
}
