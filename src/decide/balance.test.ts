import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { chooseHost, newBalancerState } from '#decide/balance.ts';
import { compileCluster } from '#decide/cluster.ts';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { formatConfigError } from '#decide/config-error.ts';
import type { BalancedHost } from '#decide/priority-load.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { numbersFrom } from '#test/support/chance.ts';

type Sketch = { readonly weight?: number; readonly health?: string; readonly priority?: number };

function clusterOf(json: JsonObject, sketches: readonly Sketch[] = []): ClusterEntry {
  const endpoints = sketches.map(({ weight = 1, health = 'HEALTHY', priority = 0 }, index) => ({
    priority,
    lb_endpoints: [
      {
        load_balancing_weight: weight,
        health_status: health,
        endpoint: { address: { socket_address: { address: '10.0.0.1', port_value: index + 1 } } },
      },
    ],
  }));
  const cluster = compileCluster(fromJson(ClusterSchema, { name: 'c', load_assignment: { cluster_name: 'c', endpoints }, ...json }));
  if (!cluster.ok) throw new Error(cluster.error.map(formatConfigError).join('\n'));
  return cluster.value;
}

type TestHost = BalancedHost & { activeRequests: number; ejected: boolean };

function hostsOf(cluster: ClusterEntry): TestHost[] {
  return cluster.endpoints.map((entry) => ({ entry, activeRequests: 0, ejected: false, addedMs: 0 }));
}

/** Hosts of the cluster with a choice among them: time stands at `nowMs`, chance is a fixed sequence that begins with `start`. */
function balancerOf(cluster: ClusterEntry, hosts: TestHost[] = hostsOf(cluster), start?: number, nowMs = 1e9) {
  const draw = numbersFrom(1);
  let first = start;
  const random = (): number => {
    const next = first ?? draw();
    first = undefined;
    return next;
  };
  return newBalancerState<TestHost>(cluster, hosts, { random, nowMs: () => nowMs });
}

/** How often each port is chosen. */
function shares(cluster: ClusterEntry, draws: number, active: (endpoint: EndpointEntry) => number = () => 0): Record<number, number> {
  const hosts = hostsOf(cluster);
  for (const host of hosts) host.activeRequests = active(host.entry);
  const state = balancerOf(cluster, hosts, 0);
  const counts: Record<number, number> = {};
  for (let draw = 0; draw < draws; draw++) {
    const host = chooseHost(state);
    if (host !== undefined) counts[host.entry.port] = (counts[host.entry.port] ?? 0) + 1;
  }
  return counts;
}

test('round robin takes turns, by weight where weights differ', () => {
  assert.deepEqual(shares(clusterOf({}, [{}, {}, {}]), 30), { 1: 10, 2: 10, 3: 10 });
  assert.deepEqual(shares(clusterOf({}, [{ weight: 5 }, { weight: 1 }, { weight: 2 }]), 80), { 1: 50, 2: 10, 3: 20 });
});

test('heavy endpoints come spread out, not in a row', () => {
  const state = balancerOf(clusterOf({}, [{ weight: 2 }, { weight: 1 }, { weight: 1 }]));
  const ports = Array.from({ length: 8 }, () => chooseHost(state)?.entry.port);
  for (let index = 2; index < ports.length; index++)
    assert.ok(!(ports[index] === ports[index - 1] && ports[index] === ports[index - 2]), ports.join());
});

test('where the round begins differs from proxy to proxy', () => {
  const cluster = clusterOf({}, [{}, {}, {}]);
  const first = (random: number) => chooseHost(balancerOf(cluster, hostsOf(cluster), random))?.entry.port;
  assert.deepEqual([0, 0.4, 0.99].map(first), [1, 2, 3]);
});

test('random reaches all, whatever their weight', () => {
  const counts = shares(clusterOf({ lb_policy: 'RANDOM' }, [{ weight: 9 }, {}]), 1000);
  assert.ok(Math.abs((counts[1] ?? 0) - 500) < 60, JSON.stringify(counts));
});

test('least request avoids the busy one', () => {
  const busy = ({ port }: EndpointEntry) => (port === 1 ? 10 : 0);
  const counts = shares(clusterOf({ lb_policy: 'LEAST_REQUEST' }, [{}, {}]), 1000, busy);
  // Drawn twice of two endpoints, the busy one is taken a quarter of the time.
  assert.ok(Math.abs((counts[1] ?? 0) - 250) < 50, JSON.stringify(counts));
  const weighted = shares(clusterOf({ lb_policy: 'LEAST_REQUEST' }, [{ weight: 3 }, { weight: 1 }]), 1000);
  assert.ok(Math.abs((weighted[1] ?? 0) - 750) < 60, JSON.stringify(weighted));
});

test('unhealthy endpoints get nothing, until too few are left', () => {
  const unhealthy = { health: 'UNHEALTHY' };
  assert.deepEqual(shares(clusterOf({}, [{}, {}, unhealthy]), 20), { 1: 10, 2: 10 });
  assert.deepEqual(shares(clusterOf({}, [{}, unhealthy, unhealthy]), 30), { 1: 10, 2: 10, 3: 10 }, 'panic below 50 %');
  const calm = { common_lb_config: { healthy_panic_threshold: {} } };
  assert.deepEqual(shares(clusterOf(calm, [{}, unhealthy, unhealthy]), 30), { 1: 30 }, 'no panic at threshold 0');
  assert.deepEqual(shares(clusterOf(calm, [unhealthy]), 5), {}, 'nobody is left');
  assert.deepEqual(shares(clusterOf({}, [unhealthy]), 5), { 1: 5 });
  const strict = { common_lb_config: { healthy_panic_threshold: { value: 100 } } };
  assert.deepEqual(shares(clusterOf(strict, [{}, {}, {}, unhealthy]), 9), { 1: 3, 2: 3, 3: 3 }, 'no panic while the healthy can take it all');
  const failing = { common_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } } };
  assert.deepEqual(shares(clusterOf(failing, [unhealthy]), 5), {});
  assert.deepEqual(shares(clusterOf({}, []), 5), {});
});

test('the next priority takes what the first cannot', () => {
  const down = { health: 'UNHEALTHY' };
  const next = { priority: 1 };
  assert.deepEqual(shares(clusterOf({}, [{}, {}, next]), 20), { 1: 10, 2: 10 });
  // Two of four healthy: 50 % x 1.4 = 70 % stay, 30 % spill over.
  const counts = shares(clusterOf({}, [{}, {}, down, down, next]), 1000);
  assert.ok(Math.abs((counts[5] ?? 0) - 300) < 50, JSON.stringify(counts));
  assert.equal((counts[3] ?? 0) + (counts[4] ?? 0), 0);
  assert.deepEqual(shares(clusterOf({}, [down, next]), 7), { 2: 7 });
});

test('degraded endpoints are used when the healthy ones do not suffice', () => {
  const degraded = { health: 'DEGRADED' };
  assert.deepEqual(shares(clusterOf({}, [{}, {}, {}, degraded]), 30), { 1: 10, 2: 10, 3: 10 });
  const counts = shares(clusterOf({}, [{}, degraded]), 1000);
  assert.ok(Math.abs((counts[2] ?? 0) - 300) < 50, JSON.stringify(counts));
});

test('a retry avoids the endpoint that failed, if another is drawn', () => {
  const cluster = clusterOf({}, [{}, {}]);
  const state = balancerOf(cluster);
  for (let draw = 0; draw < 6; draw++) assert.equal(chooseHost(state, ({ entry }) => entry.port === 1, 3)?.entry.port, 2);
  const alone = balancerOf(clusterOf({}, [{}]));
  assert.equal(chooseHost(alone, () => true, 3)?.entry.port, 1);
});

test('a cluster has the defaults of Envoy, and says what it cannot do', () => {
  const bare = clusterOf({});
  assert.deepEqual(
    [
      bare.discovery,
      bare.balancing,
      bare.connectTimeoutMs,
      bare.protocol,
      bare.idleTimeoutMs,
      bare.maxConnections,
      bare.maxRetries,
      bare.panicThresholdPercent,
    ],
    ['static', 'round-robin', 5000, 'http1', 3_600_000, 1024, 3, 50],
  );
  const refused = compileCluster(
    fromJson(ClusterSchema, { name: 'c', lb_policy: 'LOAD_BALANCING_POLICY_CONFIG', health_checks: [{ timeout: '1s', interval: '1s' }] }),
  );
  assert.deepEqual(refused.ok ? [] : refused.error.map(({ field }) => field).sort(), ['health_checks', 'lb_policy']);
});
