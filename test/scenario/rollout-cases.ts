// Every workload of bookinfo is replaced while it is asked 500 times a second; scaled to nothing and back. No request may fail, in whatever network.
import assert from 'node:assert/strict';
import type { UpCase } from '#test/scenario/hello-cases.ts';
import { type PacedCall, startPacedLoad } from '#test/scenario/paced-load.ts';
import { example, type Up } from '#test/scenario/up.ts';
import { startHeddle } from '#test/support/start-process.ts';

const calls: readonly PacedCall[] = [
  { path: '/productpage', holds: 'Reviewer1' },
  { path: '/api/v1/products/0', holds: 'pages' },
  { path: '/api/v1/products/0/reviews', holds: 'Reviewer1' },
  { path: '/api/v1/products/0/ratings', holds: 'ratings' },
  { path: '/api/v1/products', holds: 'Comedy' },
];
const perSecond = 500;
const workloads = ['details-v1', 'ratings-v1', 'reviews-v1', 'reviews-v2', 'reviews-v3', 'productpage-v1'];

async function heddle(up: Up, ...args: readonly string[]): Promise<string> {
  const run = await startHeddle([...args, '--state-dir', `${up.folder.path}/state`]);
  const { code } = await run.exited;
  assert.equal(code, 0, `${args.join(' ')}: ${run.output()}`);
  return run.stdout();
}

async function podPids(up: Up): Promise<ReadonlyMap<string, number>> {
  const { processes } = await up.state();
  return new Map(processes.map(({ name, pid }) => [name, pid]));
}

export const rolloutCases: readonly UpCase[] = [
  {
    name: 'a rolling restart of every workload under load loses no request',
    run: async (start, dataPlane) => {
      await using up = await start({ path: example('bookinfo') });
      const before = await podPids(up);
      await using load = startPacedLoad({ port: up.gatewayPort, calls, perSecond });
      for (const workload of workloads) {
        await heddle(up, 'rollout', 'restart', `deployment/${workload}`);
        await heddle(up, 'rollout', 'status', `deployment/${workload}`, '--timeout', '120');
      }
      const rate = load.perSecond();
      await load.stop();
      console.log(`# ${dataPlane}: ${load.asked()} requests, ${rate} a second answered (${perSecond} asked for), ${load.failures.length} failed`);
      assert.deepEqual(load.failures.slice(0, 10), []);
      assert.ok(load.asked() > 500, `only ${load.asked()} requests`);
      const after = await podPids(up);
      const same = [...before].filter(([name, pid]) => name.includes('/') && !name.includes('gateway') && after.get(name) === pid);
      assert.deepEqual(same, [], 'every process was replaced');
    },
  },
  {
    name: 'scaled to nothing, a version gets no requests; scaled back, it does; none fails',
    run: async (start) => {
      await using up = await start({ path: example('bookinfo') });
      await using load = startPacedLoad({ port: up.gatewayPort, calls: calls.slice(0, 3), perSecond: 100 });
      await heddle(up, 'scale', 'deployment/reviews-v1', '--replicas', '3');
      assert.match(await heddle(up, 'rollout', 'status', 'deployment/reviews-v1'), /3 of 3 pods are ready/);
      for (const version of ['v1', 'v2']) await heddle(up, 'scale', `deployment/reviews-${version}`, '--replicas', '0');
      await heddle(up, 'rollout', 'status', 'deployment', 'reviews-v1', 'reviews-v2');
      assert.match(await heddle(up, 'get', 'endpoints', 'reviews'), /^reviews +[\d.]+:\d+$/m);
      await heddle(up, 'scale', 'deployment/reviews-v1', '--replicas', '1');
      await heddle(up, 'rollout', 'status', 'deployment/reviews-v1');
      assert.match(await heddle(up, 'get', 'deployment', 'reviews-v1'), /^reviews-v1 +1\/1 +1 +1 /m);
      await load.stop();
      assert.deepEqual(load.failures.slice(0, 10), []);
    },
  },
];
