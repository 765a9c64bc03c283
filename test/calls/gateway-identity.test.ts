// A gateway that serves by the identity of the mesh, on both data planes: ISTIO_MUTUAL for HTTP and for bytes, clients held to their identity, and the
// proxy's own certificate for clients that show none.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { edgeGateway } from '#test/support/edge-gateway.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { startTestAuthority, type TestAuthority, testAuthority } from '#test/support/identity.ts';
import { tlsCall } from '#test/support/tls-call.ts';

const friend = 'spiffe://cluster.local/ns/shop/sa/friend';
const other = 'spiffe://cluster.local/ns/shop/sa/other';

const mesh = (backend: number): string => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: edge }
spec:
  selector: { app: edge }
  servers:
    - { port: { number: 443, name: https-mesh, protocol: HTTPS }, hosts: [web.example.com], tls: { mode: ISTIO_MUTUAL } }
    - port: { number: 443, name: https-friend, protocol: HTTPS }
      hosts: [friend.example.com]
      tls: { mode: ISTIO_MUTUAL, subjectAltNames: [${friend}] }
    - { port: { number: 443, name: tls-bytes, protocol: TLS }, hosts: [bytes.example.com], tls: { mode: ISTIO_MUTUAL } }
    - { port: { number: 443, name: https-open, protocol: HTTPS }, hosts: [open.example.com], tls: { mode: SIMPLE, credentialName: 'builtin://' } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: edge }
spec:
  hosts: ['*.example.com']
  gateways: [edge]
  http: [{ route: [{ destination: { host: backend.example.net, port: { number: 80 } } }] }]
  tcp: [{ match: [{ port: 443 }], route: [{ destination: { host: backend.example.net, port: { number: 80 } } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: backend, namespace: edge }
spec:
  hosts: [backend.example.net]
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: ${backend} }]
  endpoints: [{ address: 127.0.0.1 }]
`;

void test('a gateway serves by the identity of the mesh: embedded proxy', () => everything({ kind: 'embedded' }));

envoyTest('a gateway serves by the identity of the mesh: Envoy', (binary) => everything({ kind: 'envoy', binary }));

async function everything(plane: DataPlane): Promise<void> {
  const server = createServer((request, response) => response.end(`to ${request.headers.host}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    // A TCP server has a port.
    const { port: backend } = server.address() as AddressInfo;
    const { port, nodeId, resources, diagnostics } = await edgeGateway(mesh(backend));
    assert.deepEqual(diagnostics, []);
    await withLiveProxy(plane, nodeId, resources, async () => callAll(port, await testAuthority()));
  } finally {
    server.close();
  }
}

async function callAll(port: number, authority: TestAuthority): Promise<void> {
  const stranger = await startTestAuthority();
  const call = async (host: string, pair?: Pair): Promise<string> => {
    const { answer } = await tlsCall({
      port,
      headers: { host, connection: 'close' },
      serverName: host,
      roots: authority.roots(),
      ...(pair !== undefined && { pair }),
    });
    return answer.status === 0 ? 'refused' : answer.body;
  };
  const [known, unknown, foreign] = [await pairOf(authority, friend), await pairOf(authority, other), await pairOf(stranger, friend)];
  for (const host of ['web.example.com', 'bytes.example.com']) {
    assert.equal(await call(host, known), `to ${host}`);
    assert.equal(await call(host), 'refused', `${host} without a certificate`);
    assert.equal(await call(host, foreign), 'refused', `${host} with a certificate of another mesh`);
  }
  assert.equal(await call('friend.example.com', known), 'to friend.example.com');
  assert.equal(await call('friend.example.com', unknown), 'refused');
  assert.equal(await call('open.example.com'), 'to open.example.com');
}

type Pair = { readonly certificate: string; readonly key: string };

async function pairOf(authority: TestAuthority, identity: string): Promise<Pair> {
  const { chain, key } = await authority.issue([{ type: 'url', value: identity }]);
  return { certificate: chain, key: key.reveal() };
}
