// What every source of snapshots must do, as tests: each source's own test calls this with a way to make it and to change it. Not part of the
// program; sources that cannot do a thing say so with a reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindNames } from '#api/kinds.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';

/** A source under test. `put` and `remove` change one ConfigMap of namespace `default`. */
export type SourceUnderTest = AsyncDisposable & {
  readonly source: SnapshotSource;
  readonly put: (name: string, value: string) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
};

/** Runs the contract. `open` starts with the ConfigMaps `first` and `second`, each with data `value: one`. */
export function snapshotSourceContract(name: string, open: () => Promise<SourceUnderTest>): void {
  test(`${name}: the first snapshot has everything and says that everything changed`, async () => {
    await using tested = await open();
    const { resources, changed } = tested.source.current();
    assert.deepEqual([...changed].sort(), ['ConfigMap/default/first', 'ConfigMap/default/second']);
    assert.deepEqual([...resources.ConfigMap.keys()].sort(), ['default/first', 'default/second']);
    for (const kind of kindNames()) assert.ok(resources[kind] instanceof Map, kind);
  });

  test(`${name}: a change gives one snapshot with exactly what changed, and all else is the same object`, async () => {
    await using tested = await open();
    const before = tested.source.current();
    const after = await changeOf(tested.source, () => tested.put('first', 'two'));
    assert.deepEqual([...after.changed], ['ConfigMap/default/first']);
    assert.equal(after.resources.ConfigMap.get('default/first')?.data?.['value'], 'two');
    assert.equal(after.resources.ConfigMap.get('default/second'), before.resources.ConfigMap.get('default/second'));
    assert.equal(after.resources.Pod, before.resources.Pod);
    assert.equal(tested.source.current(), after);
    assert.equal(before.resources.ConfigMap.get('default/first')?.data?.['value'], 'one', 'a snapshot never changes');
  });

  test(`${name}: resources come and go`, async () => {
    await using tested = await open();
    const added = await changeOf(tested.source, () => tested.put('third', 'one'));
    assert.deepEqual([...added.changed], ['ConfigMap/default/third']);
    const removed = await changeOf(tested.source, () => tested.remove('second'));
    assert.deepEqual([...removed.changed], ['ConfigMap/default/second']);
    assert.deepEqual([...removed.resources.ConfigMap.keys()].sort(), ['default/first', 'default/third']);
  });

  test(`${name}: who has left is not called any more`, async () => {
    await using tested = await open();
    let calls = 0;
    const leave = tested.source.onChange(() => calls++);
    await changeOf(tested.source, () => tested.put('first', 'two'));
    leave();
    await changeOf(tested.source, () => tested.put('first', 'three'));
    assert.equal(calls, 1);
  });
}

/** The next snapshot after `change`. Fails when none comes within five seconds. */
export async function changeOf(source: SnapshotSource, change: () => Promise<void> | void): Promise<Snapshot> {
  const { promise, resolve, reject } = Promise.withResolvers<Snapshot>();
  const leave = source.onChange(resolve);
  const deadline = setTimeout(() => reject(new Error('no snapshot within 5 s')), 5000);
  try {
    await change();
    return await promise;
  } finally {
    clearTimeout(deadline);
    leave();
  }
}
