import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatewayUrlOf } from '#app/up/state.ts';

test('the address of the gateway that is shown first is that of the way in', () => {
  const run = (istio: string, hostAddresses: Readonly<Record<string, string>>, isGateway = true) => ({
    plan: { isGateway, pod: { metadata: { labels: { istio } } } },
    network: { hostAddresses },
  });
  const between = run('gate', { 15443: '127.0.0.1:2' });
  assert.equal(gatewayUrlOf([between, run('ingressgateway', { 8080: '127.0.0.1:1' })]), 'http://127.0.0.1:1');
  assert.equal(gatewayUrlOf([between, run('edge', { 8080: '127.0.0.1:3', 9000: '127.0.0.1:4' })]), 'http://127.0.0.1:3');
  assert.equal(gatewayUrlOf([run('app', { 8080: '127.0.0.1:5' }, false), between]), 'http://127.0.0.1:2');
  assert.equal(gatewayUrlOf([]), undefined);
});
