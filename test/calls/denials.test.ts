// What is told of denied requests: counters under Envoy's names on both data planes; by the embedded proxy why, in its log and, where it is asked for,
// in the answer.
import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { runProxy } from '#app/proxy.ts';
import { systemClock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { readBootstrap } from '#proxy/bootstrap.ts';
import { parseBootstrap } from '#proxy/bootstrap-text.ts';
import { bootstrap, cluster, httpChain, listener, type Part, tcpChain, typedConfig } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

const about = (prefix: string): Part => ({ permissions: [{ url_path: { path: { prefix } } }], principals: [{ any: true }] });

function configOf(port: number, tcpPort: number, node: Part = {}): Part {
  const rbac = typedConfig('extensions.filters.http.rbac.v3.RBAC', {
    rules: { action: 'DENY', policies: { 'ns[shop]-policy[closed]-rule[0]': about('/admin'), 'ns[shop]-policy[closed]-rule[1]': about('/secret') } },
    shadow_rules: { action: 'ALLOW', policies: { 'ns[shop]-policy[try]-rule[0]': about('/open') } },
    shadow_rules_stat_prefix: 'istio_dry_run_allow_',
    track_per_rule_stats: true,
  });
  const network = typedConfig('extensions.filters.network.rbac.v3.RBAC', {
    stat_prefix: 'tcp.',
    rules: { action: 'ALLOW', policies: { p: { permissions: [{ destination_port: 1 }], principals: [{ any: true }] } } },
  });
  const answer = { match: { prefix: '/' }, direct_response: { status: 200 } };
  const router = typedConfig('extensions.filters.http.router.v3.Router');
  const { filters, ...chain } = tcpChain('behind');
  return {
    ...bootstrap(
      [
        listener('http', port, [
          httpChain([answer], {
            http_filters: [
              { name: 'envoy.filters.http.rbac', typed_config: rbac },
              { name: 'router', typed_config: router },
            ],
          }),
        ]),
        listener('tcp', tcpPort, [{ ...chain, filters: [{ name: 'rbac', typed_config: network }, ...(filters as readonly Part[])] }]), // as made there
      ],
      // Reached by nobody: the other listener.
      [cluster('behind', port)],
    ),
    node: { id: 'test', cluster: 'test', ...node },
  };
}

async function countOn(binary: string | undefined): Promise<readonly string[]> {
  const [port = 0, tcpPort = 0] = await listenPorts(2);
  await using plane = await startPlane(binary, configOf(port, tcpPort));
  for (const path of ['/admin', '/secret/x', '/open', '/open/more', '/']) await httpCall({ port, path });
  await assert.rejects(httpCall({ port: tcpPort }));
  const lines = (await plane.admin('/stats')).split('\n');
  return lines.filter((line) => /rbac\./.test(line) && !line.endsWith(': 0')).sort();
}

const counted = [
  'http.test.rbac.allowed: 3',
  'http.test.rbac.denied: 2',
  'http.test.rbac.istio_dry_run_allow_.policy.ns[shop]-policy[try]-rule[0].shadow_allowed: 2',
  'http.test.rbac.istio_dry_run_allow_.shadow_allowed: 2',
  'http.test.rbac.istio_dry_run_allow_.shadow_denied: 3',
  'http.test.rbac.policy.ns[shop]-policy[closed]-rule[0].denied: 1',
  'http.test.rbac.policy.ns[shop]-policy[closed]-rule[1].denied: 1',
  'tcp.rbac.denied: 1',
];

void test('embedded proxy: verdicts are counted', async () => {
  assert.deepEqual(await countOn(undefined), counted);
});

envoyTest('Envoy counts verdicts under the same names', async (binary) => {
  assert.deepEqual(await countOn(binary), counted);
});

void test('a denial is told in the log, and in the answer where it is asked for: policy, rule and field, and no secret', async () => {
  for (const explains of [false, true]) {
    const lines: string[] = [];
    const logger: Logger = { log: (level, message, fields) => lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`) };
    const [port = 0, tcpPort = 0] = await listenPorts(2);
    const node = explains ? { metadata: { HEDDLE_EXPLAIN_DENIALS: 'true' } } : {};
    const message = await parseBootstrap(JSON.stringify(configOf(port, tcpPort, node)), 'bootstrap');
    assert.ok(message.ok);
    const source = readBootstrap(message.value);
    assert.ok(source.ok);
    const proxy = await runProxy({ source: { kind: 'bootstrap', bootstrap: source.value }, logger, clock: systemClock, drainMs: 0 });
    assert.ok(proxy.ok);
    await proxy.value.ready;
    const why = 'denied by policy shop/closed, rule 1: path begins with /secret for anything';
    const answer = await httpCall({ port, path: '/secret/x?token=abc', headers: { host: 'shop.example', authorization: 'Bearer abc' } });
    assert.deepEqual([answer.status, answer.body], [403, explains ? `RBAC: access denied: ${why}` : 'RBAC: access denied']);
    await assert.rejects(httpCall({ port: tcpPort }));
    await proxy.value.close();
    const denials = lines.filter((line) => line.includes('denied'));
    assert.match(denials[0] ?? '', /^warn request denied: denied by policy shop\/closed, rule 1: .*GET shop\.example\/secret\/x from 127\.0\.0\.1:/);
    assert.match(denials[1] ?? '', /^warn connection denied: no policy allows it: policy p: port 1: it is \d+ /);
    assert.doesNotMatch(lines.join('\n'), /abc/);
  }
});

async function waitOn(binary: string | undefined): Promise<void> {
  const [port = 0] = await listenPorts(1);
  const gate = typedConfig('extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 's', rules: { action: 'ALLOW' }, delay_deny: '0.3s' });
  const { filters, ...chain } = tcpChain('behind');
  const chains = [{ ...chain, filters: [{ name: 'rbac', typed_config: gate }, ...(filters as readonly Part[])] }]; // as made there
  const behind = createServer((socket) => socket.on('error', () => socket.destroy()));
  await new Promise<void>((resolve) => behind.listen(0, '127.0.0.1', () => resolve()));
  using _closing = { [Symbol.dispose]: () => void behind.close() };
  const behindPort = (behind.address() as AddressInfo).port; // it listens on TCP
  await using plane = await startPlane(binary, bootstrap([listener('tcp', port, chains)], [cluster('behind', behindPort)]));
  assert.ok(plane.kind);
  const startMs = performance.now();
  await assert.rejects(httpCall({ port }));
  assert.ok(performance.now() - startMs >= 250, 'the end came at once');
}

void test('embedded proxy: a denied connection may have to wait for its end', () => waitOn(undefined));

envoyTest('Envoy lets a denied connection wait for its end', (binary) => waitOn(binary));
