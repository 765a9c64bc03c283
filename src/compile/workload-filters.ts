// What the policies of a workload put into its filter chains, by the place in the chain. The same object for the same policies, so that chains
// are made once for all workloads that have them in common; most have none at all.
import type { Filter } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import type { HttpFilter } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';

export type WorkloadFilters = {
  /** AuthorizationPolicies with action CUSTOM: which requests are asked about, and the filter that asks. */
  readonly externalAuthorization: readonly HttpFilter[];
  /** RequestAuthentications: tokens are checked, and told to the filters behind. */
  readonly requestAuthentication: readonly HttpFilter[];
  /** AuthorizationPolicies: AUDIT, DENY, ALLOW. */
  readonly authorization: readonly HttpFilter[];
  /** AuthorizationPolicies again, for chains of bytes. In front of what passes the bytes on. */
  readonly network: readonly Filter[];
};

export const noWorkloadFilters: WorkloadFilters = { externalAuthorization: [], requestAuthentication: [], authorization: [], network: [] };
