// A RateLimit at a gateway, on both data planes: each client has its share, and bodies and headers their size.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { edgeGateway } from '#test/support/edge-gateway.ts';
import { envoyTest } from '#test/support/envoy.ts';

const mesh = (backend: number): string => `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "accessLogFile: ''" }
---
apiVersion: heddle.dev/v1alpha1
kind: RateLimit
metadata: { name: edge, namespace: edge }
spec:
  targetRefs: [{ group: networking.istio.io, kind: Gateway, name: edge }]
  rules: [{ name: each-client, match: { uri: { prefix: /limited } }, by: [{ clientAddress: {} }], limit: { requests: 3, per: 3600s } }]
  maxBodyBytes: 1000
  maxHeaderKilobytes: 8
---
apiVersion: heddle.dev/v1alpha1
kind: RateLimit
metadata: { name: of-another, namespace: edge }
spec:
  targetRefs: [{ group: networking.istio.io, kind: Gateway, name: another }]
  rules: [{ name: none, limit: { requests: 1, per: 3600s } }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: edge }
spec:
  selector: { app: edge }
  servers: [{ port: { number: 443, name: http, protocol: HTTP }, hosts: ['*'] }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: another, namespace: edge }
spec:
  selector: { app: another }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: all, namespace: edge }
spec: { hosts: ['*'], gateways: [edge], http: [{ route: [{ destination: { host: backend.example.net } }] }] }
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

type Asked = { readonly path: string; readonly from?: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> };
type Answer = { readonly status: number; readonly header: (name: string) => string | undefined };

function call(port: number, { path, from = '127.0.0.1', body, headers = {} }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const outgoing = request({ host: '127.0.0.1', port, path, method, localAddress: from, agent: false, headers }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, header: (name) => response.headers[name]?.toString() }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function everything(plane: DataPlane): Promise<void> {
  const server = createServer((incoming, response) => incoming.resume().on('end', () => response.end('ok')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    // A TCP server has a port.
    const { port, nodeId, resources } = await edgeGateway(mesh((server.address() as AddressInfo).port));
    await withLiveProxy(plane, nodeId, resources, async () => {
      const shares: number[] = [];
      for (let index = 0; index < 4; index++) shares.push((await call(port, { path: '/limited' })).status);
      assert.deepEqual(shares, [200, 200, 200, 429]);
      const limited = await call(port, { path: '/limited/too' });
      assert.equal(limited.header('x-ratelimit-limit'), '3');
      assert.equal(limited.header('x-ratelimit-remaining'), '0');
      assert.match(limited.header('retry-after') ?? '', /^\d+$/);
      assert.equal((await call(port, { path: '/limited', from: '127.0.0.2' })).status, 200, 'another client');
      assert.equal((await call(port, { path: '/free' })).status, 200, 'another path');
      assert.equal((await call(port, { path: '/free', body: 'x'.repeat(1000) })).status, 200);
      assert.equal((await call(port, { path: '/free', body: 'x'.repeat(1001) })).status, 413);
      assert.equal((await call(port, { path: '/free', headers: { 'x-long': 'x'.repeat(6000) } })).status, 200);
      assert.equal((await call(port, { path: '/free', headers: { 'x-long': 'x'.repeat(9000) } })).status, 431);
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

void test('shares of clients, sizes of bodies and headers at a gateway: embedded proxy', () => everything({ kind: 'embedded' }));

envoyTest('shares of clients, sizes of bodies and headers at a gateway: Envoy', (binary) => everything({ kind: 'envoy', binary }));
