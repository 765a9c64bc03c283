// A Service that leads to a port on which nobody listens is told of, with what its pod listens on.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { servedWatch } from '#app/up/served-watch.ts';
import { unservedPort } from '#app/up/unserved-port.ts';
import { hintForWaiting } from '#app/up/waiting.ts';
import { loopbackPod } from '#runtime/loopback-network.ts';
import { planPods } from '#runtime/pod-plan.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import { freePort } from '#test/support/free-port.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

/** A program in a process group of its own, as containers are, that listens on a free port. */
async function startProgram(): Promise<AsyncDisposable & { readonly pid: number; readonly port: number }> {
  const script = 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => console.log(s.address().port))';
  const child = spawn(process.execPath, ['-e', script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  return { pid: child.pid ?? 0, port: Number(String(line)), [Symbol.asyncDispose]: stop };
}

const yaml = `apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec: { containers: [{ name: main, image: web, command: [run] }] }
---
apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 9000 }] }
`;

/** The pod where its port 9000 is `app`; `isAlone`: with an address of its own. */
function podWith(pid: number, app: number, isAlone: boolean) {
  const { resources } = snapshotOf(resourcesOf(yaml));
  const plan = planPods(resources, []).pods.get('default/web');
  assert.ok(plan !== undefined);
  const network = loopbackPod({ address: '127.0.0.1', inbound: { 9000: { listen: app, app } }, outbound: {} });
  const containers: PodRun['containers'] = [
    // What is looked at, of a container that runs.
    {
      name: 'main',
      pid,
      ready: true,
      reason: '',
      restarts: 0,
      state: { kind: 'running', sinceMs: 0 },
      lastEnd: undefined,
      beside: () => assert.fail(),
    },
  ];
  const run = { plan, network: { ...network, choosesPorts: !isAlone, ...(isAlone && { insideAddress: '127.0.0.1' }) }, containers };
  return { run, services: [...resources.Service.values()] };
}

test('where nobody listens, and what to do about it', async () => {
  await using program = await startProgram();
  const taken = await freePort();
  const alone = podWith(program.pid, taken, true);
  assert.deepEqual(await unservedPort(alone.run, alone.services), {
    message: `nothing listens on port ${taken}, which stands for 9000 here, where Service shop leads: container main listens on ${program.port}`,
    hint: `let the program listen on ${taken}, or name its own port as targetPort of the Service`,
  });
  const told = podWith(program.pid, taken, false);
  assert.equal((await unservedPort(told.run, told.services))?.hint, 'the program must take its port from the variable PORT');
  const served = podWith(program.pid, program.port, true);
  assert.equal(await unservedPort(served.run, served.services), undefined);
  assert.equal(await unservedPort(alone.run, []), undefined, 'nobody is led there');
});

test('why a pod is not ready: it listens on another port than it is asked for', async () => {
  await using program = await startProgram();
  const port = await freePort();
  const { run } = podWith(program.pid, port, true);
  assert.match(String(await hintForWaiting(run)), new RegExp(`^nothing listens on port ${port}: container main listens on ${program.port}\\. Let`));
});

test('it is told some time after the pod became ready, and again of the next pod of its name', async () => {
  await using program = await startProgram();
  const { run, services } = podWith(program.pid, await freePort(), true);
  const clock = new HandClock();
  let told = Promise.withResolvers<string>();
  const notices: string[] = [];
  const watch = servedWatch({
    // As far as it is looked at.
    current: () => [{ ...run, ready: true } as unknown as PodRun],
    services: () => services,
    clock,
    emit: (event) => {
      if (event.kind !== 'notice') return;
      notices.push(event.message);
      told.resolve(event.message);
    },
  });
  watch({ kind: 'ready', workload: 'default/web', afterMs: 1 });
  assert.deepEqual(notices, []);
  clock.advance(3_000);
  assert.match(await told.promise, /where Service shop leads/);
  told = Promise.withResolvers();
  watch({ kind: 'stopped', workload: 'default/web', forced: false });
  watch({ kind: 'ready', workload: 'default/web', afterMs: 1 });
  clock.advance(3_000);
  assert.match(await told.promise, /where Service shop leads/);
});
