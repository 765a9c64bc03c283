// What one cluster uses at this moment, all its pools together: the figures that Envoy's circuit breaker thresholds are held against.
import type { ClusterCounters } from '#proxy/upstream/cluster-counters.ts';

export class ClusterUsage {
  connections = 0;
  /** Requests that wait for a connection. */
  pendingRequests = 0;
  /** Requests that have one. */
  requests = 0;
  retries = 0;
  readonly counters: ClusterCounters;

  constructor(counters: ClusterCounters) {
    this.counters = counters;
  }
}
