import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompileCache } from '#compile/compile-cache.ts';
import { DestinationRuleIndex } from '#compile/destination-rule-index.ts';
import type { DestinationRule } from '#model/destination-rule.ts';
import type { Visibility } from '#model/visibility.ts';

const origin = { file: 'in.yaml', line: 1, col: 1 };
const root = 'istio-system';
const everywhere: Visibility = { kind: 'everywhere' };

type Parts = {
  readonly host?: string;
  readonly subsets?: readonly string[];
  readonly selector?: Record<string, string>;
  readonly sees?: readonly string[];
  readonly balanced?: 'random' | 'round-robin';
};

/** `name` is `namespace/name`. */
function rule(id: string, { host = 'shop.web.svc.cluster.local', subsets = [], selector, sees, balanced }: Parts = {}): DestinationRule {
  const [namespace = '', name = ''] = id.split('/');
  const own = selector === undefined ? sees : [namespace];
  return {
    name,
    namespace,
    host: { written: host, hostname: host, origin },
    ...(balanced !== undefined && { policy: { loadBalancer: { algorithm: { kind: balanced }, origin }, origin, ports: new Map() } }),
    subsets: subsets.map((subset) => ({ name: subset, labels: { from: name }, origin })),
    ...(selector !== undefined && { workloadSelector: selector }),
    visibility: own === undefined ? everywhere : { kind: 'namespaces', namespaces: new Set(own) },
    origin,
  };
}

function lookup(rules: readonly DestinationRule[], namespace: string, labels: Record<string, string> = {}, hostname = 'shop.web.svc.cluster.local') {
  return new DestinationRuleIndex(rules).lookup({ hostname, namespace: 'web' }, { namespace, labels }, root, new CompileCache());
}

test('the client’s namespace comes first, then the service’s, then the root namespace', () => {
  const rules = [rule('istio-system/mesh', { host: '*.local' }), rule('web/service'), rule('app/client')];
  assert.equal(lookup(rules, 'app')?.name, 'client');
  assert.equal(lookup(rules, 'other')?.name, 'service');
  assert.equal(lookup(rules, 'other', {}, 'cart.web.svc.cluster.local')?.name, 'mesh');
  assert.equal(lookup(rules, 'web')?.name, 'service');
});

test('a client in the root namespace sees what stands there for all last, and what it keeps to itself first', () => {
  const rules = [rule('istio-system/mesh'), rule('web/service')];
  assert.equal(lookup(rules, root)?.name, 'service');
  assert.equal(lookup([...rules, rule('istio-system/own', { sees: [root] })], root)?.name, 'own');
  assert.equal(lookup([rule('istio-system/mesh')], root)?.name, 'mesh');
});

test('the most specific host wins within a namespace', () => {
  const rules = [rule('web/all', { host: '*' }), rule('web/zone', { host: '*.web.svc.cluster.local' }), rule('web/exact')];
  assert.equal(lookup(rules, 'app')?.name, 'exact');
  assert.equal(lookup(rules, 'app', {}, 'cart.web.svc.cluster.local')?.name, 'zone');
  assert.equal(lookup(rules, 'app', {}, 'example.com')?.name, 'all');
});

test('a rule that is not exported to the client does not count, and the root namespace is asked', () => {
  const rules = [rule('web/private', { sees: ['web'] }), rule('istio-system/mesh', { host: '*.local' })];
  assert.equal(lookup(rules, 'app')?.name, 'mesh');
  assert.equal(lookup(rules, 'web')?.name, 'private');
  assert.equal(lookup([rule('app/not-here', { sees: ['web'] })], 'app'), undefined);
});

test('rules for one host are one: the first policy, and the subsets of all, of which the first of a name counts', () => {
  const found = lookup(
    [rule('web/a', { subsets: ['v1'] }), rule('web/b', { subsets: ['v1', 'v2'], balanced: 'random' }), rule('web/c', { balanced: 'round-robin' })],
    'app',
  );
  assert.equal(found?.name, 'a');
  assert.deepEqual(found.policy?.loadBalancer?.algorithm, { kind: 'random' });
  assert.deepEqual(
    found.subsets.map(({ name, labels }) => `${name} ${labels['from'] ?? ''}`),
    ['v1 a', 'v2 b'],
  );
});

test('rules that other namespaces see are not joined; of those a client sees the last counts', () => {
  const rules = [rule('web/some', { subsets: ['v1'], sees: ['web', 'app'] }), rule('web/all', { subsets: ['v2'] })];
  assert.deepEqual(
    lookup(rules, 'app')?.subsets.map(({ name }) => name),
    ['v2'],
  );
  assert.deepEqual(
    lookup(rules, 'other')?.subsets.map(({ name }) => name),
    ['v2'],
  );
});

test('a rule with a workloadSelector is for the clients of its namespace that it chooses, before any other', () => {
  const rules = [rule('app/all'), rule('app/batch', { selector: { app: 'batch' } }), rule('web/foreign', { selector: { app: 'batch' } })];
  assert.equal(lookup(rules, 'app', { app: 'batch' })?.name, 'batch');
  assert.equal(lookup(rules, 'app', { app: 'shop' })?.name, 'all');
  assert.equal(lookup(rules, 'other', { app: 'batch' }), undefined);
});

test('rules with one selector are joined, and with one that its own namespace alone sees', () => {
  const selector = { app: 'batch' };
  const rules = [
    rule('app/own', { subsets: ['v3'], sees: ['app'] }),
    rule('app/one', { subsets: ['v1'], selector }),
    rule('app/two', { subsets: ['v2'], selector }),
  ];
  assert.deepEqual(
    lookup(rules, 'app', selector)?.subsets.map(({ name }) => name),
    ['v1', 'v2', 'v3'],
  );
  assert.deepEqual(
    lookup(rules, 'app')?.subsets.map(({ name }) => name),
    ['v3'],
  );
});

test('clients differ only by the labels that selectors of their namespace look at', () => {
  const index = new DestinationRuleIndex([rule('app/batch', { selector: { app: 'batch' } }), rule('web/all')]);
  assert.equal(index.selectorKey({ namespace: 'app', labels: { app: 'shop', version: 'v1' } }), 'app=shop');
  assert.equal(index.selectorKey({ namespace: 'web', labels: { app: 'shop' } }), '');
});

test('what is joined of the same rules is the same object', () => {
  const rules = [rule('web/a'), rule('web/b')];
  const cache = new CompileCache();
  const find = () =>
    new DestinationRuleIndex(rules).lookup(
      { hostname: 'shop.web.svc.cluster.local', namespace: 'web' },
      { namespace: 'app', labels: {} },
      root,
      cache,
    );
  assert.equal(find(), find());
});
