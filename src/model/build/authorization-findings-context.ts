// What the findings about AuthorizationPolicies look things up in, and how they call a policy.
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import type { PeerAuthenticationIndex } from '#model/effective-mtls.ts';
import type { Mesh } from '#model/mesh.ts';
import type { ReachIndex } from '#model/policy-reach.ts';
import type { ServedPorts } from '#model/served-ports.ts';
import type { Workload } from '#model/workload.ts';

/** What is looked up for many policies. */
export type FindingsContext = {
  readonly mesh: Mesh;
  readonly index: ReachIndex;
  readonly mtls: PeerAuthenticationIndex;
  readonly ports: (workload: Workload) => ServedPorts;
};

export function titleOf({ namespace, name }: AuthorizationPolicy): string {
  return `AuthorizationPolicy ${namespace}/${name}`;
}
