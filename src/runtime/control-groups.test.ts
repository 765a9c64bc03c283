// What is written into control groups, in a folder that looks like the kernel's; and a live one where this machine has version 2 with its controllers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ContainerLimits } from '#runtime/container-limits.ts';
import { ControlGroups, containerLimits } from '#runtime/control-groups.ts';
import type { RuntimeEvent } from '#runtime/event.ts';
import { readQuantity } from '#runtime/quantity.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

test('quantities as Kubernetes writes them', () => {
  const read: readonly (readonly [string | number, number | undefined])[] = [
    ['500m', 0.5],
    [2, 2],
    ['0.25', 0.25],
    ['128Mi', 134_217_728],
    ['1G', 1e9],
    ['1e3', 1000],
    ['12E', 12e18],
    ['64k', 64_000],
    ['100K', undefined],
    ['much', undefined],
  ];
  for (const [text, expected] of read) assert.equal(readQuantity(text), expected, String(text));
  assert.deepEqual(containerLimits({ resources: { limits: { cpu: '250m', memory: '64Mi' } } }), { cpus: 0.25, memoryBytes: 67_108_864 });
  assert.deepEqual(containerLimits({ resources: { requests: { cpu: 1 } } }), {});
});

const spec = { command: 'app', args: ['-x'], cwd: '/', env: {}, logFile: '' };

function looksLikeGroup(folder: string, handedOut: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries({ 'cgroup.controllers': 'cpu memory', 'cgroup.subtree_control': handedOut, 'cgroup.procs': '' })) {
    writeFileSync(join(folder, file), text);
  }
}

test('limits are written into a group beside ours, and the process enters it before anything else', async () => {
  await using folder = await temporaryFolder({});
  looksLikeGroup(folder.path, '');
  looksLikeGroup(join(folder.path, 'user/session'), 'cpu memory pids');
  looksLikeGroup(join(folder.path, 'user/session/terminal'), '');
  // The group of a start whose process is gone.
  mkdirSync(join(folder.path, 'user/session/heddle-4194304/left'), { recursive: true });
  const opened = ControlGroups.open({ mount: folder.path, own: '/user/session/terminal', pid: 77 });
  assert.ok(opened.ok, opened.ok ? '' : opened.error);
  const session = join(folder.path, 'user/session');
  assert.deepEqual(
    readdirSync(session, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort(),
    ['heddle-77', 'terminal'],
  );
  const made = opened.value.make('default/web.main.0', { cpus: 0.5, memoryBytes: 1_000_000 });
  assert.ok(made.ok);
  const group = join(session, 'heddle-77/default.web.main.0');
  const text = (file: string): string => readFileSync(join(group, file), 'utf8');
  assert.deepEqual([text('cpu.max'), text('memory.max'), text('memory.oom.group')], ['50000 100000', '1000000', '1']);
  assert.equal(readFileSync(join(session, 'heddle-77/cgroup.subtree_control'), 'utf8'), '+cpu +memory');
  const entered = made.value.enter({ ...spec, command: 'cat', args: [join(group, 'cgroup.procs')] });
  assert.equal(execFileSync(entered.command, entered.args, { encoding: 'utf8' }), '0\n');
  assert.equal(made.value.outOfMemory(), 0);
  writeFileSync(join(group, 'memory.events'), 'low 0\noom 3\noom_kill 2\n');
  assert.equal(made.value.outOfMemory(), 2);
});

test('where nothing can be limited that is told once, and containers run', async () => {
  await using folder = await temporaryFolder({});
  const none = ControlGroups.open({ mount: folder.path, own: '/', pid: 77 });
  assert.match(none.ok ? '' : none.error, /no control groups of version 2/);
  looksLikeGroup(folder.path, 'pids');
  const forbidden = ControlGroups.open({ mount: folder.path, own: '/', pid: 77 });
  assert.match(forbidden.ok ? '' : forbidden.error, /may not make control groups/);
  const events: RuntimeEvent[] = [];
  const limits = new ContainerLimits(
    (event) => events.push(event),
    () => forbidden,
  );
  const container = { name: 'main', resources: { limits: { memory: '1Mi' } } };
  assert.equal(limits.groupOf({ name: 'main' }, 'default/a', 0), undefined);
  assert.equal(limits.groupOf(container, 'default/a', 0), undefined);
  assert.equal(limits.groupOf(container, 'default/b', 0), undefined);
  assert.deepEqual(
    events.map((event) => event.kind === 'notice' && event.message),
    [`limits of CPU and memory have no effect here: ${forbidden.ok ? '' : forbidden.error}`],
  );
});

const live = ControlGroups.open();

test('a process in a live group has its limits', { skip: live.ok ? false : `needs control groups: ${live.error}` }, () => {
  assert.ok(live.ok);
  using groups = live.value;
  const made = groups.make('test', { cpus: 0.5, memoryBytes: 67_108_864 });
  assert.ok(made.ok, made.ok ? '' : made.error);
  const entered = made.value.enter({ ...spec, command: 'cat', args: ['/proc/self/cgroup'] });
  assert.match(execFileSync(entered.command, entered.args, { encoding: 'utf8' }), /heddle-\d+\/test/);
  made.value.remove();
});
