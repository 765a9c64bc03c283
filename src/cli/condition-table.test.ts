// What people read of conditions: one line for each resource, listener and parent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionTable } from '#cli/condition-table.ts';
import type { Paint } from '#cli/style.ts';

const plain = (text: string): string => text;
const paint: Paint = { good: plain, bad: plain, warn: plain, dim: plain, strong: plain };
const origin = { file: 'gw.yaml', line: 3, col: 5 };

test('good conditions are a word, bad ones have a reason and a place', () => {
  const table = conditionTable(
    [
      {
        kind: 'Gateway',
        namespace: 'edge',
        name: 'web',
        origin,
        conditions: [{ type: 'Accepted', status: 'True', reason: 'Accepted', message: '' }],
        listeners: [
          {
            name: 'http',
            supportedKinds: [],
            attachedRoutes: 1,
            conditions: [
              { type: 'Conflicted', status: 'False', reason: 'NoConflicts', message: '' },
              { type: 'ResolvedRefs', status: 'False', reason: 'InvalidCertificateRef', message: '', at: origin },
            ],
          },
        ],
      },
      {
        kind: 'HTTPRoute',
        namespace: 'default',
        name: 'shop',
        origin,
        conditions: [],
        parents: [
          {
            parent: 'Gateway edge/web',
            origin,
            conditions: [{ type: 'PartiallyInvalid', status: 'True', reason: 'UnsupportedValue', message: '', at: origin }],
          },
        ],
      },
    ],
    paint,
  );
  assert.deepEqual(table.split('\n'), [
    'GATEWAY API               CONDITIONS',
    'Gateway edge/web          Accepted',
    '  listener http, 1 route  not ResolvedRefs: InvalidCertificateRef (gw.yaml:3:5)',
    'HTTPRoute default/shop',
    '  Gateway edge/web        PartiallyInvalid: UnsupportedValue (gw.yaml:3:5)',
  ]);
});

test('without resources of the Gateway API there is nothing to read', () => assert.equal(conditionTable([], paint), ''));
