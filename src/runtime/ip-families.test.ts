// Families of addresses as a cluster's API server reads them, and what is said where IPv6 cannot be had.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import { madeResource } from '#api/made-resource.ts';
import { serviceFamilies, unmetFamilies } from '#runtime/ip-families.ts';

function service(spec: Partial<KindMap['Service']['spec']>): KindMap['Service'] {
  return madeResource('Service', { name: 'web', namespace: 'default' }, { spec }, { file: 'in.yaml', line: 1, col: 1 });
}

test('the families of a Service, that of its ClusterIP first', () => {
  for (const [spec, families] of [
    [{}, ['IPv4']],
    [{ clusterIP: 'None' }, ['IPv4']],
    [{ ipFamilies: ['IPv6'] }, ['IPv6']],
    [{ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] }, ['IPv6']],
    [{ ipFamilyPolicy: 'PreferDualStack' }, ['IPv4', 'IPv6']],
    [{ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] }, ['IPv6', 'IPv4']],
    [{ ipFamilies: ['IPv6', 'IPv4'] }, ['IPv6', 'IPv4']],
    [{ clusterIP: 'fd00::5' }, ['IPv6']],
    [{ clusterIPs: ['10.0.0.5', 'fd00::5'] }, ['IPv4', 'IPv6']],
  ] as const) {
    assert.deepEqual(serviceFamilies(service(structuredClone(spec) as Partial<KindMap['Service']['spec']>), true), families, JSON.stringify(spec));
    assert.deepEqual(serviceFamilies(service(structuredClone(spec) as Partial<KindMap['Service']['spec']>), false), ['IPv4']);
  }
});

test('who asks for IPv6 where there is none is told so, and who would only like it is not', () => {
  const told = unmetFamilies(
    [service({ ipFamilies: ['IPv6'] }), service({ ipFamilyPolicy: 'RequireDualStack' }), service({ clusterIP: 'fd00::5' })],
    false,
  );
  assert.deepEqual(
    told.map(({ message }) => message.split(' asks')[0]),
    ['ipFamilies of Service default/web', 'ipFamilyPolicy of Service default/web', 'clusterIP of Service default/web'],
  );
  assert.deepEqual(unmetFamilies([service({ ipFamilyPolicy: 'PreferDualStack' }), service({})], false), []);
  assert.deepEqual(unmetFamilies([service({ ipFamilies: ['IPv6'] })], true), []);
});
