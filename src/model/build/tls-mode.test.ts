import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tlsModeOf, tlsModeOfEntry } from '#model/build/tls-mode.ts';

test('whether a workload takes mutual TLS: a Pod says it by its label, an entry also by having an identity', () => {
  const label = (mode: string) => ({ 'security.istio.io/tlsMode': mode });
  assert.deepEqual([tlsModeOf({ labels: {} }), tlsModeOf({ labels: label('istio') })], [{}, { tlsMode: 'istio' }]);
  const entry = (labels: Readonly<Record<string, string>>, serviceAccount: string) => tlsModeOfEntry({ labels, serviceAccount });
  assert.deepEqual([entry({}, ''), entry({}, 'vm'), entry(label('istio'), '')], [{}, { tlsMode: 'istio' }, { tlsMode: 'istio' }]);
  assert.deepEqual(entry(label('disabled'), 'vm'), {});
});
