// DestinationRule loadBalancer: which endpoint of those in one priority gets a request, as Envoy's lb_policy and its configuration.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { assertNever } from '#base/assert-never.ts';
import { duration } from '#compile/durations.ts';
import { Cluster_LbPolicy, type Cluster_SlowStartConfigSchema, type ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ConsistentHash, LoadBalancer, Warmup } from '#model/destination-rule.ts';

export type LbFields = Pick<MessageInitShape<typeof ClusterSchema>, 'lbPolicy' | 'lbConfig'>;

/** What Envoy demands of the key: there is no runtime to look it up in, so any will do (Istio's). */
const unusedRuntimeKey = '(';

/**
 * Istio's default is LEAST_REQUEST; a client that cannot pass through (see cluster-discovery.ts) gets the default for `passthrough`. Slow
 * start is for round robin and least request alone. Source: Istio, applyLoadBalancer.
 */
export function loadBalancing(balancer: LoadBalancer | undefined): LbFields {
  const algorithm = balancer?.algorithm ?? { kind: 'least-request' };
  const slowStartConfig = balancer?.warmup === undefined ? undefined : slowStart(balancer.warmup);
  switch (algorithm.kind) {
    case 'least-request':
    case 'passthrough':
      return {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        ...(slowStartConfig !== undefined && { lbConfig: { case: 'leastRequestLbConfig', value: { slowStartConfig } } }),
      };
    case 'round-robin':
      return {
        lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
        ...(slowStartConfig !== undefined && { lbConfig: { case: 'roundRobinLbConfig', value: { slowStartConfig } } }),
      };
    case 'random':
      return { lbPolicy: Cluster_LbPolicy.RANDOM };
    case 'consistent-hash':
      return consistentHash(algorithm);
    default:
      return assertNever(algorithm, 'balancing');
  }
}

function consistentHash({ table }: ConsistentHash): LbFields {
  switch (table.kind) {
    case 'ring':
      return {
        lbPolicy: Cluster_LbPolicy.RING_HASH,
        lbConfig: { case: 'ringHashLbConfig', value: { minimumRingSize: BigInt(table.minimumSize ?? 1024) } },
      };
    case 'maglev':
      return {
        lbPolicy: Cluster_LbPolicy.MAGLEV,
        ...(table.size !== undefined && { lbConfig: { case: 'maglevLbConfig', value: { tableSize: BigInt(table.size) } } }),
      };
    default:
      return assertNever(table, 'hash table');
  }
}

function slowStart({ windowMs, aggression, minimumPercent }: Warmup): MessageInitShape<typeof Cluster_SlowStartConfigSchema> {
  return {
    slowStartWindow: duration(windowMs),
    ...(aggression !== undefined && { aggression: { defaultValue: aggression, runtimeKey: unusedRuntimeKey } }),
    ...(minimumPercent !== undefined && { minWeightPercent: { value: minimumPercent } }),
  };
}
