// examples/traffic/gateway-api: a Gateway whose proxy is started for it, routes of two namespaces, filters, and routes inside the mesh.
import assert from 'node:assert/strict';
import { inEachNetwork } from '#test/scenario/own-network.ts';
import { example } from '#test/scenario/up.ts';

inEachNetwork('gateway-api: a Gateway, routes of two namespaces, producer and consumer routes', async (start) => {
  await using up = await start({ path: example('traffic/gateway-api') });
  const body = async (host: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> =>
    (await up.call(host, path, headers)).body;
  assert.equal(await body('www.example.com', '/x'), 'web /x\n');
  const api = await up.call('www.example.com', '/api/cart/7');
  assert.match(api.body, /^cart(-v2)? \/7\n$/);
  assert.equal(api.headers['cache-control'], 'no-store');
  const moved = await up.call('www.example.com', '/store/1');
  assert.deepEqual([moved.status, new URL(moved.headers['location'] ?? 'none:').pathname], [301, '/shop/1']);
  assert.equal(await body('lab.example.com', '/'), 'tester /\n');
  assert.equal(await body('lab.example.com', '/shop'), 'web /shop\n', 'granted by the ReferenceGrant');
  assert.equal((await up.call('other.example.com')).status, 404);
  assert.equal(await body('www.example.com', '/ask'), 'web asked: cart /\n');
  assert.equal(await body('www.example.com', '/ask', { 'x-beta': 'yes' }), 'web asked: cart-v2 /\n', 'by the producer');
  assert.equal(await body('lab.example.com', '/ask', { 'x-beta': 'yes' }), 'tester asked: stub /\n', 'by the consumer');
  assert.deepEqual((await up.state()).gatewayPorts ?? [], [], 'one port, which is the gateway');
  const findings = up.events().flatMap(({ diagnostics = [] }) => diagnostics);
  assert.deepEqual(findings, [], 'the example is without a flaw');
});
