// Rolling restarts where each pod has a network of its own, and the verbs that enter a pod there.
import assert from 'node:assert/strict';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import { rolloutCases } from '#test/scenario/rollout-cases.ts';
import { example } from '#test/scenario/up.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startHeddle } from '#test/support/start-process.ts';

for (const { name, run } of rolloutCases) inOwnNetwork(name, run, 'each once');

inOwnNetwork(
  'exec runs in the pod, port-forward leads to its localhost',
  async (start) => {
    await using up = await start({ path: example('hello') });
    const state = ['--state-dir', `${up.folder.path}/state`];
    const script =
      "hostname; cat /etc/hosts | grep -c hello-v1; node -e \"require('http').get('http://hello/', (answer) => { console.log(answer.statusCode); process.exit(); })\"";
    const exec = await startHeddle(['exec', ...state, 'hello-v1', '--', 'sh', '-c', script]);
    assert.equal((await exec.exited).code, 0, exec.output());
    assert.equal(exec.stdout(), 'hello-v1\n1\n200\n');
    await using forward = await startHeddle(['port-forward', ...state, 'hello-v2', ':8080', ':15000'], { ready: /port 15000$/ });
    const ports = [...forward.stdout().matchAll(/127\.0\.0\.1:(\d+) ->/g)].map(([, port]) => Number(port));
    assert.equal((await httpCall({ port: ports[0] ?? 0, path: '/' })).headers['x-version'], 'v2');
    assert.equal((await httpCall({ port: ports[1] ?? 0, path: '/ready' })).body, 'LIVE\n');
  },
  ['embedded'],
);
