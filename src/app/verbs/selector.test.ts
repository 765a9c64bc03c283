import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSelector } from '#app/verbs/selector.ts';

const labels = { app: 'reviews', version: 'v2', 'app.kubernetes.io/name': 'reviews' };

test('labels are chosen as kubectl chooses them', () => {
  for (const [text, fits] of [
    ['app=reviews', true],
    ['app==reviews,version!=v1', true],
    ['app=reviews,version=v1', false],
    ['version in (v1, v2),app', true],
    ['version notin (v2)', false],
    ['tier notin (x)', true],
    ['!app', false],
    ['!tier', true],
    ['tier!=x', true],
    ['app.kubernetes.io/name=reviews', true],
  ] as const) {
    const read = readSelector(text);
    assert.ok(read.ok, text);
    assert.equal(read.value(labels), fits, text);
  }
});

test('what cannot be read is named', () => {
  assert.deepEqual(readSelector('app=a,version ~ v1'), { ok: false, error: 'version ~ v1' });
});
