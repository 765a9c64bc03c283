// A PeerAuthentication that was never right: in its place nothing is taken in plaintext by the workloads that it is for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';

function standIn(spec: string, metadata = ''): KindMap['PeerAuthentication'] | undefined {
  const text = `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: x, namespace: shop${metadata} }\nspec: ${spec}\n`;
  const [item] = readText('x.yaml', text).items;
  assert.equal(item?.resource, undefined, 'it is not taken');
  return item?.standIn?.kind === 'PeerAuthentication' ? item.standIn : undefined;
}

test('a mode that cannot be read is STRICT, for the same workloads', () => {
  assert.deepEqual(standIn('{ mtls: { mode: STRIKT } }')?.spec, { mtls: { mode: 'STRICT' } });
  const selector = { matchLabels: { app: 'pay' } };
  assert.deepEqual(standIn('{ selector: { matchLabels: { app: pay } }, mtls: { mode: [STRICT] } }')?.spec, { selector, mtls: { mode: 'STRICT' } });
});

test('ports of a policy that cannot be read are closed with the others', () => {
  const selector = { matchLabels: { app: 'pay' } };
  const spec =
    '{ selector: { matchLabels: { app: pay } }, mtls: { mode: STRICT }, portLevelMtls: { 80: { mode: PERMISSIVE }, x: { mode: STRICT } } }';
  assert.deepEqual(standIn(spec)?.spec, { selector, mtls: { mode: 'STRICT' } });
});

test('where it cannot be read whom it is for, it is for the namespace, and older than any other', () => {
  const dated = ', creationTimestamp: "2024-01-01T00:00:00Z"';
  for (const selector of ['7', '{ matchLabels: { app: 7 } }', '{ matchLabels: { app: "*" } }', '{ matchLabel: { app: pay } }']) {
    const found = standIn(`{ selector: ${selector}, mtls: { mode: STRICT } }`, dated);
    assert.deepEqual(found?.spec, { mtls: { mode: 'STRICT' } }, selector);
    assert.ok(Date.parse(found?.metadata.creationTimestamp ?? '') < 0, 'older than what has no age');
    assert.equal(found?.metadata.namespace, 'shop');
  }
  assert.equal(standIn('{ mtls: { mode: STRIKT } }', dated)?.metadata.creationTimestamp, '2024-01-01T00:00:00Z');
});
