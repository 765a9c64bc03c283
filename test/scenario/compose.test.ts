// A compose file as a mesh: what waits for what, who answers whom, and an image that nobody knows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { example, startUp } from '#test/scenario/up.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

test('services of a compose file start in the order that they ask for, and call each other by name', async () => {
  await using up = await startUp('embedded', { path: `${example('compose')}/docker-compose.yaml` });
  const order = up
    .events()
    .flatMap(({ kind, workload = '' }) =>
      kind === 'starting' || kind === 'completed' || kind === 'ready' ? [`${kind} ${workload.replace('default/', '')}`] : [],
    );
  const begun = order.indexOf('starting web-0');
  for (const first of ['completed prepare-0', 'ready api-0', 'ready api-1'])
    assert.ok(order.includes(first) && order.indexOf(first) < begun, `${first} comes before web: ${order.join(', ')}`);
  await using forward = await startHeddle(['port-forward', '--state-dir', `${up.folder.path}/state`, 'svc/web', ':3000'], { ready: /^forwarding/ });
  const [, port = ''] = await forward.waitForLine(/127\.0\.0\.1:(\d+) ->/);
  assert.equal((await httpCall({ port: Number(port), path: '/' })).body, 'Hello, compose!\n');
});

test('an image without a command is an error with its line in the compose file, and the lines to write', async () => {
  await using folder = await temporaryFolder({ 'compose.yaml': 'services:\n  db:\n    image: postgres:17\n    expose: [5432]\n' });
  const run = await startHeddle(['up', 'compose.yaml', '--gateway-port', '0', '--network', 'loopback'], { cwd: folder.path });
  assert.equal((await run.exited).code, 1);
  assert.match(run.stderr(), /compose\.yaml:3:5: error \[HDL0402\] no local command is known for the image postgres:17 of container db/);
  assert.match(run.stderr(), /add to .*heddle\.yaml[\s\S]*"postgres:17":/);
});
