import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import { rolloutStrategy } from '#runtime/rollout-strategy.ts';

const at = { file: 'a.yaml', line: 1, col: 1 };

function strategyOf(spec: Pick<KindMap['Deployment']['spec'], 'replicas' | 'strategy'>) {
  const deployment: KindMap['Deployment'] = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop', labels: {}, annotations: {} },
    origins: { start: at, at: () => at },
    spec: { selector: {}, template: { spec: { containers: [{ name: 'main' }] } }, ...spec },
  };
  const resources = { Deployment: new Map([['shop/web', deployment]]), StatefulSet: new Map() };
  const { first, most } = rolloutStrategy('shop/web-0', 'shop', { kind: 'Deployment', name: 'web', index: 0 }, resources);
  return `${most} ${first}`;
}

test('a Deployment brings as many new pods first as its strategy lets it', () => {
  assert.equal(strategyOf({}), '1 new');
  assert.equal(strategyOf({ replicas: 10 }), '3 new');
  assert.equal(strategyOf({ replicas: 10, strategy: { rollingUpdate: { maxSurge: 5 } } }), '5 new');
  assert.equal(strategyOf({ replicas: 10, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '50%' } } }), '5 new');
  assert.equal(strategyOf({ replicas: 3, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }), '1 new');
  assert.equal(strategyOf({ replicas: 3, strategy: { type: 'Recreate' } }), '3 old');
});

test('two pods of a StatefulSet never have one name at a time; a pod of nobody is alone', () => {
  const none = { Deployment: new Map(), StatefulSet: new Map() };
  assert.deepEqual(rolloutStrategy('shop/db-0', 'shop', { kind: 'StatefulSet', name: 'db', index: 0 }, none), {
    group: 'StatefulSet shop/db',
    first: 'old',
    most: 1,
  });
  assert.deepEqual(rolloutStrategy('shop/tool', 'shop', undefined, none), { group: 'shop/tool', first: 'new', most: 1 });
});
