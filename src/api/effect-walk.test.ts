import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Effect, ineffectivePaths } from '#api/effect-walk.ts';
import { formatPath } from '#base/origin.ts';

test('each written field outside the table is named once, through lists and maps, and nothing below it', () => {
  const table: Effect = { spec: { rules: { to: 'all', when: { '*': { exact: 'all' } } }, name: 'all' } };
  const body = {
    spec: {
      name: { anything: [1] },
      rules: [{ to: { deep: 1 }, wait: { a: 1, b: 2 } }, { when: { x: { exact: 'a' }, y: { prefix: 'b' } } }],
      extra: [{ a: 1 }],
    },
  };
  assert.deepEqual(ineffectivePaths(body, table, []).map(formatPath), ['spec.rules[0].wait', 'spec.rules[1].when.y.prefix', 'spec.extra']);
  assert.deepEqual(ineffectivePaths(body, 'all', []), []);
});
