import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecRequest } from '#admin/client/verbs.ts';
import { execInPod } from '#app/verbs/exec.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { type RunningPods, runPods } from '#test/support/running-pods.ts';

const yaml = `
apiVersion: v1
kind: Pod
metadata: { name: app, namespace: default }
spec: { containers: [{ name: main, command: [sleep, '60'] }] }
`;

/** As much of a mesh as is asked for: one pod that runs. */
function liveMesh({ supervisor }: RunningPods): LiveMesh {
  const current = () => supervisor.current();
  const pods = new Map(current().map(({ plan }) => [plan.key, plan.pod]));
  const resources = () => new Proxy({}, { get: (_, kind) => (kind === 'Pod' ? pods : new Map()) });
  return { resources, current, runs: current } as unknown as LiveMesh;
}

test('a command that no program can be started with is refused, in a terminal too, and the mesh goes on', async () => {
  await using pods = await runPods();
  await pods.apply(yaml);
  await pods.event('starting');
  const watchdog = { add: () => {}, drop: () => {} };
  const exec = (request: Partial<ExecRequest>) =>
    execInPod({ pod: 'app', namespace: 'default', command: ['true'], ...request }, liveMesh(pods), watchdog);
  const terminal = { name: 'xterm', rows: 24, columns: 80 };
  for (const request of [{ command: ['echo', 'a\0b'] }, { command: ['echo', 'x'.repeat(200_000)] }, { command: ['echo', 'a\0b'], terminal }]) {
    const started = exec(request);
    assert.ok(!started.ok);
    assert.equal(started.error.status, 400);
    assert.match(started.error.error, /^cannot be started: (there is a NUL|its command and variables are longer)/);
  }
  const well = exec({});
  assert.ok(well.ok);
  assert.deepEqual(await well.value.ended, { code: 0 });
});
