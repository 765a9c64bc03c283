// What a destination rule says about connections that are passed on as bytes, as far as the proxy beside the client acts on it. Source: Istio,
// buildOutboundNetworkFiltersWithSingleDestination and maybeSetHashPolicy.
import type { TcpOptions } from '#compile/tcp-proxy.ts';
import type { DestinationRule, LoadBalancer } from '#model/destination-rule.ts';

/**
 * Times are those of the rule as a whole. The source address places connections where the subset's balancing says so, else the rule's. A tunnel
 * is the subset's own, or the rule's where no subset is meant. Undefined where there is nothing to say.
 */
export function tcpOptions(rule: DestinationRule | undefined, subsetName: string | undefined): TcpOptions | undefined {
  const { idleTimeoutMs, maxConnectionDurationMs } = rule?.policy?.connectionPool?.tcp ?? {};
  const subset = subsetName === undefined ? undefined : rule?.subsets.find(({ name }) => name === subsetName);
  const bySourceIp = hashesSourceIp(subset?.policy?.loadBalancer ?? rule?.policy?.loadBalancer);
  const tunnel = subsetName === undefined ? rule?.policy?.tunnel : subset?.policy?.tunnel;
  if (idleTimeoutMs === undefined && maxConnectionDurationMs === undefined && !bySourceIp && tunnel === undefined) return undefined;
  return {
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(maxConnectionDurationMs !== undefined && { maxConnectionDurationMs }),
    ...(bySourceIp && { hashesSourceIp: true }),
    ...(tunnel !== undefined && { tunnel }),
  };
}

function hashesSourceIp(balancer: LoadBalancer | undefined): boolean {
  return balancer?.algorithm?.kind === 'consistent-hash' && balancer.algorithm.key?.kind === 'source-ip';
}
