// Where redirected connections wanted to go, told by the kernel itself: addresses of both families, and the port, exactly.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { netnsTest } from '#test/netns/netns-test.ts';
import { startProcess } from '#test/support/start-process.ts';

netnsTest('the destination of a redirected connection is what its client called', async (outer) => {
  const [command = '', ...args] = outer;
  const stage = fileURLToPath(new URL('./destination-stage.ts', import.meta.url));
  await using running = await startProcess({ command, args: [...args, process.execPath, stage] });
  const { code } = await running.exited;
  assert.equal(code, 0, running.output());
  assert.equal(running.stderr(), '', 'no warning of the module that makes the call');
  // What the stage prints.
  const lines = running
    .stdout()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly call: string; readonly found: unknown });
  assert.equal(lines.length, 7);
  for (const { call, found } of lines) {
    const [, address, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(call) ?? [];
    assert.deepEqual(found, { address, port: Number(port), restored: true }, call);
  }
});
