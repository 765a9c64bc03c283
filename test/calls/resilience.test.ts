// Circuit breakers, ejections and retries under faulty backends: each scenario runs on the embedded proxy and on a real Envoy, and what clients got,
// what backends saw and what the access log says must be as written here on both.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runAll, type Scenario } from '#test/calls/resilience-stage.ts';
import type { Part } from '#test/support/bootstrap-parts.ts';
import type { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import type { HttpAnswer } from '#test/support/http-call.ts';
import type { Replica } from '#test/support/replicas.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** Envoy gathers changes of health for a second unless told otherwise. */
const atOnce: Part = { update_merge_window: '0s' };
const outlier = (more: Part): Part => ({
  outlier_detection: { interval: '60s', base_ejection_time: '60s', max_ejection_percent: 100, ...more },
  common_lb_config: atOnce,
});
/** Answers with one of these statuses are errors, and no others. */
const errors = (...rules: readonly Part[]): Part => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http_protocol_options: {} },
      outlier_detection: { error_matcher: { or_match: { rules } } },
    },
  },
});
const hasStatus = (regex: string): Part => ({
  http_response_headers_match: { headers: [{ name: ':status', string_match: { safe_regex: { regex } } }] },
});
const noPanic: Part = { common_lb_config: { healthy_panic_threshold: { value: 0 }, ...atOnce } };
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

const statuses = (answers: readonly HttpAnswer[]): readonly number[] => answers.map(({ status }) => status);

async function inTurn(calls: KeptCalls, count: number): Promise<readonly HttpAnswer[]> {
  const answers: HttpAnswer[] = [];
  for (let call = 0; call < count; call++) answers.push(await calls.get('/'));
  return answers;
}

const tally = (answers: readonly HttpAnswer[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** Envoy's worker hears of an ejection a moment later than the request that caused it: one more request may go the old way. */
const assertAbout = (found: number | undefined, expected: number): void =>
  assert.ok(found === expected || found === expected + 1, `${found} instead of ${expected}`);

/** The machine may be so busy that Envoy's worker has not heard of it after many requests: the rest of them waits until the main thread says so. */
const untilEjected = (health: () => Promise<readonly string[]>, index: number): Promise<unknown> =>
  waitUntil('the ejection', async () => (await health())[index] === '/failed_outlier_check');

const broken = (replica: Replica | undefined, status: number): void => {
  if (replica !== undefined) replica.status = status;
};

const scenarios: readonly Scenario[] = [
  {
    name: 'five hundreds in a row eject',
    replicas: 3,
    cluster: outlier({ consecutive_5xx: 3 }),
    run: async ({ replicas, calls, health, stat }) => {
      broken(replicas[0], 500);
      await inTurn(calls, 9);
      await untilEjected(health, 0);
      await inTurn(calls, 51);
      assertAbout(replicas[0]?.requests, 3);
      assert.deepEqual(await health(), ['/failed_outlier_check', 'healthy', 'healthy']);
      assert.equal(await stat('outlier_detection.ejections_active'), 1);
      assert.equal(await stat('outlier_detection.ejections_enforced_consecutive_5xx'), 1);
    },
  },
  {
    name: 'a success in between does not eject',
    replicas: 1,
    cluster: outlier({ consecutive_5xx: 3 }),
    run: async ({ replicas, calls, health }) => {
      for (const status of [500, 503, 200, 500, 500, 404, 500]) {
        broken(replicas[0], status);
        await inTurn(calls, 1);
      }
      assert.deepEqual(await health(), ['healthy']);
    },
  },
  {
    name: 'statuses that a cluster says are errors eject, and no others do',
    replicas: 3,
    cluster: {
      ...outlier({ consecutive_5xx: 3 }),
      ...errors(hasStatus('429'), { and_match: { rules: [hasStatus('5..'), { not_match: hasStatus('500') }] } }),
    },
    run: async ({ replicas, calls, health, stat }) => {
      broken(replicas[0], 429);
      broken(replicas[1], 500);
      await inTurn(calls, 9);
      await untilEjected(health, 0);
      await inTurn(calls, 21);
      assertAbout(replicas[0]?.requests, 3);
      assert.deepEqual(await health(), ['/failed_outlier_check', 'healthy', 'healthy']);
      broken(replicas[2], 502);
      await inTurn(calls, 6);
      await untilEjected(health, 2);
      assert.equal(await stat('outlier_detection.ejections_enforced_consecutive_5xx'), 2);
    },
  },
  {
    name: 'an error below 500 is no gateway failure, one of 503 is',
    replicas: 2,
    cluster: {
      ...outlier({ consecutive_5xx: 0, consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 }),
      ...errors(hasStatus('404'), hasStatus('503')),
    },
    run: async ({ replicas, calls, health }) => {
      broken(replicas[0], 404);
      broken(replicas[1], 503);
      await inTurn(calls, 8);
      await untilEjected(health, 1);
      assert.deepEqual(await health(), ['healthy', '/failed_outlier_check']);
    },
  },
  {
    name: 'where a cluster says what errors are, failures to connect stay errors',
    replicas: 1,
    hasDead: true,
    cluster: { ...outlier({ consecutive_5xx: 2 }), ...errors(hasStatus('404'), hasStatus('405')) },
    run: async ({ calls, health }) => {
      await inTurn(calls, 20);
      await untilEjected(health, 1);
    },
  },
  {
    name: 'a gRPC status counts as what it stands for, whatever else a cluster says are errors',
    replicas: 2,
    cluster: { ...outlier({ consecutive_5xx: 2 }), ...errors(hasStatus('404'), hasStatus('200')) },
    run: async ({ replicas, calls, health }) => {
      broken(replicas[0], 404);
      if (replicas[1] !== undefined) replicas[1].fields = { 'grpc-status': '14' };
      for (let call = 0; call < 12; call++) await calls.get('/', { 'content-type': 'application/grpc' });
      await untilEjected(health, 1);
      assert.deepEqual(await health(), ['healthy', '/failed_outlier_check']);
    },
  },
  {
    name: 'gateway failures count apart',
    replicas: 3,
    cluster: outlier({ consecutive_5xx: 0, consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100 }),
    run: async ({ replicas, calls, health }) => {
      broken(replicas[0], 500);
      broken(replicas[1], 503);
      await inTurn(calls, 6);
      await untilEjected(health, 1);
      await inTurn(calls, 24);
      assertAbout(replicas[1]?.requests, 2);
      assert.deepEqual(await health(), ['healthy', '/failed_outlier_check', 'healthy']);
    },
  },
  {
    name: 'the ejection percentage is a limit',
    replicas: 3,
    cluster: outlier({ consecutive_5xx: 2, max_ejection_percent: 40 }),
    run: async ({ replicas, calls, health, stat }) => {
      broken(replicas[0], 500);
      broken(replicas[2], 500);
      await inTurn(calls, 40);
      const flags = await health();
      assert.equal(flags.filter((flag) => flag === '/failed_outlier_check').length, 1);
      assert.equal(flags[1], 'healthy');
      assert.ok((await stat('outlier_detection.ejections_overflow')) > 0);
    },
  },
  {
    name: 'ten percent of three is nobody',
    replicas: 3,
    cluster: outlier({ consecutive_5xx: 2, max_ejection_percent: 10 }),
    run: async ({ replicas, calls, health }) => {
      broken(replicas[0], 500);
      await inTurn(calls, 30);
      assert.deepEqual(await health(), ['healthy', 'healthy', 'healthy']);
      assert.equal(replicas[0]?.requests, 10);
    },
  },
  {
    name: 'one may always go where that is wanted',
    replicas: 3,
    cluster: outlier({ consecutive_5xx: 2, max_ejection_percent: 10, always_eject_one_host: true }),
    run: async ({ replicas, calls, health }) => {
      broken(replicas[0], 500);
      await inTurn(calls, 30);
      assert.deepEqual(await health(), ['/failed_outlier_check', 'healthy', 'healthy']);
    },
  },
  {
    name: 'detection without enforcement',
    replicas: 2,
    cluster: outlier({ consecutive_5xx: 2, enforcing_consecutive_5xx: 0 }),
    run: async ({ replicas, calls, health, stat }) => {
      broken(replicas[0], 500);
      await inTurn(calls, 10);
      assert.deepEqual(await health(), ['healthy', 'healthy']);
      assert.ok((await stat('outlier_detection.ejections_detected_consecutive_5xx')) > 0);
    },
  },
  {
    name: 'an ejected endpoint comes back, and goes again for longer',
    replicas: 2,
    cluster: outlier({ consecutive_5xx: 2, interval: '0.1s', base_ejection_time: '0.5s' }),
    run: async ({ replicas, calls, health }) => {
      broken(replicas[0], 500);
      await inTurn(calls, 6);
      assert.deepEqual((await health())[0], '/failed_outlier_check');
      broken(replicas[0], 200);
      const before = replicas[0]?.requests ?? 0;
      await waitUntil('it is asked again', async () => {
        await inTurn(calls, 1);
        return (replicas[0]?.requests ?? 0) > before;
      });
      assert.deepEqual(await health(), ['healthy', 'healthy']);
      assert.deepEqual(tally(await inTurn(calls, 10)), { 200: 10 });
      assert.equal((replicas[0]?.requests ?? 0) - before, 6);
    },
  },
  {
    name: 'failures to connect count as 503',
    replicas: 1,
    hasDead: true,
    cluster: outlier({ consecutive_5xx: 2 }),
    run: async ({ calls, health, logged }) => {
      assertAbout(tally(await inTurn(calls, 20))[503], 2);
      assert.deepEqual(await health(), ['healthy', '/failed_outlier_check']);
      assert.deepEqual([...new Set(await logged(20))].sort(), ['200 -', '503 UF']);
    },
  },
  {
    name: 'failures to connect count apart where that is wanted',
    replicas: 1,
    hasDead: true,
    cluster: outlier({ consecutive_5xx: 1, split_external_local_origin_errors: true, consecutive_local_origin_failure: 3 }),
    run: async ({ calls, health, stat }) => {
      assertAbout(tally(await inTurn(calls, 20))[503], 3);
      assert.deepEqual(await health(), ['healthy', '/failed_outlier_check']);
      assert.equal(await stat('outlier_detection.ejections_enforced_consecutive_local_origin_failure'), 1);
    },
  },
  {
    name: 'a timeout is a gateway failure',
    replicas: 1,
    cluster: { ...outlier({ consecutive_5xx: 0, consecutive_gateway_failure: 1, enforcing_consecutive_gateway_failure: 100 }), ...noPanic },
    route: { timeout: '0.1s' },
    run: async ({ replicas, calls, health, logged }) => {
      if (replicas[0] !== undefined) replicas[0].holds = true;
      assert.deepEqual(statuses(await inTurn(calls, 1)), [504]);
      await waitUntil('it is ejected', async () => (await health())[0] === '/failed_outlier_check');
      await waitUntil('nobody is left', async () => (await calls.get('/')).status === 503);
      assert.deepEqual([(await logged(2))[0], (await logged(2)).at(-1)], ['504 UT', '503 UH']);
    },
  },
  {
    name: 'with all ejected, panic decides',
    replicas: 2,
    cluster: outlier({ consecutive_5xx: 1 }),
    run: async ({ replicas, calls }) => {
      for (const replica of replicas) replica.status = 500;
      assert.deepEqual(tally(await inTurn(calls, 10)), { 500: 10 });
    },
  },
  {
    name: 'with all ejected and no panic, nobody answers',
    replicas: 2,
    cluster: { ...outlier({ consecutive_5xx: 1 }), ...noPanic },
    run: async ({ replicas, calls, logged }) => {
      for (const replica of replicas) replica.status = 500;
      await waitUntil('both are ejected', async () => (await calls.get('/')).status === 503);
      assert.deepEqual(tally(await inTurn(calls, 4)), { 503: 4 });
      assert.equal((await logged(6)).at(-1), '503 UH');
    },
  },
  {
    name: 'an ejection moves hashed requests on',
    replicas: 3,
    cluster: { lb_policy: 'RING_HASH', ...outlier({ consecutive_5xx: 1 }) },
    route: { hash_policy: [{ header: { header_name: 'x-user' } }] },
    run: async ({ replicas, calls }) => {
      const first = await calls.get('/', { 'x-user': 'ann' });
      broken(replicas[Number(first.headers['x-replica'])], 500);
      const answers = [];
      for (let call = 0; call < 4; call++) answers.push(await calls.get('/', { 'x-user': 'ann' }));
      const others = answers.filter(({ status }) => status === 200);
      assertAbout(4 - others.length, 1);
      assert.equal(new Set(others.map(({ headers }) => headers['x-replica'])).size, 1);
    },
  },
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
