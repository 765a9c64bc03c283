// In: the Telemetries of a mesh, and a proxy. Out: which metrics it reports. What is said for the mesh holds first, then what is said for the namespace,
// then for the workload; the later has the last word on each metric and label. Source: Istio, telemetries.go (mergeMetrics).
import type { CompileCache } from '#compile/compile-cache.ts';
import type { Mesh } from '#model/mesh.ts';
import { istioMetrics, type MetricChange, type MetricName, type MetricsPlan } from '#model/metrics-plan.ts';
import { policyIsFor } from '#model/policy-target.ts';
import type { Proxy } from '#model/proxy.ts';
import type { Telemetry } from '#model/telemetry.ts';

/** Istio's name of the provider that all metrics are for. */
const prometheus = 'prometheus';

/** Undefined: it reports none. The same object for all proxies for which the same Telemetries hold, from one mesh to the next. */
export function metricsPlan(mesh: Mesh, proxy: Proxy, cache: CompileCache): MetricsPlan | undefined {
  const { telemetries = [], settings } = mesh;
  if (telemetries.length === 0) return settings.metrics;
  const chosen = telemetriesFor(telemetries, mesh, proxy);
  if (chosen.length === 0) return settings.metrics;
  return cache.once('metrics plan', chosen, '', () => ({ plan: merge(chosen, settings.metrics) })).plan;
}

/** At most one of each width, the oldest: of the mesh, of the namespace, of the workload. */
function telemetriesFor(telemetries: readonly Telemetry[], mesh: Mesh, { type, namespace, labels }: Proxy): readonly Telemetry[] {
  const { rootNamespace } = mesh.settings;
  const aboutMetrics = telemetries.filter(({ metrics }) => metrics !== undefined);
  const isWide = ({ selector, targets }: Telemetry): boolean => selector === undefined && targets === undefined;
  const ofMesh = aboutMetrics.find((one) => isWide(one) && one.namespace === rootNamespace);
  const ofNamespace = aboutMetrics.find((one) => isWide(one) && one.namespace === namespace && namespace !== rootNamespace);
  const own = aboutMetrics.find((one) => !isWide(one) && one.namespace === namespace && policyIsFor(one, { type, namespace, labels }, mesh));
  return [ofMesh, ofNamespace, own].filter((one) => one !== undefined);
}

function merge(telemetries: readonly Telemetry[], base: MetricsPlan | undefined): MetricsPlan | undefined {
  let providers: readonly string[] = base === undefined ? [] : [prometheus];
  const plan = { client: {} as Changes, server: {} as Changes }; // filled in below
  for (const { metrics } of telemetries) {
    providers = metrics?.providers ?? providers;
    for (const { metrics: names, sides, disabled, labels } of metrics?.overrides ?? []) {
      for (const side of sides) {
        for (const name of names) {
          const before = plan[side][name];
          plan[side][name] = { disabled: disabled ?? before?.disabled ?? false, labels: { ...before?.labels, ...labels } };
        }
      }
    }
  }
  if (!providers.includes(prometheus)) return undefined;
  return Object.keys(plan.client).length + Object.keys(plan.server).length === 0 ? istioMetrics : plan;
}

type Changes = Partial<Record<MetricName, MetricChange>>;
