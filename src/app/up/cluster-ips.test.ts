// Which address a Service has, and that it keeps it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import { madeResource } from '#api/made-resource.ts';
import { ClusterIps } from '#app/up/cluster-ips.ts';

const range = { IPv4: '198.19.0.0/17' };

function service(name: string, spec: Partial<KindMap['Service']['spec']> = {}): KindMap['Service'] {
  return madeResource('Service', { name, namespace: 'default' }, { spec }, { file: 'in.yaml', line: 1, col: 1 });
}

function addresses(services: readonly KindMap['Service'][]): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(services.map(({ metadata, spec }) => [metadata.name, spec.clusterIP]));
}

test('a Service without an address gets one of the range, the same in the next run whatever else is there', () => {
  const first = addresses(new ClusterIps(range).withAddresses([service('reviews'), service('ratings')]));
  assert.match(first['reviews'] ?? '', /^198\.19\.(\d|[1-9]\d|1[01]\d|12[0-7])\.\d+$/);
  assert.notEqual(first['reviews'], first['ratings']);
  assert.equal(addresses(new ClusterIps(range).withAddresses([service('reviews')]))['reviews'], first['reviews']);
});

test('headless Services, those of another name and those with an address stay as they are', () => {
  const ips = new ClusterIps(range);
  const kept = [
    service('headless', { clusterIP: 'None' }),
    service('exported', { clusterIP: '10.96.0.5' }),
    service('elsewhere', { type: 'ExternalName', externalName: 'example.com' }),
  ];
  assert.deepEqual(ips.withAddresses(kept), []);
  assert.equal(ips.withAddresses([service('blank', { clusterIP: '' })]).length, 1);
});

test('two names never share an address, and one that a file takes is given up', () => {
  const ips = new ClusterIps({ IPv4: '198.19.0.0/29' });
  const six = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => service(name));
  const given = addresses(ips.withAddresses(six));
  assert.equal(new Set(Object.values(given)).size, 6);
  const taken = given['a'] ?? '';
  const roomy = new ClusterIps({ IPv4: '198.19.0.0/28' });
  const before = addresses(roomy.withAddresses([service('a')]))['a'] ?? '';
  const after = addresses(roomy.withAddresses([service('a'), service('x', { clusterIP: before })]));
  assert.notEqual(after['a'], before);
  assert.deepEqual(ips.withAddresses([service('g')]), []);
  assert.match(taken, /^198\.19\.0\.[1-6]$/);
});

test('a Service that did not change keeps its object: nothing is compiled again for it', () => {
  const ips = new ClusterIps(range);
  const one = service('one');
  assert.equal(ips.withAddresses([one])[0], ips.withAddresses([one, service('two')])[0]);
});

test('a Service has an address of each family that it asks for, in its order, where pods have both', () => {
  const both = new ClusterIps({ ...range, IPv6: 'fd00:18::8000:0/98' });
  const clusterIPs = (spec: Partial<KindMap['Service']['spec']>, ips = both) => ips.withAddresses([service('reviews', spec)])[0]?.spec.clusterIPs;
  const [v4 = '', ...more] = clusterIPs({}) ?? [];
  assert.match(v4, /^198\.19\.[\d.]+$/);
  assert.deepEqual(more, []);
  const [v6 = ''] = clusterIPs({ ipFamilies: ['IPv6'] }) ?? [];
  assert.match(v6, /^fd00:18::[89ab][0-9a-f]{3}:[0-9a-f]+$/);
  assert.deepEqual(clusterIPs({ ipFamilyPolicy: 'PreferDualStack' }), [v4, v6]);
  assert.deepEqual(clusterIPs({ ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' }), [v6, v4]);
  assert.deepEqual(clusterIPs({ clusterIP: '10.96.0.5', ipFamilyPolicy: 'RequireDualStack' }), ['10.96.0.5', v6]);
  assert.equal(clusterIPs({ clusterIP: 'fd00:18::8000:5' }), undefined);
  // Without a range of IPv6 there is none to give.
  assert.deepEqual(clusterIPs({ ipFamilyPolicy: 'RequireDualStack' }, new ClusterIps(range)), [v4]);
});
