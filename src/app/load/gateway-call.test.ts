import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatewayCallTo, servedHost } from '#app/load/gateway-call.ts';

const none = { virtualServices: [], httpRoutes: [], ingresses: [] };

function virtualService(spec: object, namespace = 'default') {
  return { ...none, virtualServices: [{ namespace, object: { spec } }] };
}

void test('a VirtualService of a gateway leads to the Service that it names', () => {
  const route = [{ destination: { host: 'productpage', port: { number: 9080 } } }];
  const spec = { hosts: ['*'], gateways: ['bookinfo'], http: [{ match: [{ uri: { prefix: '/' } }, { uri: { exact: '/productpage' } }], route }] };
  assert.deepEqual(gatewayCallTo('productpage', 'default', virtualService(spec)), { path: '/productpage' });
  assert.equal(gatewayCallTo('productpage', 'shop', virtualService(spec)), undefined, 'of another namespace');
  assert.equal(gatewayCallTo('reviews', 'default', virtualService(spec)), undefined);
  assert.equal(gatewayCallTo('productpage', 'default', virtualService({ ...spec, gateways: undefined })), undefined, 'inside the mesh alone');
  assert.equal(gatewayCallTo('productpage', 'default', virtualService({ ...spec, gateways: ['mesh'] })), undefined);
});

void test('a match by path alone is taken before one that wants headers', () => {
  const route = [{ destination: { host: 'cart.shop.svc.cluster.local' } }];
  const match = [{ uri: { exact: '/beta' }, headers: { who: { exact: 'tester' } } }, { uri: { prefix: '/cart' } }];
  const spec = { hosts: ['*.example.com'], gateways: ['a/b'], http: [{ match, route }] };
  assert.deepEqual(gatewayCallTo('cart', 'shop', virtualService(spec)), { host: 'www.example.com', path: '/cart' });
});

void test('HTTPRoutes and Ingresses lead to Services, too', () => {
  const rules = [{ matches: [{ path: { value: '/cart' } }], backendRefs: [{ name: 'cart' }] }];
  const httpRoutes = [{ namespace: 'shop', object: { spec: { hostnames: ['shop.example'], rules } } }];
  assert.deepEqual(gatewayCallTo('cart', 'shop', { ...none, httpRoutes }), { host: 'shop.example', path: '/cart' });
  assert.equal(gatewayCallTo('cart', 'default', { ...none, httpRoutes }), undefined);
  const paths = [{ path: '/', backend: { service: { name: 'cart', port: { number: 80 } } } }];
  const ingresses = [{ namespace: 'shop', object: { spec: { rules: [{ host: 'in.example', http: { paths } }] } } }];
  assert.deepEqual(gatewayCallTo('cart', 'shop', { ...none, ingresses }), { host: 'in.example', path: '/' });
});

void test('a path alone is asked for a host that the gateways serve', () => {
  const gateway = (...hosts: readonly string[]) => ({ namespace: 'default', object: { spec: { servers: [{ hosts }] } } });
  assert.equal(servedHost([gateway('default/shop.example')]), 'shop.example');
  assert.equal(servedHost([gateway('*.shop.example')]), 'www.shop.example');
  assert.equal(servedHost([gateway('shop.example'), gateway('*')]), undefined, 'any host will do');
  assert.equal(servedHost([]), undefined);
  assert.equal(servedHost([{ namespace: 'default', object: { spec: { servers: 'none' } } }]), undefined, 'what is no Gateway says nothing');
});
