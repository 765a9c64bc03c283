// How the proxy of a pod is started: what MeshConfig.defaultConfig, ProxyConfig resources and the pod's own annotation say about it. Out: threads and
// variables.
import { annotatedProxyConfig, proxyStart, type WrittenProxyConfig } from '#api/istio/written-proxy-config.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

type ProxyConfig = KindMap['ProxyConfig'];

export type ProxySettings = {
  /** Worker threads; 0 stands for all cores. The embedded proxy has one, whatever this says. */
  readonly concurrency: number;
  /** Variables of the proxy's process. */
  readonly environment: Readonly<Record<string, string>>;
  /** False: the application is started without waiting for its proxy (holdApplicationUntilProxyStarts, where somebody says so). */
  readonly holdsApplication: boolean;
  /** How long requests under way may go on when the pod ends (terminationDrainDuration). */
  readonly terminationDrainMs: number;
  /** How long connections of a listener may go on that is changed or taken away (drainDuration), where somebody says so. */
  readonly listenerDrainMs?: number;
  /** Connections of all listeners together (connectionSettings.globalDownstreamConnectionLimit, or the older variable for it). */
  readonly connectionLimit?: number;
  /** Switches of Envoy's runtime, where there are any. */
  readonly runtimeValues?: Readonly<Record<string, string>>;
};

/** Istio's. */
const terminationDrainMs = 5_000;

/**
 * The mesh's defaults, then resources of the mesh (root namespace), of the namespace, of the workload, then the pod's annotation: a later one
 * overrides field by field, and variables one by one. Among equals the first in the order of names counts. Source: Istio, EffectiveProxyConfig and
 * ApplyProxyConfig.
 */
export function proxySettings(
  { metadata: { namespace, labels, annotations } }: KindMap['Pod'],
  configs: Iterable<ProxyConfig>,
  ofMesh?: WrittenProxyConfig,
  rootNamespace = 'istio-system',
): ProxySettings {
  const sorted = [...configs].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const first = (wanted: string, selects: boolean): ProxyConfig | undefined =>
    sorted.find(({ metadata, spec: { selector } }) => {
      const asked = Object.entries(selector?.matchLabels ?? {});
      return metadata.namespace === wanted && asked.length > 0 === selects && asked.every(([name, value]) => labels[name] === value);
    });
  const resources = [first(rootNamespace, false), first(namespace, false), first(namespace, true)].flatMap((config) => config?.spec ?? []);
  const own = annotatedProxyConfig(annotations);
  const levels = [
    proxyStart(ofMesh),
    ...resources.map(({ concurrency, environmentVariables = {} }) => ({ concurrency, environment: environmentVariables })),
    proxyStart(own.ok ? own.value : undefined),
  ];
  const starts = [proxyStart(ofMesh), proxyStart(own.ok ? own.value : undefined)];
  const listenerDrainMs = starts.findLast(({ drainMs }) => drainMs !== undefined)?.drainMs;
  const environment = Object.assign({}, ...levels.map((level) => level.environment)) as Readonly<Record<string, string>>; // maps of texts, joined
  const connectionLimit = starts.findLast((start) => start.connectionLimit !== undefined)?.connectionLimit ?? limitIn(environment);
  const runtimeValues = Object.assign({}, ...starts.map((start) => start.runtimeValues)) as Readonly<Record<string, string>>; // likewise
  return {
    ...(listenerDrainMs !== undefined && { listenerDrainMs }),
    ...(connectionLimit !== undefined && { connectionLimit }),
    ...(Object.keys(runtimeValues).length > 0 && { runtimeValues }),
    // Differs from Istio without native sidecars, which would let the application call before anything takes its calls.
    holdsApplication: starts.reduce((found, { holdsApplication }) => holdsApplication ?? found, true),
    terminationDrainMs: starts.reduce((found, { terminationDrainMs: written }) => written ?? found, terminationDrainMs),
    concurrency: levels.reduce((found, { concurrency }) => concurrency ?? found, 1),
    environment,
  };
}

/** The limit as it was said before ProxyConfig had a field for it. */
function limitIn(environment: Readonly<Record<string, string>>): number | undefined {
  const limit = Number(environment['ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS']);
  return Number.isInteger(limit) && limit > 0 ? limit : undefined;
}

/** What of a ProxyConfig means something on a cluster only, or for Envoy only. */
export function proxyConfigDiagnostics(configs: Iterable<ProxyConfig>): readonly Diagnostic[] {
  return [...configs].flatMap(({ metadata, spec, origins }): readonly Diagnostic[] => {
    const about = (field: string, hint: string): Diagnostic => ({
      code: 'HDL0403',
      severity: 'info',
      message: `${field} of ProxyConfig ${metadata.namespace}/${metadata.name} has no effect here`,
      hint,
      at: origins.at(['spec', field]),
    });
    return [
      ...(spec.image === undefined ? [] : [about('image', 'a local proxy is a program of this machine, not an image')]),
      ...((spec.concurrency ?? 1) === 1 ? [] : [about('concurrency', 'it counts with --data-plane envoy; the embedded proxy has one thread')]),
    ];
  });
}
