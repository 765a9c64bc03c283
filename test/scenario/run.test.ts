// Commands of another terminal that join a mesh: in both networks, as root and as an ordinary user, by both data planes.
import { test } from 'node:test';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import { runAll } from '#test/scenario/run-cases.ts';
import { example, startUp } from '#test/scenario/up.ts';

void test('a command joins a mesh in loopback mode, serves, calls, and leaves nothing', async () => {
  await runAll((options) => startUp('embedded', { network: 'loopback', ...options }), example('hello'), 'loopback');
});

inOwnNetwork('a command joins a mesh, serves, calls, and leaves nothing', async (start, _dataPlane, user) => {
  await runAll(start, example('hello'), 'netns', user);
});
