import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupEndpoints, type Placement } from '#compile/endpoint-locality.ts';
import type { LocalitySetting } from '#compile/locality-balancing.ts';
import type { LocalityBalancing } from '#model/destination-rule.ts';
import { parseLocality } from '#model/locality.ts';
import type { Endpoint } from '#model/service.ts';

const origin = { file: 'in.yaml', line: 1, col: 1 };

function endpoint(locality: string, labels: Record<string, string> = {}, weight?: number): Endpoint {
  const facts = { servicePort: 'http', servicePortNumber: 80, health: 'ready', origin } as const;
  return { ...facts, address: '10.0.0.1', port: 80, labels, locality: parseLocality(locality), ...(weight !== undefined && { weight }) };
}

const spread = ['r1/z1/s1', 'r1/z1/s2', 'r1/z2/s3', 'r2/z3/s4', 'r3/z4/s5'].map((locality) => endpoint(locality));
const home: Placement = { locality: parseLocality('r1/z1/s1'), labels: {} };

function setting(parts: Partial<LocalityBalancing>, failover = true): LocalitySetting {
  return { balancing: { kind: 'locality', enabled: true, distribute: [], failover: [], failoverPriority: [], origin, ...parts }, failover };
}

/** `locality priority weight`, in order. */
function shape(endpoints: readonly Endpoint[], setting: LocalitySetting | undefined, placement = home): readonly string[] {
  return groupEndpoints(endpoints, setting, placement).map(
    ({ locality, priority, weight }) => `${Object.values(locality).join('/')} ${priority} ${weight}`,
  );
}

test('without a setting localities weigh as much as their endpoints, and all are used at once', () => {
  const endpoints = [endpoint('r1/z1/s1', {}, 3), endpoint('r1/z1/s1'), endpoint('r2/z1/s1')];
  assert.deepEqual(shape(endpoints, undefined), ['r1/z1/s1 0 4', 'r2/z1/s1 0 1']);
});

test('failover goes from sub-zone to zone to region to anywhere, without gaps', () => {
  assert.deepEqual(shape(spread, setting({})), ['r1/z1/s1 0 1', 'r1/z1/s2 1 1', 'r1/z2/s3 2 1', 'r2/z3/s4 3 1', 'r3/z4/s5 3 1']);
  const elsewhere = { locality: parseLocality('r2/z9'), labels: {} };
  assert.deepEqual(shape(spread, setting({}), elsewhere), ['r1/z1/s1 1 1', 'r1/z1/s2 1 1', 'r1/z2/s3 1 1', 'r2/z3/s4 0 1', 'r3/z4/s5 1 1']);
});

test('a region that is named for failover comes before the others', () => {
  const named = setting({ failover: [{ from: 'r1', to: 'r3' }] });
  assert.deepEqual(shape(spread, named).slice(3), ['r2/z3/s4 4 1', 'r3/z4/s5 3 1']);
});

test('without watching for errors there is no failover', () => {
  assert.deepEqual(
    shape(spread, setting({ failover: [{ from: 'r1', to: 'r3' }] }, false)).map((line) => line.split(' ')[1]),
    ['0', '0', '0', '0', '0'],
  );
});

test('distribution gives each named locality its share, divided by what its parts weigh, and others nothing', () => {
  const distribute = [
    { from: 'r9/*', to: new Map([['r1/*', 100]]) },
    {
      from: 'r1/z1/*',
      to: new Map([
        ['r1/*', 70],
        ['r3/z4', 30],
      ]),
    },
    { from: 'r1/*', to: new Map([['r2/*', 100]]) },
  ];
  assert.deepEqual(shape(spread, setting({ distribute })), ['r1/z1/s1 0 24', 'r1/z1/s2 0 24', 'r1/z2/s3 0 24', 'r3/z4/s5 0 30']);
  assert.deepEqual(shape([endpoint('r1/z1/s1', {}, 3), endpoint('r1/z1/s2')], setting({ distribute })), ['r1/z1/s1 0 53', 'r1/z1/s2 0 18']);
  const nobody = { locality: parseLocality('r7/z7'), labels: {} };
  assert.equal(groupEndpoints(spread, setting({ distribute }), nobody).length, 5);
});

test('failoverPriority orders by the labels that agree from the first on, and splits localities', () => {
  const endpoints = [
    endpoint('r1/z1', { version: 'v1', tier: 'a' }),
    endpoint('r1/z1', { version: 'v1', tier: 'b' }),
    endpoint('r1/z1', { version: 'v2', tier: 'a' }),
    endpoint('r2/z1', { version: 'v1', tier: 'a' }),
  ];
  const placement = { locality: parseLocality('r1/z1'), labels: { version: 'v1', tier: 'a' } };
  assert.deepEqual(shape(endpoints, setting({ failoverPriority: ['version', 'tier'] }), placement), [
    'r1/z1/ 0 1',
    'r1/z1/ 1 1',
    'r1/z1/ 2 1',
    'r2/z1/ 0 1',
  ]);
  const stated = setting({ failoverPriority: ['version=v2', 'tier'] });
  assert.deepEqual(shape(endpoints, stated, placement), ['r1/z1/ 0 1', 'r1/z1/ 1 2', 'r2/z1/ 1 1']);
});

test('a network that is first in failoverPriority counts for more than all other labels, which are compared all the same', () => {
  const endpoints = [
    endpoint('r1', { 'topology.istio.io/network': 'n2', zone: 'a' }),
    endpoint('r1', { 'topology.istio.io/network': 'n2', zone: 'b' }),
    endpoint('r1', { 'topology.istio.io/network': 'n1', zone: 'b' }),
  ];
  const placement = { locality: parseLocality('r1'), labels: { 'topology.istio.io/network': 'n1', zone: 'a' } };
  const groups = groupEndpoints(endpoints, setting({ failoverPriority: ['topology.istio.io/network', 'zone'] }), placement);
  const found = groups.map(({ priority, endpoints: members }) => `${priority} ${Object.values(members[0]?.labels ?? {}).join(' ')}`);
  assert.deepEqual(found, ['0 n1 b', '1 n2 a', '2 n2 b']);
});

test('where failover is written beside failoverPriority regions order what the labels leave equal', () => {
  const endpoints = [
    endpoint('r1', { version: 'v1' }),
    endpoint('r2', { version: 'v1' }),
    endpoint('r3', { version: 'v1' }),
    endpoint('r1', { version: 'v2' }),
  ];
  const placement = { locality: parseLocality('r1'), labels: { version: 'v1' } };
  const both = setting({ failoverPriority: ['version'], failover: [{ from: 'r1', to: 'r3' }] });
  assert.deepEqual(shape(endpoints, both, placement), ['r1// 0 1', 'r1// 3 1', 'r2// 2 1', 'r3// 1 1']);
});

test('zone-aware balancing keeps the zones of a region together and tells regions apart', () => {
  const balancing = { kind: 'zone-aware', enabled: true, failover: [{ from: 'r1', to: 'r3' }], failoverPriority: [], origin } as const;
  assert.deepEqual(
    shape(spread, { balancing, failover: true }).map((line) => line.split(' ')[1]),
    ['0', '0', '0', '2', '1'],
  );
});
