import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonpath } from '#cli/jsonpath.ts';

const value = {
  items: [{ metadata: { name: 'a', labels: { 'app.kubernetes.io/name': 'x' } }, ports: [{ port: 1 }, { port: 2 }] }, { metadata: { name: 'b' } }],
};

test('what scripts write is read as kubectl reads it', () => {
  for (const [template, text] of [
    ['{.items[0].metadata.name}', 'a'],
    ['{.items[-1].metadata.name}', 'b'],
    ['{.items[*].metadata.name}', 'a b'],
    ['{range .items[*]}{.metadata.name}{"\\n"}{end}', 'a\nb\n'],
    ["{.items[0].metadata.labels['app.kubernetes.io/name']}", 'x'],
    ['{.items[0].metadata.labels.app\\.kubernetes\\.io/name}', 'x'],
    ['port {.items[0].ports[1].port}!', 'port 2!'],
    ['{.items[0].ports[0]}', '{"port":1}'],
    ['{.nothing.here}', ''],
  ] as const) {
    assert.deepEqual(jsonpath(template, value), { ok: true, value: text }, template);
  }
});

test('what cannot be read is named', () => {
  assert.ok(!jsonpath('{.items[', value).ok);
  assert.ok(!jsonpath('{.items[?(@.a==1)]}', value).ok);
});
