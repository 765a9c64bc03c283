// Balancing as statistics at a fixed seed: shares of hosts by policy, weight, locality, priority and age.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { chooseHost, newBalancerState } from '#decide/balance.ts';
import { compileCluster } from '#decide/cluster.ts';
import { formatConfigError } from '#decide/config-error.ts';
import type { BalancedHost } from '#decide/priority-load.ts';
import { slowStartShare } from '#decide/slow-start.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { chiSquare, numbersFrom, oneInAMillion } from '#test/support/chance.ts';

type Member = { readonly weight?: number; readonly down?: boolean; readonly ejected?: boolean; readonly active?: number; readonly ageMs?: number };
type Group = { readonly members: readonly Member[]; readonly zone?: string; readonly weight?: number; readonly priority?: number };

const seed = 20_261_123;
const nowMs = 1_000_000;

/** How often each member is chosen, in the order in which they stand. */
function counts(settings: JsonObject, groups: readonly Group[], draws: number): readonly number[] {
  const members = groups.flatMap((group) => group.members);
  let port = 0;
  const endpoints = groups.map(({ members: own, zone = '', weight, priority = 0 }) => ({
    priority,
    locality: { zone },
    ...(weight === undefined ? {} : { load_balancing_weight: weight }),
    lb_endpoints: own.map((member) => ({
      load_balancing_weight: member.weight ?? 1,
      health_status: member.down === true ? 'UNHEALTHY' : 'HEALTHY',
      endpoint: { address: { socket_address: { address: '10.0.0.1', port_value: ++port } } },
    })),
  }));
  const cluster = compileCluster(fromJson(ClusterSchema, { name: 'c', load_assignment: { cluster_name: 'c', endpoints }, ...settings }));
  if (!cluster.ok) throw new Error(cluster.error.map(formatConfigError).join('\n'));
  const hosts: BalancedHost[] = cluster.value.endpoints.map((entry, index) => ({
    entry,
    activeRequests: members[index]?.active ?? 0,
    ejected: members[index]?.ejected ?? false,
    addedMs: nowMs - (members[index]?.ageMs ?? nowMs),
  }));
  const state = newBalancerState(cluster.value, hosts, { random: numbersFrom(seed), nowMs: () => nowMs });
  const found = new Array<number>(hosts.length).fill(0);
  for (let draw = 0; draw < draws; draw++) {
    const chosen = chooseHost(state);
    if (chosen !== undefined) found[hosts.indexOf(chosen)] = (found[hosts.indexOf(chosen)] ?? 0) + 1;
  }
  return found;
}

/** Chance alone would fail this once in a million seeds. */
function assertShares(found: readonly number[], shares: readonly number[]): void {
  const used = shares.filter((share) => share > 0).length;
  const unused = found.filter((_, index) => shares[index] === 0);
  assert.ok(
    unused.every((count) => count === 0),
    `${found.join()} for ${shares.join()}`,
  );
  const [usedFound, usedShares] = [found.filter((_, index) => shares[index] !== 0), shares.filter((share) => share > 0)];
  const chi = chiSquare(usedFound, usedShares);
  assert.ok(chi < (oneInAMillion[used - 1] ?? 0), `chi-square ${chi}: ${found.join()} for ${shares.join()} (seed ${seed})`);
}

const localityWeighted = { common_lb_config: { locality_weighted_lb_config: {} } };

test('random: all alike, whatever their weights', () => {
  assertShares(counts({ lb_policy: 'RANDOM' }, [{ members: [{ weight: 9 }, {}, {}, {}] }], 10_000), [1, 1, 1, 1]);
});

test('least request: among idle ones all alike', () => {
  assertShares(counts({ lb_policy: 'LEAST_REQUEST' }, [{ members: [{}, {}, {}] }], 9_000), [1, 1, 1]);
});

test('least request: of two drawn the less busy one', () => {
  // The busiest wins only against itself: 1 of 9 draws of pairs, then 3 of 9, then 5 of 9.
  const members = [{ active: 9 }, { active: 5 }, { active: 1 }];
  assertShares(counts({ lb_policy: 'LEAST_REQUEST' }, [{ members }], 9_000), [1, 3, 5]);
  const third = counts({ lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: 4 } }, [{ members }], 9_000);
  assertShares(third, [1, 15, 65]);
});

test('least request with weights: a weight counts less the more requests there are', () => {
  const busy = [{ weight: 4, active: 3 }, { weight: 1 }, { weight: 2, active: 1 }];
  assert.deepEqual(counts({ lb_policy: 'LEAST_REQUEST' }, [{ members: busy }], 900), [300, 300, 300]);
  const biased = counts(
    { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { active_request_bias: { default_value: 0, runtime_key: 'x' } } },
    [{ members: busy }],
    700,
  );
  assert.deepEqual(biased, [400, 100, 200]);
});

test('localities share by their weights, hosts in them by theirs', () => {
  const groups = [
    { zone: 'a', weight: 70, members: [{}, {}] },
    { zone: 'b', weight: 30, members: [{ weight: 2 }, { weight: 1 }] },
    { zone: 'c', weight: 0, members: [{}] },
  ];
  for (const [index, count] of counts(localityWeighted, groups, 1000).entries())
    assert.ok(Math.abs(count - ([350, 350, 200, 100, 0][index] ?? 0)) <= 2);
  assert.deepEqual(counts({}, groups, 60), [10, 10, 20, 10, 10], 'without the setting their weights do not matter');
});

test('a locality whose hosts fail keeps its share as long as overprovisioning reaches, then loses it', () => {
  const groups = (downs: number) => [
    { zone: 'a', weight: 50, members: Array.from({ length: 10 }, (_, index) => ({ down: index < downs })) },
    { zone: 'b', weight: 50, members: [{}] },
  ];
  const shareOfA = (downs: number): number =>
    counts(localityWeighted, groups(downs), 1000)
      .slice(0, 10)
      .reduce((sum, count) => sum + count, 0);
  assert.ok(Math.abs(shareOfA(2) - 500) <= 2);
  // Half of them with 1.4 times their load: 0.7 of the weight.
  assert.ok(Math.abs(shareOfA(5) - (1000 * 0.7) / 1.7) <= 2);
});

test('a priority that is half gone hands over what it cannot take', () => {
  const groups = [
    { priority: 0, members: [{}, {}, { down: true }, { ejected: true }] },
    { priority: 1, members: [{}] },
    { priority: 2, members: [{}] },
  ];
  assertShares(counts({}, groups, 10_000), [35, 35, 0, 0, 30, 0]);
});

test('all priorities together too few: each takes by its health, scaled', () => {
  const half = [{}, { down: true }, { down: true }, { down: true }];
  const calm = { common_lb_config: { healthy_panic_threshold: {} } };
  assertShares(counts(calm, [{ members: half }, { priority: 1, members: half }], 10_000), [50, 0, 0, 0, 50, 0, 0, 0]);
});

test('an ejected host gets nothing, unless all but few are and panic sets in', () => {
  assert.deepEqual(counts({}, [{ members: [{ ejected: true }, {}, {}] }], 20), [0, 10, 10]);
  assert.deepEqual(counts({}, [{ members: [{ ejected: true }, { ejected: true }, {}] }], 30), [10, 10, 10]);
});

test('a new host starts small and grows with its age', () => {
  const slow = (more: JsonObject = {}): JsonObject => ({ round_robin_lb_config: { slow_start_config: { slow_start_window: '100s', ...more } } });
  assert.deepEqual(counts(slow(), [{ members: [{}, { ageMs: 25_000 }] }], 1000), [800, 200]);
  assert.deepEqual(counts(slow(), [{ members: [{}, { ageMs: 1_000 }] }], 1100), [1000, 100], 'never below a tenth');
  assert.deepEqual(counts(slow({ min_weight_percent: { value: 50 } }), [{ members: [{}, { ageMs: 1_000 }] }], 900), [600, 300]);
  assert.deepEqual(counts(slow(), [{ members: [{}, { ageMs: 100_001 }] }], 100), [50, 50]);
  const least = { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { slow_start_config: { slow_start_window: '100s' } } };
  assert.deepEqual(counts(least, [{ members: [{}, { ageMs: 50_000 }] }], 900), [600, 300]);
});

test('aggression bends the way a new host grows', () => {
  const share = (aggression: number, ageMs: number): number => slowStartShare({ windowMs: 100_000, aggression, minimum: 0 }, ageMs);
  assert.equal(share(1, 50_000), 0.5);
  assert.equal(share(2, 25_000), 0.5);
  assert.equal(share(0.5, 50_000), 0.25);
  assert.equal(share(2, 100_000), 1);
});
