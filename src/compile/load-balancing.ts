// DestinationRule loadBalancer.simple as Envoy's lb_policy.
import { assertNever } from '#base/assert-never.ts';
import { Cluster_LbPolicy } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Balancing } from '#model/destination-rule.ts';

/** Istio's default is LEAST_REQUEST. A client that cannot pass through (see cluster.ts) gets the default for `passthrough`. */
export function lbPolicy(balancing: Balancing | undefined): Cluster_LbPolicy {
  const kind = balancing?.kind ?? 'least-request';
  switch (kind) {
    case 'least-request':
    case 'passthrough':
      return Cluster_LbPolicy.LEAST_REQUEST;
    case 'round-robin':
      return Cluster_LbPolicy.ROUND_ROBIN;
    case 'random':
      return Cluster_LbPolicy.RANDOM;
    default:
      return assertNever(kind, 'balancing');
  }
}
