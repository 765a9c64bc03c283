// Who gets how many requests, on the embedded proxy and on a real Envoy: turns are counted exactly, draws are judged by chi-square at a level that
// chance alone exceeds once in a million runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootstrap, httpChain, listener, type Part } from '#test/support/bootstrap-parts.ts';
import { KeptCalls, startPlane } from '#test/support/both-planes.ts';
import { chiSquare, oneInAMillion } from '#test/support/chance.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { startReplicas } from '#test/support/replicas.ts';

type Member = { readonly weight?: number; readonly health?: string };
type Group = { readonly members: readonly Member[]; readonly zone?: string; readonly weight?: number; readonly priority?: number };
type Case = {
  readonly name: string;
  readonly groups: readonly Group[];
  readonly settings?: Part;
  readonly shares: readonly number[];
  /** Turns, not draws: each count is right up to this. */
  readonly within?: number;
};

const down = { health: 'UNHEALTHY' };
const localityWeighted: Part = { common_lb_config: { locality_weighted_lb_config: {} } };
const calm: Part = { common_lb_config: { healthy_panic_threshold: { value: 0 } } };
const requests = 600;

const cases: readonly Case[] = [
  { name: 'round robin', groups: [{ members: [{}, {}, {}] }], shares: [1, 1, 1], within: 1 },
  { name: 'round robin by weight', groups: [{ members: [{ weight: 5 }, { weight: 1 }, { weight: 2 }] }], shares: [5, 1, 2], within: 2 },
  { name: 'random ignores weights', groups: [{ members: [{ weight: 9 }, {}, {}] }], settings: { lb_policy: 'RANDOM' }, shares: [1, 1, 1] },
  { name: 'least request, all idle', groups: [{ members: [{}, {}, {}, {}] }], settings: { lb_policy: 'LEAST_REQUEST' }, shares: [1, 1, 1, 1] },
  {
    name: 'least request by weight, all idle',
    groups: [{ members: [{ weight: 3 }, { weight: 1 }] }],
    settings: { lb_policy: 'LEAST_REQUEST' },
    shares: [3, 1],
    within: 2,
  },
  { name: 'unhealthy ones get nothing', groups: [{ members: [{}, {}, down] }], shares: [1, 1, 0], within: 1 },
  { name: 'panic', groups: [{ members: [{}, down, down] }], shares: [1, 1, 1], within: 1 },
  { name: 'no panic', groups: [{ members: [{}, down, down] }], settings: calm, shares: [1, 0, 0], within: 0 },
  {
    name: 'localities by weight',
    groups: [
      { zone: 'a', weight: 70, members: [{}, {}] },
      { zone: 'b', weight: 30, members: [{ weight: 2 }, {}] },
    ],
    settings: localityWeighted,
    shares: [35, 35, 20, 10],
    within: 2,
  },
  {
    name: 'a locality that is half gone',
    groups: [
      { zone: 'a', weight: 50, members: [{}, down] },
      { zone: 'b', weight: 50, members: [{}] },
    ],
    settings: localityWeighted,
    shares: [70, 0, 100],
    within: 2,
  },
  {
    name: 'localities without weights',
    groups: [
      { zone: 'a', weight: 90, members: [{}] },
      { zone: 'b', weight: 10, members: [{}] },
    ],
    shares: [1, 1],
    within: 1,
  },
  { name: 'the first priority alone', groups: [{ members: [{}, {}] }, { priority: 1, members: [{}] }], shares: [1, 1, 0], within: 1 },
  {
    name: 'spilling over to the next priority',
    groups: [{ members: [{}, down] }, { priority: 1, members: [{}] }],
    shares: [70, 0, 30],
  },
  {
    name: 'failing over to the next priority',
    groups: [{ members: [down] }, { priority: 1, members: [{}] }],
    settings: calm,
    shares: [0, 1],
    within: 0,
  },
  { name: 'degraded ones help out', groups: [{ members: [{}, { health: 'DEGRADED' }] }], shares: [70, 30] },
];

function clusterOf({ groups, settings = {} }: Case, index: number, ports: readonly number[]): Part {
  let next = 0;
  const endpoints = groups.map(({ members, zone, weight, priority = 0 }) => ({
    priority,
    ...(zone === undefined ? {} : { locality: { region: 'r', zone } }),
    ...(weight === undefined ? {} : { load_balancing_weight: weight }),
    lb_endpoints: members.map(({ weight: own = 1, health = 'HEALTHY' }) => ({
      endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: ports[next++] } } },
      load_balancing_weight: own,
      health_status: health,
    })),
  }));
  return { name: `c${index}`, connect_timeout: '2s', load_assignment: { cluster_name: `c${index}`, endpoints }, ...settings };
}

async function run(binary: string | undefined): Promise<void> {
  await using replicas = await startReplicas(4);
  const [port = 0] = await listenPorts(1);
  const routes = cases.map((_, index) => ({ match: { prefix: `/${index}/` }, route: { cluster: `c${index}` } }));
  const clusters = cases.map((row, index) => clusterOf(row, index, replicas.ports));
  await using _plane = await startPlane(binary, bootstrap([listener('shares', port, [httpChain(routes)])], clusters));
  using calls = new KeptCalls(port);
  const failures: string[] = [];
  for (const [index, { name, shares, within }] of cases.entries()) {
    const counts = shares.map(() => 0);
    for (let call = 0; call < requests; call++) {
      const { headers } = await calls.get(`/${index}/`);
      const replica = Number(headers['x-replica']);
      counts[replica] = (counts[replica] ?? 0) + 1;
    }
    if (!fits(counts, shares, within)) failures.push(`${name}: ${counts.join()} for ${shares.join()}`);
  }
  assert.deepEqual(failures, []);
}

function fits(counts: readonly number[], shares: readonly number[], within: number | undefined): boolean {
  const whole = shares.reduce((sum, share) => sum + share, 0);
  if (within !== undefined) return counts.every((count, index) => Math.abs(count - (requests * (shares[index] ?? 0)) / whole) <= within);
  const used = shares.flatMap((share, index) => (share > 0 ? [index] : []));
  const usedCounts = used.map((index) => counts[index] ?? 0);
  const all = usedCounts.reduce((sum, count) => sum + count, 0) === requests;
  return (
    all &&
    chiSquare(
      usedCounts,
      used.map((index) => shares[index] ?? 0),
    ) < (oneInAMillion[used.length - 1] ?? 0)
  );
}

void test('shares of requests: embedded proxy', async () => {
  await run(undefined);
});

envoyTest('shares of requests: Envoy', async (binary) => {
  await run(binary);
});
