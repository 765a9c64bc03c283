// What clusters are told from outside: time, chance, and where the proxy stands.
import type { Clock } from '#base/clock.ts';
import type { Counters } from '#telemetry/counters.ts';

export type UpstreamSurroundings = {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Undefined: nothing is counted. */
  readonly counters?: Counters;
  /** The proxy's own, `region/zone/sub_zone`. */
  readonly locality?: string;
  /** What connections to endpoints are bound to where their cluster says nothing, at most one address of each family. */
  readonly proxyAddresses?: readonly string[];
};
