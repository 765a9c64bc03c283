// In: a service and the destination rule in force. Out: the clusters it has, one per port and one per port and subset, each with the policy
// that holds.
import { type LocalitySetting, localitySetting } from '#compile/locality-balancing.ts';
import { outboundClusterName } from '#compile/names.ts';
import type { DestinationRule, Subset, TrafficPolicy } from '#model/destination-rule.ts';
import { effectivePolicy } from '#model/effective-policy.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Service, ServicePort } from '#model/service.ts';

export type ClusterPolicy = {
  readonly name: string;
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  /** Undefined where nobody says anything. */
  readonly policy: TrafficPolicy | undefined;
  /** Undefined where localities make no difference. */
  readonly locality: LocalitySetting | undefined;
};

export function clusterPolicies(service: Service, rule: DestinationRule | undefined, settings: MeshSettings): readonly ClusterPolicy[] {
  // Of a name that is given twice the first counts.
  const subsets = rule?.subsets.filter(({ name }, index, all) => all.findIndex((other) => other.name === name) === index) ?? [];
  const policies: ClusterPolicy[] = [];
  for (const port of service.ports) {
    if (port.protocol === 'udp') continue;
    for (const subset of [undefined, ...subsets]) {
      const policy = withDefaults(effectivePolicy(rule, port.number, subset), settings);
      const name = outboundClusterName(port.number, subset?.name, service.hostname);
      policies.push({ name, port, subset, policy, locality: localitySetting(policy, service, settings) });
    }
  }
  return policies;
}

/** MeshConfig.defaultTrafficPolicy stands in, block by block. Source: Istio, applyDefaultTrafficPolicy. */
export function withDefaults(policy: TrafficPolicy | undefined, { defaultTrafficPolicy }: MeshSettings): TrafficPolicy | undefined {
  const origin = policy?.origin ?? defaultTrafficPolicy?.connectionPool?.origin ?? defaultTrafficPolicy?.outlierDetection?.origin;
  return defaultTrafficPolicy === undefined || origin === undefined ? policy : { ...defaultTrafficPolicy, origin, ...policy };
}
