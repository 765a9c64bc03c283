// The proxies of all pods in one process: each is itself all the same, pods come and go beside each other, and when the process is killed all are back.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import { isAlive, type StartMesh, startUp, type Up } from '#test/scenario/up.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const server = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: server } }
spec: { containers: [{ name: app, command: [node, server.js], env: [{ name: NAME, value: ${name} }], ports: [{ containerPort: 8080 }] }] }
`;

const caller = (name: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec: { serviceAccountName: ${name}, containers: [{ name: app, command: [node, caller.js] }] }
`;

const policies = `
apiVersion: v1
kind: Service
metadata: { name: server }
spec: { selector: { app: server }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: callers }
spec: { selector: { matchLabels: { app: server } }, rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/caller] } }] }] }
`;

const serverScript = `
require('node:http').createServer((_, response) => response.end(process.env.NAME)).listen(process.env.PORT ?? 8080);
process.on('SIGTERM', () => process.exit());
`;

/** Says what comes of its calls whenever that changes, and whose proxy is beside it. */
const callerScript = `
const http = require('node:http');
const { SERVER_SERVICE_HOST: host, SERVER_SERVICE_PORT: port } = process.env;
let last;
const say = (outcome) => {
  if (outcome !== last) console.log('outcome ' + outcome);
  last = outcome;
  setTimeout(call, 10);
};
function get(options, take) {
  const failed = (error) => take(error.code);
  http.get({ ...options, agent: false }, (answer) => {
    let body = '';
    answer.on('data', (text) => (body += text)).on('end', () => take(answer.statusCode, body)).on('error', failed);
  }).on('error', failed);
}
function call() {
  get({ host, port, headers: { host: 'server' } }, (status, body = '') => say(status === 200 ? '200 ' + body : status));
}
get({ host: '127.0.0.1', port: 15000, path: '/server_info' }, (status, body) => {
  console.log('beside ' + (status === 200 ? JSON.parse(body).node.id : 'nobody'));
  call();
});
`;

/** What the caller said since its log had so many characters. */
async function outcomes(up: Up, name: string, from = 0): Promise<readonly string[]> {
  const said = (await up.log(name)).slice(from).trim().split('\n');
  return said.filter((line) => line.startsWith('outcome ')).map((line) => line.slice('outcome '.length));
}

/** The processes that run proxies. */
async function proxyPids(up: Up): Promise<readonly number[]> {
  const { processes } = await up.state();
  return [...new Set(processes.filter(({ name }) => name.endsWith('/istio-proxy')).map(({ pid }) => pid))];
}

async function shareOneProcess(start: StartMesh): Promise<readonly number[]> {
  const files = {
    'app.yaml': `${[server('server-1'), caller('caller'), caller('other')].join('---')}---${policies}`,
    'server.js': serverScript,
    'caller.js': callerScript,
  };
  await using up = await start({ files, options: ['--proxies', 'shared'] });
  const before = await proxyPids(up);
  assert.equal(before.length, 1, 'one process');
  await waitUntil('the one is let in', async () => (await outcomes(up, 'caller')).at(-1) === '200 server-1');
  await waitUntil('the other is not', async () => (await outcomes(up, 'other')).at(-1) === '403');

  const mark = (await up.log('caller')).length;
  const file = `${up.folder.path}/mesh/second.yaml`;
  await writeFile(file, server('server-2'));
  await waitUntil('the second one takes its turn', async () => (await outcomes(up, 'caller', mark)).includes('200 server-2'));
  assert.deepEqual(await proxyPids(up), before, 'in the same process');
  await rm(file);
  await up.event('the second one has left', ({ kind, workload }) => kind === 'stopped' && workload === 'default/server-2', 30_000);
  assert.deepEqual(new Set(await outcomes(up, 'caller', mark)), new Set(['200 server-1', '200 server-2']), 'nothing was lost');

  const addresses = ({ workloads }: Awaited<ReturnType<Up['state']>>) => workloads.map(({ name, address }) => `${name} ${address}`);
  const asBefore = addresses(await up.state());
  const killed = (await up.log('caller')).length;
  for (const pid of before) process.kill(pid, 'SIGKILL');
  for (const name of ['server-1', 'caller', 'other']) {
    const { how } = await up.event(`the proxy of ${name} has ended`, ({ kind, workload }) => kind === 'exited' && workload === `default/${name}`);
    assert.equal(how, 'signal SIGKILL');
  }
  await waitUntil('calls fail', async () => (await outcomes(up, 'caller', killed)).length > 0);
  await waitUntil('and are answered again', async () => (await outcomes(up, 'caller', killed)).at(-1) === '200 server-1', { timeoutMs: 30_000 });
  await waitUntil('the other is refused as before', async () => (await outcomes(up, 'other')).at(-1) === '403', { timeoutMs: 30_000 });
  const after = await proxyPids(up);
  assert.equal(after.length, 1, 'one process again');
  assert.notDeepEqual(after, before);
  assert.deepEqual(addresses(await up.state()), asBefore, 'no pod was replaced');

  // Each has a log of its own, and its own admin page.
  await waitUntil(
    'calls are logged',
    async () => /outbound\|80\|\|server\./.test(await up.log('caller.proxy')) && /inbound\|8080\|\|/.test(await up.log('server-1.proxy')),
  );
  assert.doesNotMatch(await up.log('server-1.proxy'), /outbound\|80\|\|server\./);
  const { workloads } = await up.state();
  for (const { name, address } of workloads.filter(({ name }) => name === 'caller' || name === 'other')) {
    const [, beside] = /^beside (.*)$/m.exec(await up.log(name)) ?? [];
    if (address.startsWith('198.18.')) assert.equal(beside, `sidecar~${address.split(':')[0]}~${name}.default~default.svc.cluster.local`);
  }
  return after;
}

const name = 'proxies in one process: each is itself, pods come and go, all are back after kill -9';

inOwnNetwork(
  name,
  async (start) => {
    for (const pid of await shareOneProcess(start)) assert.equal(isAlive(pid), false, 'it ends with the mesh');
  },
  ['embedded'],
);

void test(`loopback: ${name}`, async () => {
  for (const pid of await shareOneProcess((options) => startUp('embedded', { network: 'loopback', ...options }))) {
    assert.equal(isAlive(pid), false, 'it ends with the mesh');
  }
});
