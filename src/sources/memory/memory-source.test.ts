import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyResource } from '#api/kinds.ts';
import { madeResource } from '#api/made-resource.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { snapshotSourceContract } from '#sources/snapshot-source.contract.ts';

function configMap(name: string, value: string): AnyResource {
  return madeResource('ConfigMap', { name, namespace: 'default' }, { data: { value } }, { file: 'memory', line: 0, col: 0 });
}

snapshotSourceContract('memory source', async () => {
  const source = new MemorySource([configMap('first', 'one'), configMap('second', 'one')]);
  return {
    source,
    put: async (name, value) => source.upsert(configMap(name, value)),
    remove: async (name) => source.remove(`ConfigMap/default/${name}`),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
});

test('several changes at once are one snapshot, and no change is none', async () => {
  await using source = new MemorySource([configMap('first', 'one')]);
  const seen: string[][] = [];
  source.onChange(({ changed }) => seen.push([...changed].sort()));
  source.apply({ upsert: [configMap('second', 'one'), configMap('third', 'one')], remove: ['ConfigMap/default/first'] });
  source.remove('ConfigMap/default/unknown');
  assert.deepEqual(seen, [['ConfigMap/default/first', 'ConfigMap/default/second', 'ConfigMap/default/third']]);
});

test('diagnostics are told like changes', async () => {
  await using source = new MemorySource();
  let told = 0;
  source.onChange(() => told++);
  source.setDiagnostics([{ code: 'HDL0001', severity: 'error', message: 'broken' }]);
  assert.equal(source.current().diagnostics.length, 1);
  source.setDiagnostics([]);
  assert.equal(source.current().diagnostics.length, 0);
  assert.equal(told, 2);
});
