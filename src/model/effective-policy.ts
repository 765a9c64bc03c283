// Which traffic policy holds for a port of a host, or of a subset of it. Source: Istio, GetPortLevelTrafficPolicy and MergeSubsetTrafficPolicy.
import type { DestinationRule, RulePolicy, Subset, TrafficPolicy } from '#model/destination-rule.ts';

/** Parts that stand at the subset replace those of the rule as wholes; settings for the port replace everything that a level says for all ports. */
export function effectivePolicy(rule: DestinationRule | undefined, port: number, subset: Subset | undefined): TrafficPolicy | undefined {
  const general = forPort(rule?.policy, port);
  if (subset?.policy === undefined) return general;
  const special = forPort(subset.policy, port) ?? subset.policy;
  if (general === undefined) return special;
  return subset.policy.ports.has(port) ? replaceForPort(general, special) : { ...general, ...special };
}

function forPort(policy: RulePolicy | undefined, port: number): TrafficPolicy | undefined {
  return policy?.ports.get(port) ?? policy;
}

/** What can be said for single ports is as the subset's port says, or unset; the rest stays. */
function replaceForPort(general: TrafficPolicy, special: TrafficPolicy): TrafficPolicy {
  const { loadBalancer: _balancer, connectionPool: _pool, outlierDetection: _outlier, tls: _tls, ...rest } = general;
  return { ...rest, ...special };
}
