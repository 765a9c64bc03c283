import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIdentity, parseIdentity } from '#ca/identity.ts';

test('an identity is read and written as Istio writes it', () => {
  const parsed = parseIdentity('spiffe://cluster.local/ns/default/sa/hello');
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.value, { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'hello' });
  assert.equal(formatIdentity(parsed.value), 'spiffe://cluster.local/ns/default/sa/hello');
});

const others = [
  '',
  'cluster.local/ns/default/sa/hello',
  'spiffe:///ns/default/sa/hello',
  'spiffe://cluster.local/ns/default/sa/',
  'spiffe://cluster.local/ns/default/sa/hello/',
  'spiffe://cluster.local/ns/default/sa/hello?x',
  'spiffe://cluster.local/ns/default/sa/hello/more',
  'spiffe://cluster.local/ns/../sa/hello',
  'spiffe://cluster.local/ns/a%2fb/sa/hello',
  'spiffe://Cluster.Local/ns/default/sa/hello',
  'SPIFFE://cluster.local/ns/default/sa/hello',
  'spiffe://cluster.local:443/ns/default/sa/hello',
  'spiffe://user@cluster.local/ns/default/sa/hello',
  'spiffe://cluster.local/ns/default/sa/hello\n',
  `spiffe://cluster.local/ns/default/sa/${'a'.repeat(3000)}`,
];

for (const text of others) {
  test(`nobody is ${JSON.stringify(text.slice(0, 60))}`, () => assert.equal(parseIdentity(text).ok, false));
}
