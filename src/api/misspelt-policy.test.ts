// A policy under a kind or version that does not exist, or without a name: it is refused, and closes whom it is for like one with any other mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyMeantBy } from '#api/closed-stand-in.ts';
import { readText } from '#api/read-text.ts';

const document = (head: string, metadata = '{ name: x, namespace: shop }'): string =>
  `${head}\nmetadata: ${metadata}\nspec: { selector: { matchLabels: { app: a } }, rules: [{}] }\n`;

/** What closes in its place, and for what reason. */
function closedBy(text: string): readonly unknown[] {
  const [item] = readText('x.yaml', text).items;
  assert.equal(item?.resource, undefined, text);
  const { standIn } = item ?? {};
  const spec = standIn !== undefined && 'spec' in standIn ? standIn.spec : undefined;
  return [
    standIn?.kind,
    standIn?.metadata.namespace,
    standIn?.metadata.name,
    spec,
    item?.diagnostics.map(({ code, severity }) => `${code} ${severity}`),
  ];
}

const denial = { selector: { matchLabels: { app: 'a' } }, action: 'DENY', rules: [{}] };

test('a policy under a kind, version or group that is misspelt or left out closes whom it is for', () => {
  const cases: readonly (readonly [head: string, code: string])[] = [
    ['apiVersion: security.istio.io/v1\nkind: AuthorizationPolcy', 'HDL0004'],
    ['apiVersion: security.istio.io/v1\nkind: authorizationpolicy', 'HDL0004'],
    ['apiVersion: security.istio.io/v1beta3\nkind: AuthorizationPolicy', 'HDL0005'],
    ['apiVersion: security.isto.io/v1\nkind: AuthorizationPolicy', 'HDL0004'],
    ['apiVersion: networking.istio.io/v1\nkind: AuthorizationPolicy', 'HDL0004'],
    ['apiVersion: v1\nkind: AuthorizationPolicy', 'HDL0004'],
    ['kind: AuthorizationPolicy', 'HDL0003'],
  ];
  for (const [head, code] of cases) assert.deepEqual(closedBy(document(head)), ['AuthorizationPolicy', 'shop', 'x', denial, [`${code} error`]], head);
  const strict = 'apiVersion: security.istio.io/v1\nkind: PeerAuthentification\nmetadata: { name: x }\nspec: { mtls: { mode: STRICT } }\n';
  assert.deepEqual(closedBy(strict).slice(0, 4), ['PeerAuthentication', 'default', 'x', { mtls: { mode: 'STRICT' } }]);
});

test('a policy without a name closes whom it is for, and two of them are two', () => {
  const head = 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy';
  for (const metadata of [
    '{ namespace: shop }',
    '{ namespace: shop, generateName: x- }',
    '{ namespace: shop, name: "" }',
    '{ namespace: shop, name: 5 }',
  ]) {
    assert.deepEqual(closedBy(document(head, metadata)).slice(0, 4), ['AuthorizationPolicy', 'shop', 'unnamed-1', denial], metadata);
  }
  const two = readText('x.yaml', `${document(head, '{}')}---\n${document(head, '{}')}`);
  assert.equal(new Set(two.items.map(({ standIn }) => standIn?.metadata.name)).size, 2);
  assert.deepEqual(closedBy(document(head, '{ name: x, namespace: 7 }')).slice(0, 3), ['AuthorizationPolicy', '7', 'x']);
});

test('what decides nothing, what is somebody else’s and what is like no policy closes nothing', () => {
  const audit = 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolcy\nmetadata: { name: x }\nspec: { action: AUDIT }\n';
  assert.equal(closedBy(audit)[0], undefined);
  for (const [apiVersion, kind] of [
    ['policy.linkerd.io/v1alpha1', 'AuthorizationPolicy'],
    ['security.istio.io/v1', 'Something'],
    ['networking.istio.io/v1', 'VirtualServise'],
    ['v1', 'Pod'],
  ] as const) {
    assert.equal(policyMeantBy(apiVersion, kind), undefined, `${apiVersion} ${kind}`);
  }
});
