// A sidecar that looks at tokens before its app is called, and lets in by what they say: RequestAuthentication and AuthorizationPolicy at work
// together, as compiled, on both data planes.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
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
  'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: default }\nspec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }',
  'apiVersion: v1\nkind: Pod\nmetadata: { name: web, namespace: default, labels: { app: web } }\nspec: { containers: [{ name: app, image: app, ports: [{ containerPort: 8080 }] }] }',
  `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: users, namespace: default }\nspec: { selector: { matchLabels: { app: web } }, jwtRules: [{ issuer: users, jwks: '${jwksOf(namedKey('a'))}', outputClaimToHeaders: [{ header: x-user, claim: sub }] }, { issuer: robots, jwks: '${jwksOf(namedKey('b'))}' }] }`,
  `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web, namespace: default }
spec:
  selector: { matchLabels: { app: web } }
  rules:
    - to: [{ operation: { paths: [/open] } }]
    - from: [{ source: { requestPrincipals: [users/ann] } }]
    - from: [{ source: { requestPrincipals: ['users/*'] } }]
      to: [{ operation: { paths: [/staff] } }]
      when: [{ key: 'request.auth.claims[groups]', values: [staff] }]
    - to: [{ operation: { paths: [/batch] } }]
      when: [{ key: 'request.auth.claims[realm][name]', values: [night] }, { key: request.auth.audiences, values: [web] }]`,
];

const token = (key: string, claims: Readonly<Record<string, unknown>>): string => `Bearer ${signToken(namedKey(key), claims)}`;

const calls: readonly (readonly [name: string, path: string, authorization: string | undefined, status: number, user?: string])[] = [
  ['nobody has to be anybody here', '/open', undefined, 200],
  ['nobody', '/', undefined, 403],
  ['one by name', '/', token('a', { iss: 'users', sub: 'ann' }), 200, 'ann'],
  ['another', '/', token('a', { iss: 'users', sub: 'bob' }), 403],
  ['one of that name of another issuer', '/', token('b', { iss: 'robots', sub: 'ann' }), 403],
  ['one who is in the group', '/staff', token('a', { iss: 'users', sub: 'bob', groups: ['staff', 'x'] }), 200, 'bob'],
  ['one who is not', '/staff', token('a', { iss: 'users', sub: 'bob', groups: ['guests'] }), 403],
  ['the group, from an issuer that is not asked', '/staff', token('b', { iss: 'robots', sub: 'bob', groups: ['staff'] }), 403],
  ['a claim within a claim', '/batch', token('b', { iss: 'robots', aud: ['web'], realm: { name: 'night' } }), 200],
  ['for somebody else', '/batch', token('b', { iss: 'robots', aud: ['mail'], realm: { name: 'night' } }), 403],
  ['a forged one, also where nobody has to be anybody', '/open', token('b', { iss: 'users', sub: 'ann' }), 401],
  ['an expired one', '/open', token('a', { iss: 'users', sub: 'ann', exp: 1 }), 401],
];

async function sidecar(plane: DataPlane): Promise<void> {
  const [listen = 0] = await listenPorts(1);
  const app = createServer(({ headers }, response) => void response.end(String(headers['x-user'] ?? '')));
  await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve));
  const address = app.address();
  const appPort = typeof address === 'object' && address !== null ? address.port : 0;
  const proxy: Proxy = {
    nodeId: 'sidecar~127.0.0.1~web.default~default.svc.cluster.local',
    type: 'sidecar',
    name: 'web',
    namespace: 'default',
    labels: { app: 'web' },
    addresses: ['127.0.0.1'],
    dnsDomain: 'default.svc.cluster.local',
    interception: { kind: 'none', address: '127.0.0.1', inbound: { 8080: { listen, app: appPort } }, outbound: {} },
    explainFailures: false,
    withoutIdentity: true,
  };
  const { resources } = new MeshCompiler(buildMesh(snapshotOf(resourcesOf(...documents)))).compile(proxy);
  const told = [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener].flatMap((type) => [...(resources.get(type)?.values() ?? [])]);
  try {
    await withLiveProxy(plane, proxy.nodeId, told, async () => {
      using kept = new KeptCalls(listen);
      for (const [name, path, authorization, status, user = ''] of calls) {
        const answer = await kept.get(path, { host: 'web', 'x-user': 'forged', ...(authorization !== undefined && { authorization }) });
        assert.equal(answer.status, status, `${name}: ${answer.body}`);
        if (status === 200) assert.equal(answer.body, user, name);
      }
    });
  } finally {
    app.closeAllConnections();
    await new Promise<void>((resolve) => void app.close(() => resolve()));
  }
}

test('a sidecar lets in by what a token says: embedded proxy', () => sidecar({ kind: 'embedded' }));
envoyTest('a sidecar lets in by what a token says: Envoy', (binary) => sidecar({ kind: 'envoy', binary }));
