// The admin page /clusters, in Envoy's text form: `cluster::key::value` and `cluster::address::key::value`.
import type { CircuitLimits } from '#decide/cluster-entry.ts';
import type { Clusters } from '#proxy/upstream/clusters.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';

/** `addedViaApi`: the cluster came by xDS. */
export function printClusters(clusters: Clusters, addedViaApi: (cluster: string) => boolean): string {
  return clusters
    .names()
    .flatMap((name) => {
      const runtime = clusters.get(name);
      if (runtime === undefined) return [];
      const { entry } = runtime;
      const lines = [
        `${name}::observability_name::${name}`,
        ...limitLines(`${name}::default_priority`, entry),
        ...limitLines(`${name}::high_priority`, entry.high),
        `${name}::added_via_api::${addedViaApi(name)}`,
      ];
      for (const [key, endpoint] of runtime.endpoints) lines.push(...endpointLines(`${name}::${key}`, endpoint));
      return lines;
    })
    .map((line) => `${line}\n`)
    .join('');
}

function endpointLines(at: string, endpoint: Endpoint): readonly string[] {
  const { hostname, weight, priority, locality } = endpoint.entry;
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return [
    `${at}::rq_active::${endpoint.activeRequests}`,
    `${at}::hostname::${hostname}`,
    `${at}::health_flags::${healthFlags(endpoint)}`,
    `${at}::weight::${weight}`,
    `${at}::region::${region}`,
    `${at}::zone::${zone}`,
    `${at}::sub_zone::${subZone}`,
    `${at}::priority::${priority}`,
  ];
}

/** Nothing is checked actively: health is what discovery says and what outlier detection found. */
function healthFlags({ entry, ejected }: Endpoint): string {
  const flags = [
    ...(ejected ? ['/failed_outlier_check'] : []),
    ...(entry.degraded ? ['/degraded_eds_health'] : entry.healthy ? [] : ['/failed_eds_health']),
  ];
  return flags.length === 0 ? 'healthy' : flags.join('');
}

function limitLines(at: string, entry: CircuitLimits): readonly string[] {
  return [
    `${at}::max_connections::${entry.maxConnections}`,
    `${at}::max_pending_requests::${entry.maxPendingRequests}`,
    `${at}::max_requests::${entry.maxRequests}`,
    `${at}::max_retries::${entry.maxRetries}`,
  ];
}
