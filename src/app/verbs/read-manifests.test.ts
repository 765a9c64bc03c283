// What `apply -f` reads: lists, namespaces, and mistakes with their lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml } from '#api/yaml-document.ts';
import { textOf } from '#app/verbs/applied-resources.ts';
import { readManifests } from '#app/verbs/read-manifests.ts';

const map = (name: string, namespace = ''): string =>
  `{ apiVersion: v1, kind: ConfigMap, metadata: { name: ${name}${namespace === '' ? '' : `, namespace: ${namespace}`} }, data: { "on": "yes", "012": "012" } }`;

function read(text: string, namespace?: string) {
  return readManifests({ files: [{ file: 'a.yaml', text }], ...(namespace !== undefined && { namespace }) });
}

test('resources of documents and lists, in the namespace that was asked for where they name none', () => {
  const found = read(`${map('a')}\n---\n{ apiVersion: v1, kind: List, items: [${map('b', 'shop')}, ${map('c')}] }`);
  assert.ok(found.ok);
  assert.deepEqual(
    found.value.values.map(({ id }) => id),
    ['ConfigMap/default/a', 'ConfigMap/shop/b', 'ConfigMap/default/c'],
  );
  const placed = read(map('a'), 'shop');
  assert.ok(placed.ok);
  assert.deepEqual(
    placed.value.values.map(({ id }) => id),
    ['ConfigMap/shop/a'],
  );
});

test('what is written down is read as it was: no text becomes a number or a yes', () => {
  const found = read(map('a'));
  assert.ok(found.ok);
  const [value] = found.value.values;
  const [document] = parseYaml(textOf(value?.value ?? {}));
  assert.deepEqual(document?.value, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'default' },
    data: { on: 'yes', '012': '012' },
  });
});

test('another namespace than asked for, nothing at all, and texts that are no YAML are refused', () => {
  for (const [text, namespace, said] of [
    [map('a', 'shop'), 'other', /ConfigMap a is of namespace shop, and -n says other/],
    ['{ a: [', undefined, /./],
    [`${map('a')}\n---\n{ apiVersion: v1, kind: Service, metadata: { name: Wrong_Name }, spec: {} }`, undefined, /name/],
  ] as const) {
    const found = read(text, namespace);
    assert.ok(!found.ok && found.error.status === 422, text);
    assert.match((found.error.diagnostics ?? []).map(({ message }) => message).join('\n'), said);
  }
  assert.ok(!read('# nothing').ok);
});

test('an empty namespace is one that is not named', () => {
  const text = '{ apiVersion: v1, kind: ConfigMap, metadata: { name: a, namespace: "" }, data: {} }';
  const ids = (namespace?: string) => {
    const found = read(text, namespace);
    return found.ok ? found.value.values.map(({ id }) => id) : found.error;
  };
  assert.deepEqual(ids(), ['ConfigMap/default/a']);
  assert.deepEqual(ids('shop'), ['ConfigMap/shop/a']);
});
