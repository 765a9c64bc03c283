// Files change while requests flow: weights, a file that stops parsing, pods that come, go and are replaced. No request may fail.
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { startLoad } from '#test/scenario/load.ts';
import { type DataPlane, example, onBothDataPlanes, startUp, type Up } from '#test/scenario/up.ts';
import { httpCall } from '#test/support/http-call.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'hello.example.com';

/** The hello example in a folder that may be edited. */
async function startHello(dataPlane: DataPlane): Promise<{ readonly up: Up; readonly hello: string; readonly routing: string }> {
  const hello = await readFile(`${example('hello')}/hello.yaml`, 'utf8');
  const routing = await readFile(`${example('hello')}/routing.yaml`, 'utf8');
  const images = (await readFile(`${example('hello')}/heddle.yaml`, 'utf8')).replaceAll('server.ts', `${example('hello')}/server.ts`);
  const up = await startUp(dataPlane, { files: { 'hello.yaml': hello, 'routing.yaml': routing, 'heddle.yaml': images } });
  return { up, hello, routing };
}

function countOf(answers: ReadonlyMap<string, number>, version: string): number {
  return [...answers].filter(([body]) => body.includes(version)).reduce((sum, [, count]) => sum + count, 0);
}

onBothDataPlanes('a changed weight acts on new requests, and none fails', async (dataPlane) => {
  const { up, routing } = await startHello(dataPlane);
  await using _ = up;
  await using load = startLoad({ port: up.gatewayPort, headers: { host } });
  await load.more(200);
  await up.folder.write('mesh/routing.yaml', routing.replace('weight: 90', 'weight: 0').replace('weight: 10', 'weight: 100'));
  await waitUntil('only v2 answers', async () => {
    const before = countOf(load.answers, 'from v1');
    await load.more(100);
    return countOf(load.answers, 'from v1') === before;
  });
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.ok(countOf(load.answers, 'from v1') > 0 && countOf(load.answers, 'from v2') > 100);
});

onBothDataPlanes('a file that stops parsing is told with its line, and its last good version stays in force', async (dataPlane) => {
  const { up, routing } = await startHello(dataPlane);
  await using _ = up;
  await using load = startLoad({ port: up.gatewayPort, headers: { host } });
  const broken = routing.replace('weight: 90', 'weight: [90');
  await up.folder.write('mesh/routing.yaml', broken);
  const line = broken.slice(0, broken.indexOf('[90')).split('\n').length;
  const told = await up.event(
    'the mistake',
    ({ kind, diagnostics = [] }) => kind === 'diagnostics' && diagnostics.some(({ code }) => code === 'HDL0001'),
  );
  const at = told.diagnostics?.find(({ code }) => code === 'HDL0001')?.at;
  assert.ok(at?.file.endsWith('routing.yaml') && Math.abs(at.line - line) <= 1, JSON.stringify(at));
  await load.more(200);
  await up.folder.write('mesh/routing.yaml', routing);
  await up.event('mended', ({ kind }) => kind === 'diagnostics gone');
  await load.more(100);
  await load.stop();
  assert.deepEqual(load.failures, []);
});

onBothDataPlanes('a changed pod is replaced without a failed request', async (dataPlane) => {
  const { up, hello } = await startHello(dataPlane);
  await using _ = up;
  await using load = startLoad({ port: up.gatewayPort, headers: { host } });
  await load.more(100);
  const images = await readFile(`${up.folder.path}/mesh/heddle.yaml`, 'utf8');
  await up.folder.write('mesh/heddle.yaml', images.replace('VERSION: v1', 'VERSION: v1b'));
  await up.event('the old v1 has left', ({ kind, workload }) => kind === 'stopped' && workload === 'default/hello-v1');
  await load.more(100);
  assert.ok(countOf(load.answers, 'from v1b') > 0, 'the new program answers');
  await up.folder.write('mesh/hello.yaml', hello.replace('version: v2', 'version: v2\n    again: "yes"'));
  await up.event('the old v2 has left', ({ kind, workload }) => kind === 'stopped' && workload === 'default/hello-v2');
  await load.more(100);
  await load.stop();
  assert.deepEqual(load.failures, []);
});

const more = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: more, namespace: default }
spec:
  replicas: 2
  selector: { matchLabels: { app: hello, version: v1 } }
  template:
    metadata: { labels: { app: hello, version: v1 } }
    spec:
      containers:
        - { name: hello, image: "hello:1.0", ports: [{ containerPort: 8080 }] }
`;

onBothDataPlanes('workloads of a new file start, those of a removed file leave, and none of it fails a request', async (dataPlane) => {
  const { up } = await startHello(dataPlane);
  await using _ = up;
  await using load = startLoad({ port: up.gatewayPort, headers: { host } });
  await load.more(50);
  await up.folder.write('mesh/more.yaml', more);
  // Two pods with their proxies: on a busy machine that is long.
  await waitUntil('an answer of the new pods', () => countOf(load.answers, 'more-0') > 0 && countOf(load.answers, 'more-1') > 0, {
    timeoutMs: 60_000,
  });
  await rm(`${up.folder.path}/mesh/more.yaml`);
  await up.event('more-1 has left', ({ kind, workload }) => kind === 'stopped' && workload === 'default/more-1');
  await load.more(100);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal((await up.state()).workloads.length, 3);
});

onBothDataPlanes('an application that crashes is told with its last lines and started again', async (dataPlane) => {
  const script = `
    const http = require('node:http');
    http.createServer((request, response) => {
      if (request.url === '/crash') { console.log('the last straw'); process.exit(7); }
      response.end('fine');
    }).listen(process.env.PORT, '127.0.0.1');
  `;
  const mesh = `
apiVersion: v1
kind: Service
metadata: { name: app }
spec: { selector: { app: app }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: app, labels: { app: app } }
spec: { containers: [{ name: main, command: [node, app.js], ports: [{ containerPort: 8080 }] }] }
`;
  const routing = (await readFile(`${example('hello')}/routing.yaml`, 'utf8')).split('---')[0] ?? '';
  const route = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: app }
spec: { hosts: [hello.example.com], gateways: [istio-system/hello-gateway], http: [{ route: [{ destination: { host: app } }] }] }
`;
  await using up = await startUp(dataPlane, { files: { 'app.yaml': mesh, 'app.js': script, 'gateway.yaml': routing, 'route.yaml': route } });
  assert.equal((await up.call(host)).body, 'fine');
  const crash = await httpCall({ port: up.gatewayPort, path: '/crash', headers: { host } });
  assert.equal(crash.status, 503);
  const exited = await up.event('exited', ({ kind }) => kind === 'exited');
  assert.equal(exited.how, 'exit code 7');
  assert.deepEqual(exited.lastLines, ['the last straw']);
  await waitUntil('it answers again', async () => (await up.call(host)).status === 200);
  // More than one, where a proxy asks again when a connection that it had used before closes without an answer.
  const restarts = (await up.state()).workloads.find(({ name }) => name === 'app')?.restarts ?? 0;
  assert.ok(restarts >= 1);
});

onBothDataPlanes('a proxy that is killed is started again on its ports', async (dataPlane) => {
  const { up } = await startHello(dataPlane);
  await using _ = up;
  const killed = (await up.state()).processes.find(({ name }) => name === 'hello-v1/istio-proxy')?.pid ?? 0;
  process.kill(killed, 'SIGKILL');
  const ended = await up.event('the end', ({ kind, container }) => kind === 'exited' && container === 'istio-proxy');
  assert.equal(ended.how, 'signal SIGKILL');
  await waitUntil(
    'it is ready again',
    () => up.events().filter(({ kind, workload }) => kind === 'ready' && workload === 'default/hello-v1').length === 2,
  );
  await waitUntil('v1 answers again', async () => (await up.call(host)).headers['x-version'] === 'v1');
});
