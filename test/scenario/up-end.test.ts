// However `heddle up` ends, nothing of it stays: no process, no port, no state; and what it says of itself while it runs is true.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { example, isAlive, isFree, onBothDataPlanes, startUp, type Up } from '#test/scenario/up.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'hello.example.com';

/** Every process and port that the mesh says it has. */
async function belongings(up: Up): Promise<{ readonly pids: readonly number[]; readonly ports: readonly number[] }> {
  const state = await up.state();
  const ports = state.workloads.flatMap((workload) =>
    Object.values(workload.ports).flatMap(({ listen, app }) => (app === undefined ? [listen] : [listen, app])),
  );
  return { pids: state.processes.map(({ pid }) => pid), ports: [...ports, Number(new URL(state.adminUrl).port)] };
}

async function assertGone({ pids, ports }: Awaited<ReturnType<typeof belongings>>): Promise<void> {
  for (const pid of pids) assert.ok(!isAlive(pid), `process ${pid} is left`);
  for (const port of ports) assert.ok(await isFree(port), `port ${port} is left`);
}

const slow = `
apiVersion: v1
kind: Service
metadata: { name: slow }
spec: { selector: { app: slow }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: slow, labels: { app: slow } }
spec: { containers: [{ name: main, command: [node, slow.js], ports: [{ containerPort: 8080 }] }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gateway }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: slow }
spec: { hosts: ["*"], gateways: [gateway], http: [{ route: [{ destination: { host: slow } }] }] }
`;

/** Begins its answer when it is asked, and ends it when it is told to: the request is under way for as long as the test wants. */
const slowScript = `
const waiting = [];
require('node:http').createServer((request, response) => {
  if (request.url === '/go') { for (const end of waiting) end(); return response.end('gone'); }
  if (request.url === '/count') return response.end(String(waiting.length));
  waiting.push(() => response.end('answered'));
}).listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
`;

onBothDataPlanes('Ctrl-C drains: requests under way are answered, nothing is left', async (dataPlane) => {
  await using up = await startUp(dataPlane, { files: { 'slow.yaml': slow, 'slow.js': slowScript } });
  const all = await belongings(up);
  assert.ok(all.pids.length >= 4, JSON.stringify(all));
  const app = (await up.state()).workloads.find(({ name }) => name === 'slow')?.ports['8080']?.app ?? 0;
  const underWay = Array.from({ length: 5 }, () => up.call(host));
  await waitUntil('five requests are under way', async () => (await httpCall({ port: app, path: '/count' })).body === '5');
  up.process.signal('SIGINT');
  await up.event('stopping', ({ kind }) => kind === 'stopping');
  await httpCall({ port: app, path: '/go' });
  const answers = await Promise.all(underWay);
  assert.deepEqual(
    answers.map(({ status, body }) => `${status} ${body}`),
    Array.from({ length: 5 }, () => '200 answered'),
  );
  const { code } = await up.process.exited;
  assert.equal(code, 0, up.process.output());
  await assertGone(all);
  assert.equal(existsSync(`${up.folder.path}/state/state.json`), false);
});

onBothDataPlanes('after kill -9 nothing is left within moments, and the next start finds its way', async (dataPlane) => {
  await using up = await startUp(dataPlane, { path: example('hello') });
  const all = await belongings(up);
  up.process.signal('SIGKILL');
  await up.process.exited;
  await waitUntil('every process has ended', () => all.pids.every((pid) => !isAlive(pid)));
  await assertGone(all);
  const again = await startHeddle(
    ['up', example('hello'), '--data-plane', dataPlane, '--gateway-port', '0', '--state-dir', `${up.folder.path}/state`],
    {
      ready: /^ready/,
      stopTimeoutMs: 15_000,
    },
  );
  await again.stop();
});

onBothDataPlanes('a second Ctrl-C ends everything at once', async (dataPlane) => {
  const stubborn = `
apiVersion: v1
kind: Pod
metadata: { name: stubborn }
spec: { containers: [{ name: main, command: [node, -e, "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"] }] }
`;
  await using up = await startUp(dataPlane, { files: { 'stubborn.yaml': stubborn }, untilReady: false });
  await up.event('mesh ready', ({ kind }) => kind === 'mesh ready');
  const all = await belongings(up);
  up.process.signal('SIGINT');
  await up.event('stopping', ({ kind }) => kind === 'stopping');
  up.process.signal('SIGINT');
  const { code } = await up.process.exited;
  assert.equal(code, 0);
  await assertGone(all);
});

onBothDataPlanes('status and logs say what runs', async (dataPlane) => {
  await using up = await startUp(dataPlane, { path: example('hello') });
  await up.call(host);
  const state = ['--state-dir', `${up.folder.path}/state`];
  const table = await startHeddle(['status', ...state]);
  assert.equal((await table.exited).code, 0);
  assert.match(table.stdout(), /hello-v1\.default\s+v1\s+yes\s+127\.0\.0\.1:\d+/);
  assert.match(table.stdout(), new RegExp(`gateway\\s+http://127\\.0\\.0\\.1:${up.gatewayPort}`));
  const json = await startHeddle(['status', '--json', ...state]);
  await json.exited;
  assert.deepEqual(JSON.parse(json.stdout()), await up.state());
  const log = await startHeddle(['logs', 'hello-v1', ...state]);
  assert.equal((await log.exited).code, 0);
  assert.match(log.stdout(), /hello v1 listens on \d+/);
  const followed = await startHeddle(['logs', 'istio-ingressgateway-0.istio-system', '--proxy', '-f', ...state], { stopTimeoutMs: 5_000 });
  await up.call('nobody.example.com');
  await followed.waitForLine(/404 NR .*nobody\.example\.com/);
  await followed.stop();
  const unknown = await startHeddle(['logs', 'hello-v3', ...state]);
  assert.equal((await unknown.exited).code, 2);
  assert.match(unknown.stderr(), /did you mean hello-v/);
});
