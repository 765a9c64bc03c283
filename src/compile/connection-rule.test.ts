import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConnectionContext, concerns, ruleTarget } from '#compile/connection-rule.ts';
import type { Service } from '#model/service.ts';
import type { ConnectionMatch, WeightedDestination } from '#model/virtual-service.ts';

const origin = { file: 'in.yaml', line: 1, col: 1 };

function context(more: Partial<ConnectionContext> = {}): ConnectionContext {
  return {
    port: 5432,
    gateways: new Set(['mesh']),
    client: { namespace: 'shop', labels: { app: 'till', tier: 'front' } },
    service: () => undefined,
    options: () => undefined,
    ...more,
  };
}

function match(more: Partial<ConnectionMatch> = {}): ConnectionMatch {
  return { destinationSubnets: [], origin, ...more };
}

function to(hostname: string, more: Partial<WeightedDestination> = {}): WeightedDestination {
  return { host: { written: hostname, hostname, origin }, weight: 1, origin, ...more };
}

test('a match is about a port, a gateway, a caller', () => {
  const rows: readonly (readonly [Partial<ConnectionMatch>, boolean])[] = [
    [{}, true],
    [{ port: 5432 }, true],
    [{ port: 5433 }, false],
    [{ gateways: ['mesh'] }, true],
    [{ gateways: ['infra/gw', 'mesh'] }, true],
    [{ gateways: ['infra/gw'] }, false],
    [{ sourceLabels: { app: 'till' } }, true],
    [{ sourceLabels: { app: 'till', tier: 'back' } }, false],
    [{ sourceNamespace: 'shop' }, true],
    [{ sourceNamespace: 'pay' }, false],
    [{ port: 5432, gateways: ['mesh'], sourceLabels: { tier: 'front' }, sourceNamespace: 'shop' }, true],
  ];
  for (const [more, expected] of rows) assert.equal(concerns(match(more), context()), expected, JSON.stringify(more));
  assert.equal(concerns(match({ gateways: ['infra/gw'] }), context({ gateways: new Set(['infra/gw']) })), true);
});

test('a destination without a port means the only port of its service, else the port of the connection', () => {
  const ports = (...numbers: readonly number[]) => ({ ports: numbers.map((number) => ({ number })) }) as unknown as Service; // all that is looked at
  const target = (service: Service | undefined, destination: WeightedDestination) =>
    ruleTarget([destination], { name: 'r', namespace: 'shop' }, context({ service: () => service }))?.clusters[0]?.cluster;
  assert.equal(target(ports(7000), to('db')), 'outbound|7000||db');
  assert.equal(target(ports(7000, 7001), to('db')), 'outbound|5432||db');
  assert.equal(target(undefined, to('db', { subset: 'v1' })), 'outbound|5432|v1|db');
  assert.equal(target(ports(7000), to('db', { port: 9 })), 'outbound|9||db');
});

test('several destinations share by weight, under the name of their rule; one without weight gets nothing', () => {
  const rule = { name: 'r', namespace: 'shop' };
  const options = { idleTimeoutMs: 5 };
  const destinations = [to('a', { weight: 3 }), to('b', { weight: 0 }), to('c', { weight: 1 })];
  assert.deepEqual(ruleTarget(destinations, rule, context({ options: ({ host }) => (host.hostname === 'a' ? options : undefined) })), {
    statPrefix: 'r.shop',
    clusters: [
      { cluster: 'outbound|5432||a', weight: 3 },
      { cluster: 'outbound|5432||c', weight: 1 },
    ],
    options,
  });
  assert.equal(ruleTarget([], rule, context()), undefined);
});
