// Circuit breakers, ejections and retries under faulty backends: each scenario runs on the embedded proxy and on a real Envoy, and what clients got,
// what backends saw and what the access log says must be as written here on both.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ejections } from '#test/calls/ejections.ts';
import { broken, inTurn, statuses, tally } from '#test/calls/faulty-backends.ts';
import { runAll, type Scenario } from '#test/calls/resilience-stage.ts';
import type { Part } from '#test/support/bootstrap-parts.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const limits = (thresholds: Part): Part => ({ circuit_breakers: { thresholds: [thresholds] } });
const retry = (more: Part): Part => ({
  retry_policy: { retry_on: '5xx', retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' }, ...more },
});
const previousHosts: Part = {
  retry_host_predicate: [
    {
      name: 'previous_hosts',
      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate' },
    },
  ],
  host_selection_retry_max_attempts: 5,
};

const previousPriorities: Part = {
  retry_priority: {
    name: 'previous_priorities',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
      update_frequency: 2,
    },
  },
};

const scenarios: readonly Scenario[] = [
  ...ejections,
  {
    name: 'more requests at once than allowed',
    replicas: 1,
    cluster: limits({ max_requests: 2 }),
    run: async ({ replicas, calls, logged }) => {
      const [replica] = replicas;
      if (replica === undefined) return;
      replica.holds = true;
      const held = [calls.get('/'), calls.get('/')];
      await waitUntil('both are there', () => replica.held === 2);
      const refused = await calls.get('/');
      assert.deepEqual([refused.status, refused.headers['x-envoy-overloaded']], [503, 'true']);
      replica.release();
      assert.deepEqual(statuses(await Promise.all(held)), [200, 200]);
      assert.deepEqual(await logged(3), ['503 UO', '200 -', '200 -']);
    },
  },
  {
    name: 'requests of high priority have limits of their own',
    replicas: 1,
    cluster: { circuit_breakers: { thresholds: [{ max_requests: 5 }, { priority: 'HIGH', max_requests: 1, max_retries: 0 }] } },
    route: { priority: 'HIGH', ...retry({ num_retries: 2 }) },
    run: async ({ replicas, calls, logged }) => {
      const [replica] = replicas;
      if (replica === undefined) return;
      replica.holds = true;
      const held = calls.get('/');
      await waitUntil('it is there', () => replica.held === 1);
      assert.equal((await calls.get('/')).status, 503);
      replica.release();
      assert.equal((await held).status, 200);
      replica.status = 503;
      assert.equal((await calls.get('/')).status, 503);
      assert.equal(replica.requests, 2);
      assert.deepEqual(await logged(3), ['503 UO', '200 -', '503 UO']);
    },
  },
  {
    name: 'and know nothing of those of the others',
    replicas: 1,
    cluster: limits({ max_requests: 0, max_connections: 0, max_pending_requests: 0 }),
    route: { priority: 'HIGH' },
    run: async ({ calls }) => {
      assert.deepEqual(statuses(await inTurn(calls, 2)), [200, 200]);
    },
  },
  {
    name: 'one connection, one request that waits, the third is refused',
    replicas: 1,
    cluster: limits({ max_connections: 1, max_pending_requests: 1 }),
    run: async ({ replicas, calls, logged, stat }) => {
      const [replica] = replicas;
      if (replica === undefined) return;
      replica.holds = true;
      const first = calls.get('/');
      await waitUntil('the first is there', () => replica.held === 1);
      const second = calls.get('/');
      await waitUntil('the second waits', async () => (await stat('upstream_cx_overflow')) > 0);
      assert.equal((await calls.get('/')).status, 503);
      assert.equal(await stat('upstream_rq_pending_overflow'), 1);
      replica.release();
      assert.deepEqual(statuses(await Promise.all([first, second])), [200, 200]);
      assert.equal(replica.connections, 1);
      assert.deepEqual(await logged(3), ['503 UO', '200 -', '200 -']);
    },
  },
  {
    name: 'a request that waits is none of those under way',
    replicas: 1,
    cluster: limits({ max_connections: 1, max_requests: 1 }),
    run: async ({ replicas, calls, stat }) => {
      const [replica] = replicas;
      if (replica === undefined) return;
      replica.holds = true;
      const first = calls.get('/');
      await waitUntil('the first is there', () => replica.held === 1);
      const second = calls.get('/');
      await waitUntil('the second waits', async () => (await stat('upstream_cx_overflow')) > 0);
      replica.release();
      assert.deepEqual(statuses(await Promise.all([first, second])), [200, 200]);
    },
  },
  {
    name: 'connections of one request each',
    replicas: 1,
    cluster: { max_requests_per_connection: 1 },
    run: async ({ replicas, calls }) => {
      assert.deepEqual(tally(await inTurn(calls, 5)), { 200: 5 });
      assert.equal(replicas[0]?.connections, 5);
    },
  },
  {
    name: 'retries reach the backend as often as the policy says',
    replicas: 1,
    route: retry({ num_retries: 2 }),
    run: async ({ replicas, calls, logged }) => {
      broken(replicas[0], 503);
      assert.deepEqual(statuses(await inTurn(calls, 1)), [503]);
      assert.equal(replicas[0]?.requests, 3);
      assert.deepEqual(await logged(1), ['503 URX']);
    },
  },
  {
    name: 'no retry beyond the limit',
    replicas: 1,
    cluster: limits({ max_retries: 0 }),
    route: retry({ num_retries: 2 }),
    run: async ({ replicas, calls, logged, stat }) => {
      broken(replicas[0], 503);
      await inTurn(calls, 1);
      assert.equal(replicas[0]?.requests, 1);
      assert.deepEqual(await logged(1), ['503 UO']);
      assert.equal(await stat('upstream_rq_retry_overflow'), 1);
    },
  },
  {
    name: 'an empty retry budget',
    replicas: 1,
    cluster: limits({ retry_budget: { budget_percent: { value: 0 }, min_retry_concurrency: 0 } }),
    route: retry({ num_retries: 2 }),
    run: async ({ replicas, calls, logged }) => {
      broken(replicas[0], 503);
      await inTurn(calls, 1);
      assert.equal(replicas[0]?.requests, 1);
      assert.deepEqual(await logged(1), ['503 UO']);
    },
  },
  {
    name: 'a retry counts until its answer',
    replicas: 1,
    cluster: limits({ max_retries: 1 }),
    route: retry({ num_retries: 1 }),
    run: async ({ replicas, calls, logged }) => {
      const [replica] = replicas;
      if (replica === undefined) return;
      replica.status = 503;
      replica.holds = true;
      const first = calls.get('/');
      await waitUntil('the first try is there', () => replica.held === 1);
      replica.release(true);
      await waitUntil('its retry is there', () => replica.requests === 2 && replica.held === 1);
      const second = calls.get('/');
      await waitUntil('the second is there', () => replica.held === 2);
      replica.release();
      assert.deepEqual(statuses(await Promise.all([first, second])), [503, 503]);
      assert.ok(replica.requests <= 4);
      assert.equal((await logged(2)).length, 2);
    },
  },
  {
    name: 'a retry within the budget',
    replicas: 1,
    cluster: limits({ max_retries: 0, retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: 1 } }),
    route: retry({ num_retries: 1 }),
    run: async ({ replicas, calls }) => {
      broken(replicas[0], 503);
      await inTurn(calls, 1);
      assert.equal(replicas[0]?.requests, 2);
    },
  },
  {
    name: 'retries avoid the endpoint that failed',
    replicas: 3,
    route: retry({ num_retries: 1, ...previousHosts }),
    run: async ({ replicas, calls }) => {
      broken(replicas[0], 503);
      assert.deepEqual(tally(await inTurn(calls, 30)), { 200: 30 });
      assert.ok((replicas[0]?.requests ?? 0) > 0);
    },
  },
  {
    name: 'retries of hashed requests avoid the endpoint that failed',
    replicas: 3,
    cluster: { lb_policy: 'MAGLEV' },
    route: { ...retry({ num_retries: 1, ...previousHosts }), hash_policy: [{ header: { header_name: 'x-user' } }] },
    run: async ({ replicas, calls }) => {
      broken(replicas[0], 503);
      const met = [];
      for (let user = 0; user < 40; user++) met.push((await calls.get('/', { 'x-user': `u${user}` })).headers['x-replica']);
      // Another place may by chance be the same endpoint again, six times in a row for few.
      assert.ok(met.filter((replica) => replica === '0').length <= 2, met.join());
    },
  },
  {
    name: 'retries leave the priorities that were tried',
    replicas: 4,
    priorities: [0, 0, 1, 1],
    route: retry({ num_retries: 3, ...previousPriorities }),
    run: async ({ replicas, calls }) => {
      broken(replicas[0], 503);
      broken(replicas[1], 503);
      assert.deepEqual(tally(await inTurn(calls, 10)), { 200: 10 });
      assert.equal((replicas[0]?.requests ?? 0) + (replicas[1]?.requests ?? 0), 20);
    },
  },
  {
    name: 'where every priority was tried it begins again',
    replicas: 2,
    priorities: [0, 1],
    route: retry({ num_retries: 5, ...previousPriorities }),
    run: async ({ replicas, calls }) => {
      broken(replicas[0], 503);
      broken(replicas[1], 503);
      assert.deepEqual(tally(await inTurn(calls, 1)), { 503: 1 });
      assert.deepEqual(
        replicas.map(({ requests }) => requests),
        [4, 2],
      );
    },
  },
  {
    name: 'nobody listens',
    replicas: 0,
    hasDead: true,
    run: async ({ calls, logged }) => {
      assert.deepEqual(statuses(await inTurn(calls, 1)), [503]);
      assert.deepEqual(await logged(1), ['503 UF']);
    },
  },
  {
    name: 'nobody is there',
    replicas: 0,
    run: async ({ calls, logged }) => {
      assert.deepEqual(statuses(await inTurn(calls, 1)), [503]);
      assert.deepEqual(await logged(1), ['503 UH']);
    },
  },
];

void test('faulty backends: embedded proxy', async () => {
  await runAll(
    undefined,
    scenarios.filter(({ name }) => name.includes(process.env['ONLY'] ?? '')),
  );
});

envoyTest('faulty backends: Envoy', async (binary) => {
  await runAll(
    binary,
    scenarios.filter(({ name }) => name.includes(process.env['ONLY'] ?? '')),
  );
});
