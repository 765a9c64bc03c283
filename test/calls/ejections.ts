// Scenarios of endpoints that keep failing and are left out for a while: who goes, when, and who comes back.
import assert from 'node:assert/strict';
import { assertAbout, broken, inTurn, noPanic, outlier, statuses, tally, untilEjected } from '#test/calls/faulty-backends.ts';
import type { Scenario } from '#test/calls/resilience-stage.ts';
import type { Part } from '#test/support/bootstrap-parts.ts';
import { waitUntil } from '#test/support/wait-until.ts';

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

export const ejections: readonly Scenario[] = [
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
];
