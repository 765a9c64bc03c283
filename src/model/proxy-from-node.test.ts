import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownAddresses } from '#model/proxy.ts';
import { proxyFromNode } from '#model/proxy-from-node.ts';

const id = 'sidecar~10.1.2.3~hello-v1-0.default~default.svc.cluster.local';

void test("Istio's node id and metadata are read", () => {
  const result = proxyFromNode(id, { LABELS: { app: 'hello', bad: 1 }, NAMESPACE: 'default', INSTANCE_IPS: '10.1.2.3,fd00::1' });
  assert.deepEqual(result.ok && result.value, {
    type: 'sidecar',
    name: 'hello-v1-0',
    namespace: 'default',
    nodeId: id,
    addresses: ['10.1.2.3', 'fd00::1'],
    labels: { app: 'hello' },
    dnsDomain: 'default.svc.cluster.local',
    interception: { kind: 'redirect' },
    explainFailures: false,
  });
});

void test('loopback ports are read, and the wish for explanations', () => {
  const ports = {
    address: '127.0.0.1',
    inbound: { '8080': { listen: 20000, app: 20001 } },
    outbound: { 'hello.default.svc.cluster.local:80': 20002 },
    httpProxy: 20003,
  };
  const result = proxyFromNode(id, { INTERCEPTION_MODE: 'NONE', HEDDLE_LOOPBACK: ports, HEDDLE_EXPLAIN_FAILURES: 'true' });
  assert.ok(result.ok);
  assert.deepEqual(result.value.interception, { kind: 'none', ...ports });
  assert.equal(result.value.explainFailures, true);
  assert.deepEqual(ownAddresses(result.value), []);
});

void test('a workload that others reach at an address of its own has that address', () => {
  const ports = { address: '127.0.0.1', inboundAddress: '10.1.2.3', inbound: { '8080': { listen: 8080, app: 20001 } }, outbound: {} };
  const result = proxyFromNode(id, { INTERCEPTION_MODE: 'NONE', HEDDLE_LOOPBACK: ports });
  assert.ok(result.ok);
  assert.deepEqual(result.value.interception, { kind: 'none', ...ports });
  assert.deepEqual(ownAddresses(result.value), ['10.1.2.3']);
});

test('a node that nothing is redirected to binds the ports of its listeners itself', () => {
  const result = proxyFromNode(id, { INTERCEPTION_MODE: 'NONE', PROXY_CONFIG: { proxyHeaders: { server: { value: 'own' } } } });
  assert.ok(result.ok);
  assert.deepEqual(result.value.interception, { kind: 'bound' });
  assert.deepEqual(result.value.traffic, { headers: { server: 'own' } });
});

const refused: readonly (readonly [what: string, id: string, metadata: Readonly<Record<string, unknown>>, reason: RegExp])[] = [
  ['too few parts', 'sidecar~1.1.1.1~a.b', {}, /form type~ip~name\.namespace~dnsDomain/],
  ['an unknown type', 'waypoint~1.1.1.1~a.b~c', {}, /'waypoint' is neither sidecar nor router/],
  ['no namespace', 'sidecar~1.1.1.1~a~c', {}, /'a' is not name\.namespace/],
  ['TPROXY', id, { INTERCEPTION_MODE: 'TPROXY' }, /'TPROXY' is not supported/],
  ['loopback ports with redirection', id, { INTERCEPTION_MODE: 'REDIRECT', HEDDLE_LOOPBACK: {} }, /needs INTERCEPTION_MODE NONE/],
  ['loopback ports that are no object', id, { HEDDLE_LOOPBACK: [] }, /must be an object/],
  ['no address', id, { HEDDLE_LOOPBACK: {} }, /HEDDLE_LOOPBACK\.address/],
  ['no address for others', id, { HEDDLE_LOOPBACK: { address: '127.0.0.1', inboundAddress: 'host' } }, /HEDDLE_LOOPBACK\.inboundAddress/],
  ['a bad inbound key', id, { HEDDLE_LOOPBACK: { address: '127.0.0.1', inbound: { http: { listen: 1 } } } }, /inbound\['http'\]: the key/],
  ['a bad listen port', id, { HEDDLE_LOOPBACK: { address: '127.0.0.1', inbound: { '80': { listen: 70000 } } } }, /inbound\['80'\]\.listen/],
  ['a bad app port', id, { HEDDLE_LOOPBACK: { address: '127.0.0.1', inbound: { '80': { listen: 1, app: 'x' } } } }, /inbound\['80'\]\.app/],
  ['a bad outbound key', id, { HEDDLE_LOOPBACK: { address: '127.0.0.1', outbound: { hello: 1 } } }, /outbound\['hello'\]: the key/],
  ['a bad outbound port', id, { HEDDLE_LOOPBACK: { address: '127.0.0.1', outbound: { 'hello:80': 0 } } }, /outbound\['hello:80'\] must be/],
  ['a bad proxy port', id, { HEDDLE_LOOPBACK: { address: '127.0.0.1', httpProxy: -1 } }, /httpProxy must be/],
];

for (const [what, nodeId, metadata, reason] of refused) {
  void test(`refused: ${what}`, () => {
    const result = proxyFromNode(nodeId, metadata);
    assert.ok(!result.ok);
    assert.match(result.error, reason);
  });
}
