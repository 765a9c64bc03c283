// Limits by a claim of a verified token, on both data planes: each user has tokens of their own, and who has no user is not counted by that rule.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';
import { jwksOf, namedKey, signToken } from '#test/support/token-signer.ts';

const documents = [
  'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: edge, namespace: istio-system }\nspec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }',
  'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: all, namespace: istio-system }\nspec: { hosts: ["*"], gateways: [edge], http: [{ directResponse: { status: 200 } }] }',
  `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: users, namespace: istio-system }\nspec: { jwtRules: [{ issuer: users, jwks: '${jwksOf(namedKey('a'))}' }] }`,
  'apiVersion: heddle.dev/v1alpha1\nkind: RateLimit\nmetadata: { name: users, namespace: istio-system }\nspec: { rules: [{ name: each-user, by: [{ claim: sub }], limit: { requests: 2, per: 1h } }, { name: each-shop, match: { uri: { prefix: /orders } }, by: [{ claim: shop.id }], limit: { requests: 1, per: 1h } }] }',
];

async function limits(plane: DataPlane): Promise<void> {
  const [port = 0] = await listenPorts(1);
  const proxy: Proxy = {
    nodeId: 'router~127.0.0.1~edge.istio-system~istio-system.svc.cluster.local',
    type: 'router',
    name: 'edge',
    namespace: 'istio-system',
    labels: { istio: 'ingressgateway' },
    addresses: ['127.0.0.1'],
    dnsDomain: 'istio-system.svc.cluster.local',
    interception: { kind: 'none', address: '127.0.0.1', inbound: { 80: { listen: port } }, outbound: {} },
    explainFailures: false,
  };
  const { resources } = new MeshCompiler(buildMesh(snapshotOf(resourcesOf(...documents)))).compile(proxy);
  const told = [typeUrls.listener, typeUrls.route, typeUrls.cluster].flatMap((type) => [...(resources.get(type)?.values() ?? [])]);
  await withLiveProxy(plane, proxy.nodeId, told, async () => {
    using calls = new KeptCalls(port);
    const status = async (path: string, claims?: Readonly<Record<string, unknown>>): Promise<number> => {
      const token = claims === undefined ? {} : { authorization: `Bearer ${signToken(namedKey('a'), { iss: 'users', ...claims })}` };
      return (await calls.get(path, { host: 'a', ...token })).status;
    };
    const turns = async (path: string, claims: Readonly<Record<string, unknown>> | undefined, count: number): Promise<readonly number[]> => {
      const seen: number[] = [];
      for (let turn = 0; turn < count; turn++) seen.push(await status(path, claims));
      return seen;
    };
    assert.deepEqual(await turns('/', { sub: 'ann' }, 3), [200, 200, 429]);
    assert.deepEqual(await turns('/', { sub: 'bob' }, 3), [200, 200, 429]);
    assert.deepEqual(await turns('/', undefined, 3), [200, 200, 200]);
    assert.deepEqual(await turns('/', { sub: '' }, 3), [200, 200, 200]);
    assert.deepEqual(await turns('/', { name: 'cid' }, 3), [200, 200, 200]);
    assert.deepEqual(await turns('/orders', { sub: 'dan', shop: { id: 'north' } }, 2), [200, 429]);
    assert.deepEqual(await turns('/orders', { sub: 'eve', shop: { id: 'north' } }, 1), [429]);
    assert.deepEqual(await turns('/orders', { sub: 'fay', shop: { id: 'south' } }, 1), [200]);
    assert.deepEqual(await turns('/orders', { sub: 'gus', shop: { id: 7 } }, 2), [200, 200], 'a number is no text');
  });
}

test('limits by a claim of a token: embedded proxy', () => limits({ kind: 'embedded' }));
envoyTest('limits by a claim of a token: Envoy', (binary) => limits({ kind: 'envoy', binary }));
