// What cannot be had of a network of the mesh's own is said before anything starts, with what to do.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inOwnNetwork, reasonToSkip } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startHeddle, startProcess } from '#test/support/start-process.ts';
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

const whereForbidden = 'where namespaces are forbidden, auto runs in loopback mode and says why; what was asked for by name is refused';

test(whereForbidden, { skip: reasonToSkip('embedded') }, async () => {
  await using folder = await temporaryFolder();
  const launcher = fileURLToPath(new URL('../../bin/heddle.js', import.meta.url));
  // In a user namespace of its own the limit is for what runs there alone.
  const script = 'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"';
  const forbidden = ['--user', '--map-root-user', 'sh', '-c', script, 'sh', process.execPath, launcher];
  const up = ['up', example('hello'), '--gateway-port', '0', '--state-dir', `${folder.path}/state`];
  await using asked = await startProcess({ command: 'unshare', args: [...forbidden, ...up, '--network', 'netns'] });
  assert.equal((await asked.exited).code, 2);
  assert.match(asked.output(), /namespaces/);
  await using running = await startProcess({ command: 'unshare', args: [...forbidden, ...up], stopTimeoutMs: 15_000 });
  await running.waitForLine(/^network +loopback: .*namespaces/);
  const [, port] = await running.waitForLine(/^gateway +http:\/\/127\.0\.0\.1:(\d+)/, 60_000);
  await running.waitForLine(/^ready/, 60_000);
  assert.equal((await httpCall({ port: Number(port), headers: { host: 'hello.example.com' } })).status, 200);
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
