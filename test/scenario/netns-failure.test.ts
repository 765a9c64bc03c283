// What cannot be had of a network of the mesh's own is said before anything starts, with what to do.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { inOwnNetwork } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

async function run(args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  await using folder = await temporaryFolder();
  await using running = await startHeddle(['up', example('hello'), '--state-dir', `${folder.path}/state`, ...args]);
  const { code } = await running.exited;
  return { code, output: running.output() };
}

test('options of a network of the mesh in loopback mode are refused: nothing would come of them', async () => {
  for (const [option, value] of [
    ['--egress', 'none'],
    ['--network-cidr', '10.77.0.0/16'],
  ] as const) {
    const { code, output } = await run(['--network', 'loopback', option, value]);
    assert.equal(code, 2);
    assert.match(output, new RegExp(`${option} is about a network of the mesh's own[\\s\\S]*leave ${option} out, or use --network netns`));
  }
});

inOwnNetwork('a range of addresses that is none, or that this machine uses, is refused with a way out', async () => {
  const none = await run(['--network', 'netns', '--network-cidr', '10.77.0.0']);
  assert.equal(none.code, 2);
  assert.match(none.output, /10\.77\.0\.0 is no range of addresses[\s\S]*leave --network-cidr out/);
}, ['embedded']);

inOwnNetwork(
  'a port of this machine that is taken is named, with who has it',
  async (start) => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const bound = holder.address();
    const port = String(typeof bound === 'object' && bound !== null ? bound.port : 0);
    try {
      for (const option of ['--gateway-port', '--admin-port']) {
        await using up = await start({ path: example('hello'), untilReady: false, options: [option, port] });
        assert.equal((await up.process.exited).code, 2);
        assert.match(up.process.stderr(), new RegExp(`port ${port}, for \\w+.*, is taken[\\s\\S]*${option} 0 takes any free port`));
      }
    } finally {
      await new Promise((resolve) => holder.close(resolve));
    }
  },
  ['embedded'],
);
