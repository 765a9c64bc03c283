// Redirected connections, in and out, in real network namespaces: each check of capture-checks.ts on both data planes. The stage runs in an outer namespace
// of its own, as an ordinary user may have one.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checks } from '#test/netns/capture-checks.ts';
import { netnsTest } from '#test/netns/netns-test.ts';
import { envoyTest, findEnvoy } from '#test/support/envoy.ts';
import { startProcess } from '#test/support/start-process.ts';

netnsTest('pods in namespaces, their connections captured: embedded proxy', (outer, context) => run(outer, context, []));

const envoy = findEnvoy();
if (envoy === undefined) envoyTest('pods in namespaces, their connections captured: Envoy', () => {});
else netnsTest('pods in namespaces, their connections captured: Envoy', (outer, context) => run(outer, context, [envoy]));

type Line = { readonly name: string; readonly error?: string };

async function run(outer: readonly string[], context: TestContext, args: readonly string[]): Promise<void> {
  const stage = fileURLToPath(new URL('./capture-stage.ts', import.meta.url));
  const [command = '', ...words] = outer;
  await using running = await startProcess({ command, args: [...words, process.execPath, stage, ...args] });
  const { code } = await running.exited;
  const lines = running
    .stdout()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    // What the stage prints.
    .map((line) => JSON.parse(line) as Line);
  assert.equal(code, 0, running.output());
  assert.deepEqual(
    lines.map(({ name }) => name),
    checks.map(([name]) => name),
  );
  for (const { name, error } of lines) await context.test(name, () => assert.equal(error, undefined));
}
