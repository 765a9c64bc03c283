// Ring hash and maglev: the same key meets the same endpoint in decide, on the embedded proxy and on a real Envoy. Envoy tells the truth: nothing is
// expected here that was not its answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { chooseHost, newBalancerState } from '#decide/balance.ts';
import { compileCluster } from '#decide/cluster.ts';
import { formatConfigError } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import { xxHash64 } from '#decide/hash64.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { bootstrap, httpChain, listener, type Part, typedConfig } from '#test/support/bootstrap-parts.ts';
import { KeptCalls, startPlane } from '#test/support/both-planes.ts';
import { numbersFrom } from '#test/support/chance.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { startReplicas } from '#test/support/replicas.ts';

type Endpoint = { readonly weight?: number; readonly hashKey?: string; readonly health?: string };
type Group = { readonly endpoints: readonly Endpoint[]; readonly priority?: number; readonly weight?: number; readonly locality?: Part };
type Case = { readonly name: string; readonly keys: number; readonly groups: readonly Group[]; readonly settings: Part };

const endpointCount = 7;

const plain = (count: number): readonly Endpoint[] => Array.from({ length: count }, () => ({}));
const ring = (more: Part = {}): Part => ({ lb_policy: 'RING_HASH', ...more });
const maglev = (more: Part = {}): Part => ({ lb_policy: 'MAGLEV', ...more });
const weights = [{ weight: 1 }, { weight: 2 }, { weight: 5 }, { weight: 3 }, { weight: 1 }];
const zone = (name: string): Part => ({ region: 'r', zone: name });
const localities = [
  { endpoints: plain(2), weight: 70, locality: zone('b') },
  { endpoints: [{ weight: 3 }, {}], weight: 30, locality: zone('a') },
  { endpoints: plain(1), weight: 11, locality: zone('c') },
];
const byLocality = { common_lb_config: { locality_weighted_lb_config: {} } };
const noPanic = { common_lb_config: { healthy_panic_threshold: { value: 0 } } };
const extension = (name: string, type: string, config: Part): Part => ({
  load_balancing_policy: {
    policies: [
      {
        typed_extension_config: {
          name,
          typed_config: typedConfig(`extensions.load_balancing_policies.${name}.v3.${type}`, config),
        },
      },
    ],
  },
});

const cases: readonly Case[] = [
  { name: 'a ring of five', keys: 1000, groups: [{ endpoints: plain(5) }], settings: ring() },
  { name: 'a maglev table of five', keys: 1000, groups: [{ endpoints: plain(5) }], settings: maglev() },
  { name: 'a ring with weights', keys: 1000, groups: [{ endpoints: weights }], settings: ring() },
  { name: 'a maglev table with weights', keys: 1000, groups: [{ endpoints: weights }], settings: maglev() },
  {
    name: 'a ring that is too small for all',
    keys: 300,
    groups: [{ endpoints: weights }],
    settings: ring({ ring_hash_lb_config: { minimum_ring_size: 1, maximum_ring_size: 7 } }),
  },
  { name: 'a ring of odd size', keys: 300, groups: [{ endpoints: plain(5) }], settings: ring({ ring_hash_lb_config: { minimum_ring_size: 333 } }) },
  {
    name: 'a ring by murmur hash',
    keys: 300,
    groups: [{ endpoints: weights }],
    settings: ring({ ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2' } }),
  },
  { name: 'a small maglev table', keys: 300, groups: [{ endpoints: weights }], settings: maglev({ maglev_lb_config: { table_size: 101 } }) },
  {
    name: 'endpoints placed by their own key',
    keys: 300,
    groups: [{ endpoints: [{ hashKey: 'one' }, { hashKey: 'zwei Größen' }, {}] }],
    settings: ring(),
  },
  { name: 'a maglev table by own keys', keys: 300, groups: [{ endpoints: [{ hashKey: 'one' }, { hashKey: 'two' }, {}] }], settings: maglev() },
  { name: 'a ring by locality', keys: 300, groups: localities, settings: ring(byLocality) },
  { name: 'a maglev table by locality', keys: 300, groups: localities, settings: maglev(byLocality) },
  {
    name: 'two priorities, the first half down',
    keys: 300,
    groups: [{ endpoints: [{}, { health: 'UNHEALTHY' }, { health: 'UNHEALTHY' }] }, { endpoints: plain(2), priority: 1 }],
    settings: ring(noPanic),
  },
  { name: 'panic', keys: 300, groups: [{ endpoints: [{}, { health: 'UNHEALTHY' }, { health: 'UNHEALTHY' }] }], settings: maglev() },
  {
    name: 'a ring as an extension',
    keys: 200,
    groups: [{ endpoints: weights }],
    settings: extension('ring_hash', 'RingHash', { minimum_ring_size: 50, maximum_ring_size: 100 }),
  },
  {
    name: 'maglev as an extension',
    keys: 200,
    groups: [{ endpoints: weights }],
    settings: extension('maglev', 'Maglev', { table_size: 503 }),
  },
];

function clusterOf({ groups, settings }: Case, name: string, ports: readonly number[]): Part {
  let next = 0;
  const endpoints = groups.map(({ endpoints: members, priority = 0, weight, locality }) => ({
    priority,
    ...(locality === undefined ? {} : { locality }),
    ...(weight === undefined ? {} : { load_balancing_weight: weight }),
    lb_endpoints: members.map(({ weight: own = 1, hashKey, health = 'UNKNOWN' }) => ({
      endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: ports[next++] } } },
      load_balancing_weight: own,
      health_status: health,
      ...(hashKey === undefined ? {} : { metadata: { filter_metadata: { 'envoy.lb': { hash_key: hashKey } } } }),
    })),
  }));
  return { name, connect_timeout: '2s', load_assignment: { cluster_name: name, endpoints }, ...settings };
}

const keysOf = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `user-${index}`);

/** What decide says: the number of the endpoint for each key, -1 for none. */
function decided(cluster: Part, ports: readonly number[], keys: readonly string[]): readonly number[] {
  // The parts are JSON by their making.
  const compiled = compileCluster(fromJson(ClusterSchema, cluster as JsonObject, { registry: extensions }));
  if (!compiled.ok) throw new Error(compiled.error.map(formatConfigError).join('\n'));
  const hosts = compiled.value.endpoints.map((entry) => ({ entry, activeRequests: 0, ejected: false, addedMs: 0 }));
  const state = newBalancerState(compiled.value, hosts, { random: () => 0, nowMs: () => 0 });
  return keys.map((key) => ports.indexOf(chooseHost(state, undefined, 1, xxHash64(key))?.entry.port ?? 0));
}

function bootstrapOf(clusters: readonly Part[], port: number): Part {
  const routes = clusters.map((_, index) => ({
    match: { prefix: `/c${index}/` },
    route: { cluster: `c${index}`, hash_policy: [{ header: { header_name: 'x-key' } }] },
  }));
  return bootstrap([listener('hash', port, [httpChain(routes)])], clusters);
}

async function measured(binary: string | undefined, tables: readonly Case[], clusters: readonly Part[]): Promise<readonly (readonly number[])[]> {
  const [port = 0] = await listenPorts(1);
  await using _plane = await startPlane(binary, bootstrapOf(clusters, port));
  using calls = new KeptCalls(port);
  const all: number[][] = [];
  for (const [index, { keys }] of tables.entries()) {
    const met: number[] = [];
    for (const key of keysOf(keys)) {
      const answer = await calls.get(`/c${index}/`, { 'x-key': key });
      met.push(answer.status === 200 ? Number(answer.body) : -1);
    }
    all.push(met);
  }
  return all;
}

/** Fails with each table that has a key which went elsewhere. */
async function compare(binary: string | undefined, tables: readonly Case[]): Promise<void> {
  await using replicas = await startReplicas(endpointCount);
  const clusters = tables.map((table, index) => clusterOf(table, `c${index}`, replicas.ports));
  const found = await measured(binary, tables, clusters);
  const failures = tables.flatMap(({ name, keys }, index) => {
    const expected = decided(clusters[index] ?? {}, replicas.ports, keysOf(keys));
    const differing = keysOf(keys).filter((_, key) => expected[key] !== found[index]?.[key]);
    return differing.length === 0 ? [] : [`${name}: ${differing.length} of ${keys} keys, ${JSON.stringify(clusters[index])}`];
  });
  assert.deepEqual(failures, []);
}

void test('hashed requests go where decide says: embedded proxy', async () => {
  await compare(undefined, cases);
});

envoyTest('hashed requests go where decide says: Envoy', async (binary) => {
  await compare(binary, cases);
});

const seed = 20_261_123;

/** Rings and tables of any shape: every setting by chance, the same in every run. */
function randomCases(count: number): readonly Case[] {
  const random = numbersFrom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <Value>(values: readonly Value[]): Value => values[below(values.length)] as Value; // never empty
  return Array.from({ length: count }, (_, number) => {
    let left = 1 + below(endpointCount);
    const groups: Group[] = [];
    while (left > 0) {
      const size = 1 + below(left);
      left -= size;
      const endpoints = Array.from(
        { length: size },
        (): Endpoint => ({
          weight: 1 + below(6),
          health: pick(['UNKNOWN', 'HEALTHY', 'HEALTHY', 'UNHEALTHY', 'DEGRADED']),
          ...(random() < 0.2 ? { hashKey: `key-${number}-${below(100)}` } : {}),
        }),
      );
      groups.push({
        endpoints,
        locality: zone(`z${groups.length}`),
        weight: 1 + below(100),
        priority: groups.length === 0 ? 0 : below(groups.length + 1),
      });
    }
    const shape = pick([
      ring({ ring_hash_lb_config: { minimum_ring_size: 1 + below(200), maximum_ring_size: 200 + below(800) } }),
      ring({ ring_hash_lb_config: { hash_function: pick(['XX_HASH', 'MURMUR_HASH_2']) } }),
      maglev({ maglev_lb_config: { table_size: pick([11, 101, 499, 65_537]) } }),
    ]);
    const panic = pick([0, 20, 50, 100]);
    const locality = random() < 0.5 ? { locality_weighted_lb_config: {} } : {};
    const settings = { ...shape, common_lb_config: { healthy_panic_threshold: { value: panic }, ...locality } };
    return { name: `case ${number} of seed ${seed}`, keys: 40, groups: dense(groups), settings };
  });
}

/** Envoy wants every priority up to the highest. */
function dense(groups: readonly Group[]): readonly Group[] {
  const used = [...new Set(groups.map(({ priority = 0 }) => priority))].sort((one, other) => one - other);
  return groups.map((group) => ({ ...group, priority: used.indexOf(group.priority ?? 0) }));
}

envoyTest('hashed requests of random clusters go where decide says: Envoy', async (binary) => {
  await compare(binary, randomCases(100));
});
