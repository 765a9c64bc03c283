// What cannot work is said before anything starts, with what to do about it; and nothing is left running.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { example, startUp } from '#test/scenario/up.ts';
import { freePort } from '#test/support/free-port.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const podWith = (container: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: app, labels: { app: app } }
spec:
  containers:
    - ${container}
`;

type Outcome = { readonly code: number | null; readonly output: string };

async function runHeddle(args: readonly string[], files: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  await using folder = await temporaryFolder(files);
  const run = await startHeddle(args, { cwd: folder.path });
  const { code } = await run.exited;
  return { code, output: run.output() };
}

test('an image that no heddle.yaml knows is an error with its place and the lines to add', async () => {
  const { code, output } = await runHeddle(['up', 'mesh'], { 'mesh/app.yaml': podWith('{ name: app, image: "shop:2.1" }') });
  assert.equal(code, 1);
  assert.match(output, /mesh\/app\.yaml:7:\d+: error \[HDL0402\] no local command is known for the image shop:2\.1/);
  assert.match(output, /add to mesh\/heddle\.yaml/);
  assert.match(output, /images:\n\s+"shop:2\.1":\n\s+command: \[program, argument\]/);
});

test('a container with neither image nor command is an error', async () => {
  const { code, output } = await runHeddle(['up', 'app.yaml'], { 'app.yaml': podWith('{ name: app }') });
  assert.equal(code, 1);
  assert.match(output, /app\.yaml:7:\d+: error \[HDL0402\] container app has neither an image nor a command/);
});

test('a mistake in heddle.yaml is named with its place', async () => {
  const files = { 'app.yaml': podWith('{ name: app, image: "shop:2.1" }'), 'heddle.yaml': 'images:\n  "shop:2.1":\n    comand: [node]\n' };
  const { code, output } = await runHeddle(['up', '.'], files);
  assert.equal(code, 1);
  assert.match(output, /heddle\.yaml:3:5: error \[HDL0401\] unknown field comand\n\s+fix: did you mean command\?/);
});

test('a gateway port that is taken is an error that names it, its holder and the way out', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const { code, output } = await runHeddle(['up', example('hello'), '--gateway-port', String(port)]);
    assert.equal(code, 2);
    assert.match(output, new RegExp(`port ${port}, for the gateway, is taken`));
    if (process.platform === 'linux') assert.match(output, new RegExp(`by \\S+ \\(pid ${process.pid}\\)`));
    assert.match(output, /--gateway-port 0 takes any free port/);
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
});

test('a path that is not there, and a folder with nothing to run, are usage errors', async () => {
  const missing = await runHeddle(['up', 'no-such-folder']);
  assert.equal(missing.code, 2);
  assert.match(missing.output, /there is no file or folder no-such-folder\n\s+an example to begin with: heddle up /);
  const empty = await runHeddle(['up']);
  assert.equal(empty.code, 2);
  assert.match(empty.output, /there is nothing to run/);
});

test('--proxies shared with Envoy is a usage error', async () => {
  const { code, output } = await runHeddle(['up', example('hello'), '--proxies', 'shared', '--data-plane', 'envoy']);
  assert.equal(code, 2);
  assert.match(
    output,
    /--proxies shared is about embedded proxies: each Envoy is a process\n\s+leave out one of --proxies shared and --data-plane envoy/,
  );
});

test('a state folder among the YAML files is refused', async () => {
  const files = { 'mesh/app.yaml': podWith('{ name: app, command: [node] }') };
  const { code, output } = await runHeddle(['up', 'mesh', '--state-dir', 'mesh/state'], files);
  assert.equal(code, 2);
  assert.match(output, /the state folder mesh\/state lies in mesh/);
});

test('an application that wants a port which is taken is told to read PORT', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const script = `require('node:http').createServer().listen(${port}, '127.0.0.1')`;
  try {
    await using up = await startUp('embedded', {
      untilReady: false,
      files: { 'app.yaml': podWith(`{ name: app, command: [node, -e, "${script}"], ports: [{ containerPort: ${port} }] }`) },
    });
    const exited = await up.event('exited', ({ kind }) => kind === 'exited');
    assert.match(exited.hint ?? '', new RegExp(`Port ${port}, which it wants, is taken.*PORT`));
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
});

test('an application that listens on the port of its YAML instead of PORT is found out', async () => {
  const port = await freePort();
  const script = `require('node:http').createServer().listen(${port}, '127.0.0.1')`;
  const files = { 'app.yaml': podWith(`{ name: app, command: [node, -e, "${script}"], ports: [{ containerPort: ${port} }] }`) };
  await using up = await startUp('embedded', { untilReady: false, files });
  const waits = await up.event('waits', ({ kind }) => kind === 'mesh waits');
  assert.match(waits.waitingFor?.[0]?.hint ?? '', new RegExp(`nothing listens on port \\d+, and it listens on ${port}: .*PORT`));
});

test('a second mesh with the same state folder is refused', async () => {
  await using up = await startUp('embedded', { path: example('hello') });
  const second = await startHeddle(['up', example('hello'), '--gateway-port', '0', '--state-dir', `${up.folder.path}/state`]);
  const { code } = await second.exited;
  assert.equal(code, 2);
  assert.match(second.output(), /a mesh already runs with its state in .* \(pid \d+\)[\s\S]*--state-dir/);
});
