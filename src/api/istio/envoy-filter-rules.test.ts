import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';

function problems(patch: string): readonly string[] {
  const text = `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: { name: x }\nspec: { configPatches: [${patch}] }\n`;
  return readText('x.yaml', text).items.flatMap(({ diagnostics }) => diagnostics.map(({ message, at }) => `${at?.line}: ${message}`));
}

const refused: readonly (readonly [patch: string, reason: RegExp])[] = [
  ['{ patch: { operation: ADD, value: {} } }', /^4: .*needs applyTo/],
  ['{ applyTo: CLUSTER }', /^4: .*a patch needs patch/],
  ['{ applyTo: CLUSTER, patch: {} }', /needs an operation/],
  ['{ applyTo: CLUSTER, patch: { operation: MERGE } }', /operation MERGE needs a value/],
  ['{ applyTo: CLUSTER, match: { listener: {} }, patch: { operation: REMOVE } }', /applyTo CLUSTER cannot be matched by listener/],
  ['{ applyTo: HTTP_ROUTE, match: { cluster: {} }, patch: { operation: REMOVE } }', /applyTo HTTP_ROUTE cannot be matched by cluster/],
  ["{ applyTo: CLUSTER, match: { proxy: { proxyVersion: '(' } }, patch: { operation: REMOVE } }", /\( is not a regular expression/],
  ["{ applyTo: CLUSTER, match: { proxy: { proxyVersion: '^1(?=2)' } }, patch: { operation: REMOVE } }", /\(\?=2\) is not a regular expression/],
];

for (const [patch, reason] of refused) {
  test(`EnvoyFilter: ${patch} is refused`, () => {
    const found = problems(patch);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', reason);
  });
}

test('an EnvoyFilter as it should be is taken', () => {
  assert.deepEqual(
    problems('{ applyTo: CLUSTER, match: { context: GATEWAY, cluster: { name: x } }, patch: { operation: MERGE, value: { a: 1 } } }'),
    [],
  );
});
