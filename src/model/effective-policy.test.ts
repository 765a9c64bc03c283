import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DestinationRule, LoadBalancer, RulePolicy, Subset, TrafficPolicy } from '#model/destination-rule.ts';
import { effectivePolicy } from '#model/effective-policy.ts';

const origin = { file: 'in.yaml', line: 1, col: 1 };
const random: LoadBalancer = { algorithm: { kind: 'random' }, origin };
const roundRobin: LoadBalancer = { algorithm: { kind: 'round-robin' }, origin };
const pool = { tcp: { maxConnections: 7 }, origin };
const retryBudget = { percent: 50 };

function policy(parts: Partial<TrafficPolicy>, ports: Record<number, Partial<TrafficPolicy>> = {}): RulePolicy {
  return { ...parts, origin, ports: new Map(Object.entries(ports).map(([port, settings]) => [Number(port), { ...settings, origin }])) };
}

function rule(top?: RulePolicy): DestinationRule {
  const host = { written: 'a', hostname: 'a', origin };
  return {
    name: 'a',
    namespace: 'default',
    host,
    ...(top !== undefined && { policy: top }),
    subsets: [],
    visibility: { kind: 'everywhere' },
    origin,
  };
}

function subset(own?: RulePolicy): Subset {
  return { name: 'v1', labels: {}, ...(own !== undefined && { policy: own }), origin };
}

/** What of a policy these tests look at. */
function parts(found: TrafficPolicy | undefined): readonly unknown[] {
  return [found?.loadBalancer, found?.connectionPool, found?.retryBudget];
}

test('nobody says anything: no policy', () => {
  assert.equal(effectivePolicy(undefined, 80, undefined), undefined);
  assert.equal(effectivePolicy(rule(), 80, subset()), undefined);
});

test('settings for the port stand in for everything that is said for all ports', () => {
  const top = rule(policy({ loadBalancer: random, connectionPool: pool, retryBudget }, { 80: { loadBalancer: roundRobin } }));
  assert.deepEqual(parts(effectivePolicy(top, 80, undefined)), [roundRobin, undefined, undefined]);
  assert.deepEqual(parts(effectivePolicy(top, 81, undefined)), [random, pool, retryBudget]);
});

test('what a subset says replaces that part of the rule, and no other', () => {
  const top = rule(policy({ loadBalancer: random, connectionPool: pool }));
  assert.deepEqual(parts(effectivePolicy(top, 80, subset(policy({ loadBalancer: roundRobin, retryBudget })))), [roundRobin, pool, retryBudget]);
  assert.deepEqual(parts(effectivePolicy(top, 80, subset())), [random, pool, undefined]);
  assert.deepEqual(parts(effectivePolicy(rule(), 80, subset(policy({ loadBalancer: roundRobin })))), [roundRobin, undefined, undefined]);
});

test('settings of a subset for the port unset what can be said for single ports, and leave the rest', () => {
  const top = rule(policy({ loadBalancer: random, connectionPool: pool, retryBudget }));
  const special = subset(policy({ connectionPool: pool }, { 80: { loadBalancer: roundRobin } }));
  assert.deepEqual(parts(effectivePolicy(top, 80, special)), [roundRobin, undefined, retryBudget]);
  assert.deepEqual(parts(effectivePolicy(top, 81, special)), [random, pool, retryBudget]);
});
