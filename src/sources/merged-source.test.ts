import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyResource } from '#api/kinds.ts';
import { madeResource } from '#api/made-resource.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { MergedSource } from '#sources/merged-source.ts';
import { snapshotSourceContract } from '#sources/snapshot-source.contract.ts';

function configMap(name: string, value: string): AnyResource {
  return madeResource('ConfigMap', { name, namespace: 'default' }, { data: { value } }, { file: 'memory', line: 0, col: 0 });
}

snapshotSourceContract('merged source', async () => {
  const first = new MemorySource([configMap('first', 'one')]);
  const second = new MemorySource([configMap('second', 'one')]);
  const source = new MergedSource([first, second]);
  const ownerOf = (name: string): MemorySource => (name === 'second' ? second : first);
  return {
    source,
    put: async (name, value) => ownerOf(name).upsert(configMap(name, value)),
    remove: async (name) => ownerOf(name).remove(`ConfigMap/default/${name}`),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
});

test('the later source covers the earlier one, which shows again when it leaves', async () => {
  const files = new MemorySource([configMap('shared', 'from files')]);
  const running = new MemorySource();
  await using source = new MergedSource([files, running]);
  const valueNow = (): string | undefined => source.current().resources.ConfigMap.get('default/shared')?.data?.['value'];
  running.upsert(configMap('shared', 'running'));
  assert.equal(valueNow(), 'running');
  const told: string[] = [];
  source.onChange(({ changed }) => told.push([...changed].join()));
  files.upsert(configMap('shared', 'edited below'));
  assert.equal(valueNow(), 'running');
  running.remove('ConfigMap/default/shared');
  assert.equal(valueNow(), 'edited below');
  assert.deepEqual(told, ['', 'ConfigMap/default/shared']);
});

test('diagnostics of all sources are there', async () => {
  const files = new MemorySource();
  files.setDiagnostics([{ code: 'HDL0001', severity: 'error', message: 'broken' }]);
  const running = new MemorySource();
  running.setDiagnostics([{ code: 'HDL0002', severity: 'error', message: 'missing' }]);
  await using source = new MergedSource([files, running]);
  assert.deepEqual(
    source.current().diagnostics.map(({ code }) => code),
    ['HDL0001', 'HDL0002'],
  );
});
