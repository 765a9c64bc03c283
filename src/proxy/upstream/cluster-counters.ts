// The counters of one cluster under Envoy's names, made when something first happens: a cluster that nothing happens to has none.
import type { EjectionType } from '#decide/outlier-entry.ts';
import type { Counters } from '#telemetry/counters.ts';

export type OverflowKind = 'upstream_cx_overflow' | 'upstream_rq_pending_overflow' | 'upstream_rq_retry_overflow';

export class ClusterCounters {
  readonly #cluster: string;
  readonly #counters: Counters | undefined;

  constructor(cluster: string, counters: Counters | undefined) {
    this.#cluster = cluster;
    this.#counters = counters;
  }

  overflow(kind: OverflowKind): void {
    this.#add(kind);
  }

  detected(type: EjectionType, outcome: 'ejected' | 'not-enforced' | 'overflow'): void {
    this.#add(`outlier_detection.ejections_detected_${type}`);
    if (outcome === 'overflow') this.#add('outlier_detection.ejections_overflow');
    if (outcome !== 'ejected') return;
    this.#add('outlier_detection.ejections_enforced_total');
    this.#add(`outlier_detection.ejections_enforced_${type}`);
  }

  ejected(count: number): void {
    const cell = this.#counters?.cell(`cluster.${this.#cluster}.outlier_detection.ejections_active`);
    if (cell !== undefined) cell.value = count;
  }

  #add(name: string): void {
    const cell = this.#counters?.cell(`cluster.${this.#cluster}.${name}`);
    if (cell !== undefined) cell.value++;
  }
}
