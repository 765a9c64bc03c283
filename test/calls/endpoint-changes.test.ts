// Endpoints come and go, and their cluster's settings change, while requests flow: none may fail, and what is under way goes on. On the embedded proxy
// and on a real Envoy, steered by our xDS server.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { cluster, endpoints, listener, routes } from '#test/support/memory-node-source.ts';
import { startReplicas } from '#test/support/replicas.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const pushes = 200;

async function run(plane: DataPlane): Promise<void> {
  await using busy = await startReplicas(4);
  await using slow = await startReplicas(1);
  const [port = 0, slowPort = 0] = await listenPorts(2);
  const [replica] = slow.all;
  if (replica === undefined) return;
  replica.holds = true;
  const serve = (used: readonly number[], timeoutMs: number) => [
    listener('busy', port, 'busy'),
    routes('busy', { busy: 1 }),
    listener('slow', slowPort, 'slow'),
    routes('slow', { slow: 1 }),
    cluster('busy', timeoutMs),
    endpoints(
      'busy',
      used.map((index) => busy.ports[index] ?? 0),
    ),
    cluster('slow'),
    endpoints('slow', slow.ports),
  ];
  await withLiveProxy(plane, 'sidecar~127.0.0.1~changes.default~default.svc.cluster.local', serve([0, 1], 1000), async (source) => {
    using calls = new KeptCalls(port, 4);
    using slowCalls = new KeptCalls(slowPort);
    const held = slowCalls.get('/');
    await waitUntil('the slow request is there', () => replica.held === 1);
    const failures: string[] = [];
    let running = true;
    let answered = 0;
    const flow = async (): Promise<void> => {
      while (running) {
        const { status, body } = await calls.get('/');
        if (status !== 200) failures.push(`${status} ${body}`);
        answered++;
      }
    };
    const flows = Array.from({ length: 4 }, flow);
    for (let push = 0; push < pushes; push++) {
      const without = push % 4;
      source.replace(
        serve(
          [0, 1, 2, 3].filter((index) => index !== without),
          1000 + Math.floor(push / 20),
        ),
      );
      const before = answered;
      await waitUntil('requests flow', () => answered >= before + 4, { everyMs: 1 });
    }
    running = false;
    await Promise.all(flows);
    assert.deepEqual(failures, []);
    assert.ok(busy.all.every(({ requests }) => requests > 0));
    replica.release();
    assert.deepEqual([(await held).status, (await held).body], [200, 'late']);
  });
}

void test('changes of endpoints and settings fail no request: embedded proxy', async () => {
  await run({ kind: 'embedded' });
});

envoyTest('changes of endpoints and settings fail no request: Envoy', async (binary) => {
  await run({ kind: 'envoy', binary });
});
