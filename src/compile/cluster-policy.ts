// In: a service and the destination rule in force. Out: the clusters it has, one per port and one per port and subset, each with the policy
// that holds.
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
};

export function clusterPolicies(service: Service, rule: DestinationRule | undefined, settings: MeshSettings): readonly ClusterPolicy[] {
  // Of a name that is given twice the first counts.
  const subsets = rule?.subsets.filter(({ name }, index, all) => all.findIndex((other) => other.name === name) === index) ?? [];
  return service.ports
    .filter(({ protocol }) => protocol !== 'udp')
    .flatMap((port) =>
      [undefined, ...subsets].map((subset) => ({
        name: outboundClusterName(port.number, subset?.name, service.hostname),
        port,
        subset,
        policy: withDefaults(effectivePolicy(rule, port.number, subset), settings),
      })),
    );
}

/** MeshConfig.defaultTrafficPolicy stands in, block by block. Source: Istio, applyDefaultTrafficPolicy. */
export function withDefaults(policy: TrafficPolicy | undefined, { defaultTrafficPolicy }: MeshSettings): TrafficPolicy | undefined {
  const origin = policy?.origin ?? defaultTrafficPolicy?.connectionPool?.origin ?? defaultTrafficPolicy?.outlierDetection?.origin;
  return defaultTrafficPolicy === undefined || origin === undefined ? policy : { ...defaultTrafficPolicy, origin, ...policy };
}
