// What a request is placed by where its destination's rule asks for consistent hashing. Source: Istio, ConsistentHashToHashPolicy and
// HashForHTTPDestination.
import { assertNever } from '#base/assert-never.ts';
import { duration } from '#compile/durations.ts';
import { create } from '#envoy/create.ts';
import { type RouteAction_HashPolicy, RouteAction_HashPolicySchema } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { DestinationRule, HashKey } from '#model/destination-rule.ts';
import { effectivePolicy } from '#model/effective-policy.ts';

/**
 * The key by which the cluster of this port and subset chooses its endpoints; undefined where it is balanced otherwise. Differs from Istio in that
 * settings for the port count also where the route does not name the port, as they do for the cluster.
 */
export function hashKeyOf(rule: DestinationRule | undefined, port: number, subsetName: string | undefined): HashKey | undefined {
  const subset = subsetName === undefined ? undefined : rule?.subsets.find(({ name }) => name === subsetName);
  const algorithm = effectivePolicy(rule, port, subset)?.loadBalancer?.algorithm;
  return algorithm?.kind === 'consistent-hash' ? algorithm.key : undefined;
}

/** For RouteAction.hash_policy: one per different key, in order. */
export function hashPolicies(keys: readonly (HashKey | undefined)[]): RouteAction_HashPolicy[] {
  if (keys.every((key) => key === undefined)) return [];
  const different = new Map(keys.flatMap((key) => (key === undefined ? [] : [[JSON.stringify(key), key] as const])));
  return [...different.values()].map(hashPolicy);
}

function hashPolicy(key: HashKey): RouteAction_HashPolicy {
  switch (key.kind) {
    case 'header':
      return create(RouteAction_HashPolicySchema, { policySpecifier: { case: 'header', value: { headerName: key.name } } });
    case 'cookie': {
      const { name, path, ttlMs, attributes } = key;
      const ttl = ttlMs === undefined ? {} : { ttl: duration(ttlMs) };
      return create(RouteAction_HashPolicySchema, {
        policySpecifier: { case: 'cookie', value: { name, path, ...ttl, attributes: attributes.map((attribute) => ({ ...attribute })) } },
      });
    }
    case 'query-parameter':
      return create(RouteAction_HashPolicySchema, { policySpecifier: { case: 'queryParameter', value: { name: key.name } } });
    case 'source-ip':
      return create(RouteAction_HashPolicySchema, { policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } });
    default:
      return assertNever(key, 'hash key');
  }
}
