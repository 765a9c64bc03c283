// In: MeshConfig.defaultProviders. Out: whether proxies report metrics without a Telemetry that says so.
import { isObject } from '#base/object.ts';
import type { MeshSettings } from '#model/mesh.ts';
import { istioMetrics } from '#model/metrics-plan.ts';

/** Unless `metrics` is an empty list: Istio's charts name Prometheus where nothing is written. */
export function readDefaultMetrics(defaultProviders: unknown): Pick<MeshSettings, 'metrics'> {
  const metrics = isObject(defaultProviders) ? defaultProviders['metrics'] : undefined;
  return Array.isArray(metrics) && metrics.length === 0 ? {} : { metrics: istioMetrics };
}
