import assert from 'node:assert/strict';
import { test } from 'node:test';
import { throughGateways } from '#compile/endpoint-network.ts';
import type { Networks } from '#model/network.ts';
import type { Endpoint } from '#model/service.ts';

const networksOf = (gateways: Readonly<Record<string, readonly string[]>>): Networks => {
  const all = Object.entries(gateways).map(([name, addresses]) => [name, addresses.map((address) => ({ address, port: 15443 }))] as const);
  return { gateways: new Map(all), key: '' };
};

const endpoint = (address: string, network: string, more: Partial<Endpoint> = {}): Endpoint => ({
  address,
  port: 80,
  servicePort: 'http',
  servicePortNumber: 80,
  labels: {},
  health: 'ready',
  tlsMode: 'istio',
  ...(network !== '' && { network }),
  origin: { file: 'x.yaml', line: 1, col: 1 },
  ...more,
});

const seen = (endpoints: readonly Endpoint[]): readonly string[] => endpoints.map(({ address, port, weight = 1 }) => `${address}:${port} ${weight}`);

const byLabel = { mode: undefined, plain: new Set<Endpoint>() };

test('those of other networks are called through their gateways, which share what they weigh', () => {
  const networks = networksOf({ near: ['9.9.9.9'], far: ['8.8.8.1', '8.8.8.2'] });
  const all = [
    endpoint('1.1.1.1', 'near'),
    endpoint('1.1.1.2', ''),
    endpoint('2.2.2.1', 'far', { weight: 3 }),
    endpoint('2.2.2.2', 'far'),
    endpoint('3.3.3.3', 'open'),
  ];
  const from = (own: string): readonly string[] => seen(throughGateways(all, { networks, own, families: 'both' }, byLabel));
  assert.deepEqual(from('near'), ['1.1.1.1:80 2', '1.1.1.2:80 2', '3.3.3.3:80 2', '8.8.8.1:15443 4', '8.8.8.2:15443 4']);
  assert.deepEqual(from('far'), ['1.1.1.2:80 2', '2.2.2.1:80 6', '2.2.2.2:80 2', '3.3.3.3:80 2', '9.9.9.9:15443 2']);
  // Whoever does not say where it is takes the gateways there are.
  assert.deepEqual(from(''), ['1.1.1.2:80 2', '3.3.3.3:80 2', '9.9.9.9:15443 2', '8.8.8.1:15443 4', '8.8.8.2:15443 4']);
});

test('a gateway passes on mutual TLS alone, and is called by who can', () => {
  const networks = networksOf({ far: ['8.8.8.1', '2001:db8::1'] });
  const { tlsMode: _, ...plain } = endpoint('2.2.2.1', 'far');
  const policyPlain = endpoint('2.2.2.2', 'far');
  const mutual = endpoint('2.2.2.3', 'far');
  const all = [plain, policyPlain, mutual];
  const view = { networks, own: 'near', families: 'v4' } as const;
  assert.deepEqual(seen(throughGateways(all, view, { mode: undefined, plain: new Set([policyPlain]) })), ['8.8.8.1:15443 2']);
  assert.deepEqual(seen(throughGateways(all, view, { mode: 'disable', plain: new Set() })), []);
  assert.deepEqual(seen(throughGateways(all, view, { mode: 'istio-mutual', plain: new Set() })), ['8.8.8.1:15443 6']);
  assert.deepEqual(seen(throughGateways([mutual], { ...view, networks: networksOf({ far: ['2001:db8::1'] }) }, byLabel)), []);
});

test('an endpoint without an address is there for its gateway alone; localities stay apart', () => {
  const networks = networksOf({ far: ['8.8.8.1'] });
  const place = (zone: string) => ({ locality: { region: 'r', zone, subZone: '' } });
  const all = [endpoint('', 'far', place('a')), endpoint('', 'far', place('b')), endpoint('', 'elsewhere')];
  const found = throughGateways(all, { networks, own: 'near', families: 'both' }, byLabel);
  assert.deepEqual(
    found.map(({ address, locality }) => `${address} ${locality?.zone}`),
    ['8.8.8.1 a', '8.8.8.1 b'],
  );
  assert.deepEqual(throughGateways(all, undefined, byLabel), []);
  assert.deepEqual(throughGateways(all, { networks, own: 'far', families: 'both' }, byLabel), []);
});

test('those that take no mutual TLS are still told from others when weights are scaled', () => {
  const networks = networksOf({ far: ['8.8.8.1', '8.8.8.2'] });
  const [one, two] = [endpoint('1.1.1.1', 'near'), endpoint('1.1.1.2', 'near')];
  const found = throughGateways([one, two], { networks, own: 'near', families: 'both' }, { mode: undefined, plain: new Set([two]) });
  assert.deepEqual(
    found.map(({ tlsMode }) => tlsMode),
    ['istio', undefined],
  );
});
