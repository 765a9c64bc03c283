import assert from 'node:assert/strict';
import { test } from 'node:test';
import { automaticAddresses } from '#model/build/automatic-address.ts';

const asks = (hostname: string, namespace = 'default') => ({ namespace, hostname });

test('a host keeps its address whoever else asks, and has one of each family', () => {
  const alone = automaticAddresses([asks('istio.io')], new Set());
  const among = automaticAddresses([asks('a.com'), asks('istio.io'), asks('b.com')], new Set());
  assert.deepEqual(alone.get('default/istio.io'), ['240.240.122.168', '2001:2::f0f0:7aa8']);
  assert.deepEqual(among.get('default/istio.io'), alone.get('default/istio.io'));
});

test('a host that two resources name has the lower of their two slots, as in Istio', () => {
  const twice = automaticAddresses([asks('istio.io'), asks('istio.io')], new Set());
  assert.deepEqual(twice.get('default/istio.io')?.[0], '240.240.91.120');
});

test('nobody gets an address twice, one that is taken, or one that ends in .0 or .255', () => {
  const hosts = Array.from({ length: 20_000 }, (_, index) => asks(`host-${index}.example.com`));
  const taken = new Set(['240.240.122.168']);
  const given = automaticAddresses([asks('istio.io'), ...hosts], taken);
  const addresses = [...given.values()].map(([first]) => first);
  assert.equal(new Set(addresses).size, 20_001);
  assert.equal(
    addresses.some((address) => address === '240.240.122.168' || /\.(0|255)$/.test(address ?? '')),
    false,
  );
});
