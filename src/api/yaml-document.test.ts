import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml, type YamlDocument } from '#api/yaml-document.ts';

function only(text: string): YamlDocument {
  const [document, ...more] = parseYaml(text);
  assert.equal(more.length, 0);
  assert.ok(document);
  return document;
}

test('scalars are read as Kubernetes reads them: YAML 1.1 without times', () => {
  const text = `
yes: yes
off: off
octal: 012
hex: 0x1F
underscores: 1_000
exponent: 1e3
zone: e1
here: .
time: 12:30
date: 2001-01-01
version: "1.10"
number: 1.10
nothing: ~
empty:
merged: {<<: {a: 1, b: 1}, b: 2}
80: port
`;
  assert.deepEqual(only(text).value, {
    true: true,
    false: false,
    octal: 10,
    hex: 31,
    underscores: 1000,
    exponent: 1000,
    zone: 'e1',
    here: '.',
    time: '12:30',
    date: '2001-01-01',
    version: '1.10',
    number: 1.1,
    merged: { a: 1, b: 2 },
    80: 'port',
  });
});

test('places: keys, values, items, and the nearest ancestor of what is not written', () => {
  const document = only('spec:\n  http:\n    - name: a\n      route:\n        - weight: "x"\n    -   name: b\n');
  assert.deepEqual(document.start, { line: 1, col: 1 });
  assert.deepEqual(document.place(['spec', 'http']), { line: 2, col: 3 });
  assert.deepEqual(document.place(['spec', 'http', 0, 'route', 0, 'weight']), { line: 5, col: 11 });
  assert.deepEqual(document.place(['spec', 'http', 0, 'route', 0, 'weight'], 'value'), { line: 5, col: 19 });
  assert.deepEqual(document.place(['spec', 'http', 1]), { line: 6, col: 9 });
  assert.deepEqual(document.place(['spec', 'http', 1, 'route', 0, 'weight']), { line: 6, col: 9 });
  assert.deepEqual(document.place(['spec', 'http', 7]), { line: 2, col: 3 });
  assert.deepEqual(document.place(['status', 'x']), { line: 1, col: 1 });
});

test('a place behind an alias or a merge is where it was written', () => {
  const document = only('labels: &l\n  app: hello\ntemplate:\n  labels: *l\nmerged:\n  <<: *l\n  own: x\n');
  assert.deepEqual(document.place(['template', 'labels', 'app']), { line: 2, col: 3 });
  assert.deepEqual(document.place(['merged', 'app']), { line: 2, col: 3 });
  assert.deepEqual(document.place(['merged', 'own']), { line: 7, col: 3 });
  assert.deepEqual(document.value, { labels: { app: 'hello' }, template: { labels: { app: 'hello' } }, merged: { app: 'hello', own: 'x' } });
});

test('JSON is read with places too, tabs and all', () => {
  const document = only('{\n\t"a": [\n\t\t1,\n\t\t{"b": null, "c": true}\n\t]\n}\n');
  assert.deepEqual(document.value, { a: [1, { c: true }] });
  assert.deepEqual(document.place(['a', 1, 'c']), { line: 4, col: 15 });
});

test('syntax errors have places and one line of text', () => {
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ['a: 1\na: 2\n', 2, /unique/i],
    ['a: [1, 2\nb: 3\n', 2, /./],
    ['a:\n\tb: 1\n', 2, /tab/i],
    ['a: *unknown\n', 1, /unknown/],
    ['a: .inf\n', 1, /infinity/],
    ['a: {? [x]: y}\n', 1, /plain word/],
  ];
  for (const [text, line, message] of cases) {
    const document = only(text);
    assert.ok(document.errors.length > 0, text);
    assert.equal(document.errors[0]?.line, line, text);
    assert.match(document.errors[0]?.message ?? '', message, text);
    assert.doesNotMatch(document.errors[0]?.message ?? '', /\n/);
  }
});

test('aliases cannot blow up the memory, nor run in circles', () => {
  const bomb = [
    'a0: &a0 [x, x, x, x, x, x, x, x, x, x]',
    ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]`),
  ];
  assert.match(only(`${bomb.join('\n')}\n`).errors[0]?.message ?? '', /too many values/);
  assert.ok(only('a: &a\n  b: *a\n').errors.length > 0);
});

test('empty documents are left out, and values cannot be changed', () => {
  assert.equal(parseYaml('---\n# nothing\n---\na: {b: [1]}\n---\n').length, 1);
  const { value } = only('a: {b: [1]}\n');
  assert.throws(() => Object.assign(value as object, { c: 1 }));
});

test('a key named __proto__ is a key', () => {
  const { value } = only('__proto__: {polluted: true}\n');
  assert.ok(Object.hasOwn(value as object, '__proto__'));
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});
