// From the start of a pod to its end, as Kubernetes and Istio have it: who waits for whom, which hooks run, what happens to those that do not listen.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { runPods } from '#test/support/running-pods.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** A Pod of one container whose command is a script of the shell; `more` stands in the container, `ofPod` in the spec. */
function pod(script: string, more = '', ofPod = '', annotations = ''): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: app, namespace: default, annotations: { ${annotations} } }
spec:
  ${ofPod}
  containers:
    - name: main
      command: [sh, -c, ${JSON.stringify(script)}]
      ${more}
`;
}

const sleeps = 'trap "echo told; exit 0" TERM; echo began; while :; do sleep 0.05; done';

test('the application waits for its proxy, unless holdApplicationUntilProxyStarts is false', async () => {
  await using held = await runPods({ holdProxies: true });
  await held.apply(pod(sleeps));
  assert.equal(held.events.length, 0);
  held.letProxiesServe();
  await held.event('starting');
  await using free = await runPods({ holdProxies: true });
  await free.apply(pod(sleeps, '', '', `proxy.istio.io/config: '{ holdApplicationUntilProxyStarts: false }'`));
  await free.event('starting');
  assert.equal(free.supervisor.runs()[0]?.ready, false, 'without its proxy the pod is not ready');
});

test('a program that cannot be started is never ready', async () => {
  await using pods = await runPods();
  await pods.apply(pod('').replace(/command: .*/, 'command: [no-such-program-here]'));
  await pods.event('restarting', ({ restarts }) => restarts === 2);
  assert.deepEqual(
    pods.events.filter(({ kind }) => kind === 'ready'),
    [],
  );
});

test('native sidecars start in order before the application, and end after it in the opposite order', async () => {
  await using pods = await runPods();
  const sidecar = (name: string): string =>
    `{ name: ${name}, restartPolicy: Always, command: [sh, -c, 'trap "date +%s%N; exit 0" TERM; touch ${name}.up; while :; do sleep 0.02; done'], startupProbe: { exec: { command: [test, -e, ${name}.up] }, periodSeconds: 1 }, lifecycle: { preStop: { exec: { command: [rm, -f, ${name}.up] } } } }`;
  const inits = `initContainers: [${sidecar('first')}, { name: once, command: [test, -e, first.up] }, ${sidecar('second')}]`;
  await pods.apply(pod('test -e second.up || exit 1; trap "date +%s%N; exit 0" TERM; while :; do sleep 0.02; done', '', inits));
  await pods.event('ready');
  const started = pods.events.flatMap((event) => (event.kind === 'starting' ? [event.container] : []));
  assert.deepEqual(started, ['first', 'once', 'second', 'main']);
  assert.ok(!pods.events.some(({ kind }) => kind === 'exited'));
  await pods.supervisor.stop(5_000);
  const ends = await Promise.all(['main', 'second', 'first'].map(async (name) => BigInt(/\d{19}/.exec(await pods.log('app', name))?.[0] ?? 0)));
  assert.ok(
    ends.every((at, index) => index === 0 || at >= (ends[index - 1] ?? 0n)),
    String(ends),
  );
  assert.deepEqual(pods.order, ['proxy of app drains for 5 s', 'proxy of app ends']);
});

test('the sidecars of a Job end when its application has', async () => {
  await using pods = await runPods();
  await pods.apply(`
apiVersion: batch/v1
kind: Job
metadata: { name: app }
spec:
  template:
    spec:
      restartPolicy: Never
      initContainers: [{ name: helper, restartPolicy: Always, command: [sh, -c, ${JSON.stringify(sleeps)}] }]
      containers: [{ name: main, command: ['true'] }]
`);
  const { succeeded } = await pods.event('completed');
  assert.ok(succeeded);
  await waitUntil('its proxy has ended', () => pods.order.includes('proxy of app-0 ends'));
  assert.match(await pods.log('app-0', 'helper'), /told/);
});

test('postStart comes before ready, and ends a container when it fails', async () => {
  await using pods = await runPods();
  await pods.apply(pod(sleeps, `lifecycle: { postStart: { exec: { command: [sh, -c, 'sleep 0.2; echo hooked > hooked'] } } }`));
  await pods.event('ready');
  assert.ok(existsSync(`${pods.folder}/hooked`), 'the hook was done first');
  await using failing = await runPods();
  await failing.apply(pod(sleeps, `lifecycle: { postStart: { exec: { command: ['false'] } } }`));
  const { message } = await failing.event('notice');
  assert.match(message, /container main: its postStart hook failed, so it is ended: false ended with code 1/);
  await failing.event('restarting');
});

test("preStop runs before the signal, and its wait is part of the pod's time", async () => {
  await using pods = await runPods();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  await pods.apply(pod(sleeps, `lifecycle: { preStop: { httpGet: { path: /bye, port: ${port}, host: 127.0.0.1 } } }`));
  await pods.event('ready');
  await waitUntil('it runs', async () => (await pods.log('app', 'main')).includes('began'));
  await pods.supervisor.stop(5_000);
  server.close();
  assert.deepEqual(asked, ['/bye']);
  assert.match(await pods.log('app', 'main'), /told/);

  await using late = await runPods();
  await late.apply(pod(sleeps, 'lifecycle: { preStop: { sleep: { seconds: 600 } } }', 'terminationGracePeriodSeconds: 1'));
  await late.event('ready');
  const startedMs = performance.now();
  await late.supervisor.stop(10_000);
  assert.ok(performance.now() - startedMs < 8_000, 'it does not wait for a hook longer than the pod may take');
});

test('an application that ignores SIGTERM is killed when its time is over, and named', async () => {
  await using pods = await runPods();
  await pods.apply(pod('trap "" TERM; echo began; while :; do sleep 0.05; done', '', 'terminationGracePeriodSeconds: 1'));
  await pods.event('ready');
  await waitUntil('it runs', async () => (await pods.log('app', 'main')).includes('began'));
  await pods.supervisor.stop(10_000);
  const stopped = await pods.event('stopped');
  assert.equal(stopped.forced, true);
  assert.deepEqual(stopped.killed, ['main']);
});

test('another signal than SIGTERM ends a container that asks for it', async () => {
  await using pods = await runPods();
  await pods.apply(pod('trap "echo by INT; exit 0" INT; echo began; while :; do sleep 0.05; done', 'lifecycle: { stopSignal: SIGINT }'));
  await pods.event('ready');
  await waitUntil('it runs', async () => (await pods.log('app', 'main')).includes('began'));
  await pods.supervisor.stop(5_000);
  assert.match(await pods.log('app', 'main'), /by INT/);
});

test('the proxy drains as long as ProxyConfig lets it; to the last connection, where that is asked for', async () => {
  await using pods = await runPods();
  await pods.apply(pod(sleeps, '', 'terminationGracePeriodSeconds: 30', `proxy.istio.io/config: '{ terminationDrainDuration: 9s }'`));
  await pods.event('ready');
  await pods.supervisor.stop(30_000);
  assert.equal(pods.order[0], 'proxy of app drains for 9 s');
  await using patient = await runPods();
  await patient.apply(
    pod(sleeps, '', 'terminationGracePeriodSeconds: 30', `proxy.istio.io/config: '{ proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true" } }'`),
  );
  await patient.event('ready');
  await patient.supervisor.stop(30_000);
  assert.equal(patient.order[0], 'proxy of app drains for 28 s');
});

test('a container that ends again and again waits longer each time, and is shown as CrashLoopBackOff', async () => {
  await using pods = await runPods();
  await pods.apply(pod('exit 3'));
  await pods.event('restarting', ({ inMs }) => inMs > 0);
  const container = pods.supervisor.runs()[0]?.containers[0];
  assert.deepEqual(container?.state, { kind: 'waiting', reason: 'CrashLoopBackOff', message: 'exit code 3' });
  assert.deepEqual(container?.lastEnd?.end, { kind: 'exit', code: 3 });
});

test('a probe of a port on which nothing listens is told with the ports on which something does', async () => {
  await using pods = await runPods();
  const script = `require('node:http').createServer((_, response) => response.end()).listen(0, '127.0.0.1', function () { console.log(this.address().port); })`;
  await pods.apply(`
apiVersion: v1
kind: Pod
metadata: { name: app, namespace: default }
spec: { containers: [{ name: main, command: [node, -e, ${JSON.stringify(script)}], readinessProbe: { httpGet: { path: /ready, port: 8080 } } }] }
`);
  const { message, hint = '' } = await pods.event('notice');
  const port = (await pods.log('app', 'main')).trim();
  assert.match(message, /container main: its readiness probe fails: GET \/ready: connect ECONNREFUSED/);
  if (process.platform === 'linux') assert.match(hint, new RegExp(`nothing of it listens on port \\d+; it listens on ${port}$`));
});

test('a liveness probe may give less time to end than the pod does', async () => {
  await using pods = await runPods();
  const probe = 'livenessProbe: { exec: { command: ["false"] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1 }';
  await pods.apply(pod('trap "" TERM; while :; do sleep 0.05; done', probe, 'terminationGracePeriodSeconds: 600'));
  await pods.event('unlive');
  await pods.event('exited', ({ how }) => how === 'signal SIGKILL');
});
