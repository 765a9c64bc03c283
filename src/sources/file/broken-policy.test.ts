// A policy in a document that is no YAML: where its kind and name can be made out it closes its namespace, instead of being as good as not there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileState } from '#sources/file/file-state.ts';

const head = (kind: string): string => `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: { name: x, namespace: shop }\n`;
const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 80 }] }\n---\n';

function inForce(text: string): readonly unknown[] {
  return readFileState('x.yaml', text).resources.map(({ kind, metadata, ...rest }) => [
    kind,
    metadata.namespace,
    'spec' in rest ? rest.spec : undefined,
  ]);
}

test('a policy that is no YAML closes its namespace, whomever it may have been for', () => {
  const denial = ['AuthorizationPolicy', 'shop', { action: 'DENY', rules: [{}] }];
  const own = head('AuthorizationPolicy');
  for (const spec of [
    'spec: { selector: { matchLabels: { app: a } }, action: DENY, rules: [{ }\n',
    'spec:\n\taction: DENY\n',
    'spec:\n  action: DENY\n  action: ALLOW\n  rules: [{}]\n',
    'spec:\n  action: AUDIT\n rules: [{}]\n',
    'spec: { action: "DENY\n',
  ]) {
    assert.deepEqual(inForce(own + spec), [denial], spec);
    assert.deepEqual(inForce(service + own + spec).slice(1), [denial], spec);
  }
  assert.deepEqual(inForce(`${head('PeerAuthentication')}spec: { mtls: { mode: STRICT }\n`), [
    ['PeerAuthentication', 'shop', { mtls: { mode: 'STRICT' } }],
  ]);
});

test('what is said of it tells what is closed; what was in force before stays', () => {
  const good = `${head('AuthorizationPolicy')}spec: { action: DENY, rules: [{ to: [{ operation: { methods: [PUT] } }] }] }\n`;
  const bad = `${head('AuthorizationPolicy')}spec: { action: DENY, rules: [{ }\n`;
  const { diagnostics } = readFileState('x.yaml', bad);
  const told = diagnostics.find(({ message }) => message === 'AuthorizationPolicy shop/x cannot be read');
  assert.match(told?.related?.[0]?.message ?? '', /is denied: there is no earlier version/);
  const before = readFileState('x.yaml', good);
  assert.deepEqual(readFileState('x.yaml', bad, before).resources, before.resources);
  assert.equal(readFileState('x.yaml', good, readFileState('x.yaml', bad)).standIns.size, 0);
});

test('other kinds, and what names nobody, are left out as before', () => {
  assert.deepEqual(inForce('apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [\n'), []);
  assert.deepEqual(inForce('kind: AuthorizationPolicy\nspec: [\n'), []);
  assert.deepEqual(inForce('{{{\n'), []);
});
