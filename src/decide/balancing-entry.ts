// How a cluster chooses among its endpoints, as compiled once per update (Envoy's lb_policy with its settings, or load_balancing_policy).
import type { RingSettings } from '#decide/hash-ring.ts';

export type BalancingEntry = {
  readonly balancing: 'round-robin' | 'least-request' | 'random' | 'original-dst' | 'ring-hash' | 'maglev';
  /** Least request: how many endpoints are drawn, 2 by default. */
  readonly choiceCount: number;
  /** Least request: all endpoints are compared instead of a few drawn ones (selection_method FULL_SCAN). */
  readonly fullScan: boolean;
  /** Least request with unequal weights: how much active requests count against weight, 1 by default. */
  readonly activeRequestBias: number;
  readonly ring: RingSettings;
  readonly maglevTableSize: number;
  /** Hash balancing places endpoints by hostname instead of address (use_hostname_for_hashing). */
  readonly hashesHostname: boolean;
  /** First a locality by its weight, then an endpoint in it (locality_weighted_lb_config). */
  readonly localityWeighted: boolean;
  /** Percent of healthy hosts below which health is ignored; Envoy's default 50, Istio says 0 (never). */
  readonly panicThresholdPercent: number;
  /** In panic all requests fail instead (fail_traffic_on_panic). */
  readonly failTrafficOnPanic: boolean;
  readonly slowStart?: SlowStart;
};

/** A new endpoint's weight grows to its own over the window, as (age / window) ^ (1 / aggression), and is never below the share `minimum`. */
export type SlowStart = { readonly windowMs: number; readonly aggression: number; readonly minimum: number };
