// What one cluster uses at this moment, all its pools together: the figures that Envoy's circuit breaker thresholds are held against.

export class ClusterUsage {
  connections = 0;
  pendingRequests = 0;
  requests = 0;
  retries = 0;
}
