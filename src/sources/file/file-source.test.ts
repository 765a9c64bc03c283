import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '#base/clock.ts';
import { openFileSource } from '#sources/file/file-source.ts';
import type { SnapshotSource } from '#sources/snapshot.ts';
import { changeOf, snapshotSourceContract } from '#sources/snapshot-source.contract.ts';

type Folder = AsyncDisposable & { readonly path: string; readonly write: (name: string, text: string) => Promise<void> };

async function folderWith(files: Readonly<Record<string, string>>): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'heddle-files-'));
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(join(path, name, '..'), { recursive: true });
    await writeFile(join(path, name), text);
  };
  for (const [name, text] of Object.entries(files)) await write(name, text);
  return { path, write, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function configMap(name: string, value = 'one'): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: ${value}\n`;
}

const open = (path: string, watch = true) => openFileSource({ paths: [path], clock: systemClock, watch });

function valueOf(source: SnapshotSource, name: string): string | undefined {
  return source.current().resources.ConfigMap.get(`default/${name}`)?.data?.['value'];
}

/** Waits for the snapshot in which `holds`; the folder and its file may come in two. */
async function until(source: SnapshotSource, holds: () => boolean): Promise<void> {
  while (!holds()) await changeOf(source, () => {});
}

/** Diagnostics as `code file:line:col` with the file relative to the folder. */
function findings(source: SnapshotSource, folder: string): readonly string[] {
  return source.current().diagnostics.map(({ code, at }) => `${code} ${at?.file.slice(folder.length + 1)}:${at?.line}:${at?.col}`);
}

snapshotSourceContract('file source', async () => {
  const folder = await folderWith({ 'first.yaml': configMap('first'), 'second.yaml': configMap('second') });
  const source = await open(folder.path);
  return {
    source,
    put: (name, value) => folder.write(`${name}.yaml`, configMap(name, value)),
    remove: (name) => rm(join(folder.path, `${name}.yaml`)),
    [Symbol.asyncDispose]: async () => {
      await source[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});

test('which files of a folder are read', async () => {
  await using folder = await folderWith({
    'a.yaml': configMap('a'),
    'b.yml': configMap('b'),
    'c.json': JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } }),
    'deep/er/d.yaml': configMap('d'),
    'notes.txt': 'not yaml: [',
    '.hidden/e.yaml': configMap('e'),
    'heddle.yaml': 'images: {}',
    'kustomization.yaml': 'resources: []',
    'other-mesh/heddle.yaml': 'images: {}',
    'other-mesh/f.yaml': configMap('f'),
  });
  await using source = await open(folder.path, false);
  assert.deepEqual([...source.current().resources.ConfigMap.keys()], ['default/a', 'default/b', 'default/c', 'default/d']);
  assert.deepEqual(findings(source, folder.path), ['HDL0008 kustomization.yaml:0:0']);
  await using other = await open(join(folder.path, 'other-mesh'), false);
  assert.deepEqual([...other.current().resources.ConfigMap.keys()], ['default/f']);
});

test('a path that is not there is a diagnostic, and comes into force when it appears', async () => {
  await using folder = await folderWith({});
  const path = join(folder.path, 'later.yaml');
  await using source = await open(path);
  assert.deepEqual(findings(source, folder.path), ['HDL0002 later.yaml:0:0']);
  await changeOf(source, () => writeFile(path, configMap('late')));
  assert.equal(valueOf(source, 'late'), 'one');
  assert.deepEqual(source.current().diagnostics, []);
});

test('a file that stops parsing keeps its last good version in force and says where', async () => {
  await using folder = await folderWith({ 'a.yaml': `${configMap('first')}---\n${configMap('second')}` });
  await using source = await open(folder.path);
  const before = source.current();
  const broken = await changeOf(source, () => folder.write('a.yaml', `${configMap('first', 'two')}---\napiVersion: v1\nkind: "ConfigMap\n`));
  assert.equal(valueOf(source, 'first'), 'one');
  assert.equal(valueOf(source, 'second'), 'one');
  assert.equal(broken.resources.ConfigMap, before.resources.ConfigMap);
  assert.equal(broken.changed.size, 0);
  assert.match(findings(source, folder.path).join(), /^HDL0001 a\.yaml:(?:9|10):\d+$/);
  await changeOf(source, () => folder.write('a.yaml', configMap('first', 'three')));
  assert.equal(valueOf(source, 'first'), 'three');
  assert.equal(valueOf(source, 'second'), undefined);
  assert.deepEqual(source.current().diagnostics, []);
});

test('an invalid resource keeps its own last good version; its neighbours move on', async () => {
  await using folder = await folderWith({ 'a.yaml': `${configMap('first')}---\n${configMap('second')}` });
  await using source = await open(folder.path);
  await changeOf(source, () => folder.write('a.yaml', `${configMap('first', 'two')}---\n${configMap('second', '[a, list]')}`));
  assert.equal(valueOf(source, 'first'), 'two');
  assert.equal(valueOf(source, 'second'), 'one');
  const [diagnostic] = source.current().diagnostics;
  assert.equal(diagnostic?.code, 'HDL0011');
  assert.equal(diagnostic?.at?.line, 13);
  assert.match(diagnostic?.related?.[0]?.message ?? '', /last valid version of ConfigMap default\/second stays in force/);
});

function policy(spec: string): string {
  return `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: p, namespace: shop }\nspec: ${spec}\n`;
}

test('a policy that was never right closes what it is for; once it was right, its last good version stays', async () => {
  const selector = '{ matchLabels: { app: a } }';
  await using folder = await folderWith({ 'a.yaml': policy(`{ selector: ${selector}, action: DENY, rulez: [] }`) });
  await using source = await open(folder.path);
  const spec = () => source.current().resources.AuthorizationPolicy.get('shop/p')?.spec;
  assert.deepEqual(spec(), { selector: { matchLabels: { app: 'a' } }, action: 'DENY', rules: [{}] });
  assert.match(source.current().diagnostics[0]?.related?.[0]?.message ?? '', /whatever goes to the workloads that it is for is denied/);
  // Not what it stood in for before, but whom it is for now.
  await changeOf(source, () => folder.write('a.yaml', policy(`{ selector: { matchLabels: [] }, action: ALLOW, rules: [{}] }`)));
  assert.deepEqual(spec(), { action: 'DENY', rules: [{}] });
  await changeOf(source, () => folder.write('a.yaml', policy(`{ selector: ${selector}, rules: [{}] }`)));
  assert.deepEqual(spec(), { selector: { matchLabels: { app: 'a' } }, rules: [{}] });
  await changeOf(source, () => folder.write('a.yaml', policy(`{ selector: ${selector}, rules: [{}, 5] }`)));
  assert.deepEqual(spec(), { selector: { matchLabels: { app: 'a' } }, rules: [{}] });
  assert.match(source.current().diagnostics[0]?.related?.[0]?.message ?? '', /last valid version of AuthorizationPolicy shop\/p stays/);
});

test('a policy that decides nothing closes nothing when it is wrong', async () => {
  await using folder = await folderWith({ 'a.yaml': policy('{ action: AUDIT, rulez: [] }') });
  await using source = await open(folder.path, false);
  assert.equal(source.current().resources.AuthorizationPolicy.size, 0);
});

test('an invalid resource without a good version is left out, and everything else is kept', async () => {
  await using folder = await folderWith({ 'a.yaml': `${configMap('first')}---\n${configMap('second', '[a, list]')}---\nkind: "x\n` });
  await using source = await open(folder.path, false);
  assert.deepEqual([...source.current().resources.ConfigMap.keys()], ['default/first']);
  assert.deepEqual(
    source
      .current()
      .diagnostics.map(({ code }) => code)
      .sort(),
    ['HDL0001', 'HDL0011'],
  );
});

test('of two definitions the first is in force and both places are named', async () => {
  await using folder = await folderWith({ 'b.yaml': configMap('same', 'from-b'), 'a.yaml': configMap('same', 'from-a') });
  await using source = await open(folder.path);
  assert.equal(valueOf(source, 'same'), 'from-a');
  const [diagnostic] = source.current().diagnostics;
  assert.deepEqual(findings(source, folder.path), ['HDL0007 b.yaml:4:3']);
  assert.equal(diagnostic?.related?.[0]?.at.file, join(folder.path, 'a.yaml'));
  await changeOf(source, () => rm(join(folder.path, 'a.yaml')));
  assert.equal(valueOf(source, 'same'), 'from-b');
  assert.deepEqual(source.current().diagnostics, []);
});

test('an editor that saves by renaming, and a file in a new folder', async () => {
  await using folder = await folderWith({ 'a.yaml': configMap('first') });
  await using source = await open(folder.path);
  await changeOf(source, async () => {
    await folder.write('.a.yaml.swp', configMap('first', 'two'));
    await rename(join(folder.path, '.a.yaml.swp'), join(folder.path, 'a.yaml'));
  });
  assert.equal(valueOf(source, 'first'), 'two');
  await changeOf(source, () => folder.write('new/b.yaml', configMap('second')));
  assert.equal(valueOf(source, 'second'), 'one');
  await changeOf(source, () => folder.write('new/b.yaml', configMap('second', 'two')));
  assert.equal(valueOf(source, 'second'), 'two');
});

test('a folder that is removed and made again is still watched', async () => {
  await using folder = await folderWith({ 'sub/a.yaml': configMap('first') });
  await using source = await open(folder.path);
  await changeOf(source, () => rm(join(folder.path, 'sub'), { recursive: true }));
  assert.equal(valueOf(source, 'first'), undefined);
  await changeOf(source, () => folder.write('sub/a.yaml', configMap('first', 'two')));
  await changeOf(source, () => folder.write('sub/a.yaml', configMap('first', 'three')));
  assert.equal(valueOf(source, 'first'), 'three');
});

test('a burst of writes becomes one snapshot', async () => {
  await using folder = await folderWith({ 'a.yaml': configMap('first') });
  await using source = await openFileSource({ paths: [folder.path], clock: systemClock, watch: true, quietMs: 300, latestMs: 5000 });
  let snapshots = 0;
  source.onChange(() => snapshots++);
  const after = await changeOf(source, async () => {
    for (let index = 0; index < 20; index++) await folder.write(`f${index % 5}.yaml`, configMap(`many-${index % 5}`, `v${index}`));
  });
  assert.equal(after.changed.size, 5);
  assert.equal(snapshots, 1);
});

test('a file that is emptied on the way to being written never empties the mesh', async () => {
  await using folder = await folderWith({ 'a.yaml': configMap('first') });
  await using source = await openFileSource({ paths: [folder.path], clock: systemClock, watch: true, quietMs: 1, doubtMs: 60 });
  const values: (string | undefined)[] = [];
  source.onChange(() => values.push(valueOf(source, 'first')));
  await folder.write('a.yaml', '');
  await folder.write('a.yaml', '\n');
  await changeOf(source, () => folder.write('a.yaml', configMap('first', 'two')));
  await changeOf(source, () => folder.write('a.yaml', ''));
  assert.deepEqual(values, ['two', undefined]);
});

test('a text that is cut between two documents never drops the policies behind the cut', async () => {
  const whole = `${configMap('first')}---\n${policy('{ rules: [{}] }')}`;
  await using folder = await folderWith({ 'a.yaml': whole, 'mark.yaml': configMap('mark', '0') });
  await using source = await openFileSource({ paths: [folder.path], clock: systemClock, watch: true, quietMs: 1, doubtMs: 1_000_000 });
  /** What is in force when all that was written before has been read. */
  const settled = async (mark: string): Promise<readonly unknown[]> => {
    await folder.write('mark.yaml', configMap('mark', mark));
    await until(source, () => valueOf(source, 'mark') === mark);
    return [valueOf(source, 'first'), source.current().resources.AuthorizationPolicy.has('shop/p')];
  };
  const cuts = [configMap('first', 'two'), `${configMap('first', 'two')}---\n`, '', policy('{ rules: [{}] }').replace('name: p', 'name: q')];
  for (const [index, cut] of cuts.entries()) {
    await folder.write('a.yaml', cut);
    assert.deepEqual(await settled(`cut-${index}`), ['one', true], cut);
  }
  await rm(join(folder.path, 'a.yaml'));
  assert.deepEqual(await settled('gone'), ['one', true]);
  await changeOf(source, () => folder.write('a.yaml', whole.replace('one', 'three')));
  assert.deepEqual(await settled('whole'), ['three', true]);
});

test('a policy that is taken out of its file, or goes with it, is gone when that stays so for a while', async () => {
  const whole = `${configMap('first')}---\n${policy('{ rules: [{}] }')}`;
  await using folder = await folderWith({ 'a.yaml': whole });
  await using source = await openFileSource({ paths: [folder.path], clock: systemClock, watch: true, quietMs: 1, doubtMs: 30 });
  const isGuarded = (): boolean => source.current().resources.AuthorizationPolicy.has('shop/p');
  await changeOf(source, () => folder.write('a.yaml', configMap('first', 'two')));
  assert.deepEqual([valueOf(source, 'first'), isGuarded()], ['two', false]);
  await changeOf(source, () => folder.write('a.yaml', whole));
  assert.ok(isGuarded());
  await changeOf(source, () => rm(join(folder.path, 'a.yaml')));
  assert.deepEqual([valueOf(source, 'first'), isGuarded()], [undefined, false]);
});

test('a policy that moves to another file is not doubted', async () => {
  await using folder = await folderWith({ 'a.yaml': `${configMap('first')}---\n${policy('{ rules: [{}] }')}` });
  await using source = await openFileSource({ paths: [folder.path], clock: systemClock, watch: true, quietMs: 20, doubtMs: 1_000_000 });
  await changeOf(source, async () => {
    await folder.write('b.yaml', policy('{ rules: [{}] }'));
    await folder.write('a.yaml', configMap('first', 'two'));
  });
  assert.equal(valueOf(source, 'first'), 'two');
  await changeOf(source, () => rename(join(folder.path, 'b.yaml'), join(folder.path, 'c.yaml')));
  assert.equal(source.current().resources.AuthorizationPolicy.get('shop/p')?.origins.start.file, join(folder.path, 'c.yaml'));
  assert.deepEqual(source.current().diagnostics, []);
});

test('a policy whose kind becomes misspelt keeps its last good version in force', async () => {
  await using folder = await folderWith({ 'a.yaml': policy('{ rules: [{}] }') });
  await using source = await open(folder.path);
  await changeOf(source, () => folder.write('a.yaml', policy('{ action: DENY }').replace('AuthorizationPolicy', 'AuthorizationPolcy')));
  assert.deepEqual(source.current().resources.AuthorizationPolicy.get('shop/p')?.spec, { rules: [{}] });
  assert.match(source.current().diagnostics[0]?.related?.[0]?.message ?? '', /last valid version of AuthorizationPolicy shop\/p stays/);
});

test('a path that is asked for and goes away keeps what it said, until it is back', async () => {
  await using folder = await folderWith({ 'mesh/a.yaml': configMap('first') });
  await using source = await open(join(folder.path, 'mesh'));
  await changeOf(source, () => rm(join(folder.path, 'mesh'), { recursive: true }));
  assert.equal(valueOf(source, 'first'), 'one');
  assert.deepEqual(findings(source, folder.path), ['HDL0002 mesh:0:0']);
  await folder.write('mesh/a.yaml', configMap('first', 'two'));
  await until(source, () => valueOf(source, 'first') === 'two');
  assert.deepEqual(findings(source, folder.path), []);
  await changeOf(source, () => folder.write('mesh/a.yaml', configMap('first', 'three')));
  assert.equal(valueOf(source, 'first'), 'three');
});

test('paths are compared in one form, however they are written', async () => {
  await using folder = await folderWith({ 'a.yaml': configMap('first') });
  await using source = await open(`${folder.path}/.//a.yaml`);
  await changeOf(source, () => folder.write('a.yaml', configMap('first', 'two')));
  assert.equal(valueOf(source, 'first'), 'two');
  await using twice = await openFileSource({ paths: [`${folder.path}/`, join(folder.path, 'a.yaml')], clock: systemClock, watch: false });
  assert.deepEqual(twice.current().diagnostics, []);
});

test('a change of an env file acts as a change of the compose file that names it', async () => {
  await using folder = await folderWith({
    'compose.yaml': 'services: { app: { image: app, command: run, env_file: [settings/app.env, .env] } }\n',
    'settings/app.env': 'LEVEL=info\n',
    '.env': 'PLACE=here\n',
  });
  await using source = await open(join(folder.path, 'compose.yaml'));
  const variables = () =>
    source
      .current()
      .resources.Deployment.get('default/app')
      ?.spec.template.spec.containers[0]?.env?.map(({ name, value }) => `${name}=${value}`)
      .join(' ');
  assert.equal(variables(), 'LEVEL=info PLACE=here');
  await folder.write('settings/app.env', 'LEVEL=debug\n');
  await until(source, () => variables() === 'LEVEL=debug PLACE=here');
  await folder.write('.env', 'PLACE=there\n');
  await until(source, () => variables() === 'LEVEL=debug PLACE=there');
});
