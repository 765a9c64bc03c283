// A Telemetry as far as it is about metrics: which of Istio's metrics proxies report, and with which labels.
import type { Origin } from '#base/origin.ts';
import type { LabelChange, MetricName } from '#model/metrics-plan.ts';
import type { TargetReference } from '#model/target-reference.ts';

export type Telemetry = {
  readonly name: string;
  readonly namespace: string;
  /** Undefined: for all workloads of the namespace; in the root namespace of the mesh. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly targets?: readonly TargetReference[];
  /** Of several only the first counts, as with Istio. */
  readonly metrics: MetricsRule | undefined;
  readonly createdMs?: number;
  readonly origin: Origin;
};

export type MetricsRule = {
  /** Undefined: those of whoever is above. */
  readonly providers?: readonly string[];
  /** In order: later ones count. */
  readonly overrides: readonly MetricsOverride[];
};

export type MetricsOverride = {
  readonly metrics: readonly MetricName[];
  readonly sides: readonly ('client' | 'server')[];
  /** Undefined: as it was. */
  readonly disabled?: boolean;
  readonly labels: Readonly<Record<string, LabelChange>>;
};
