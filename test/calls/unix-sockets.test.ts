// Egress listeners of a Sidecar on Unix sockets: apps call services by a file in place of an address, over HTTP and as bytes; and a gateway on one. The
// same on both data planes.
import assert from 'node:assert/strict';
import { lstatSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { Backends } from '#test/calls/backends.ts';
import { httpProxyClient } from '#test/calls/http-proxy-client.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { heardFrom, startGreeter } from '#test/support/greeter.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

test('calls by Unix sockets: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('calls by Unix sockets: Envoy', (binary) => run({ kind: 'envoy', binary }));

test('a gateway on a Unix socket: embedded proxy', () => runGateway({ kind: 'embedded' }));

envoyTest('a gateway on a Unix socket: Envoy', (binary) => runGateway({ kind: 'envoy', binary }));

/** Who comes by a socket has no address: nothing is added to x-forwarded-for, and what it said before stays. */
async function runGateway(plane: DataPlane): Promise<void> {
  await using folder = await temporaryFolder();
  await using backends = new Backends();
  const socketPath = join(folder.path, 'edge.sock');
  const { nodeId, resources } = compileGateway(socketPath, await backends.start('till', 'http'));
  await withLiveProxy(plane, nodeId, resources, async () => {
    const forwarded = async (headers: Readonly<Record<string, string>>): Promise<unknown> => {
      const { body } = await httpCall({ port: 0, socketPath, path: '/', headers: { host: 'www.example.org', ...headers } });
      const { headers: seen } = JSON.parse(body) as { readonly headers: Readonly<Record<string, string>> }; // our own backend's
      return [seen['x-forwarded-for'], seen['x-envoy-external-address'], seen['x-forwarded-proto']];
    };
    assert.deepEqual(await forwarded({}), [undefined, undefined, 'http']);
    assert.deepEqual(await forwarded({ 'x-forwarded-for': '192.0.2.7' }), ['192.0.2.7', undefined, 'http']);
  });
}

function compileGateway(path: string, backend: number) {
  const text = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "accessLogFile: ''" }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec: { selector: { app: edge }, servers: [{ port: { number: 0, name: web, protocol: HTTP }, bind: 'unix://${path}', hosts: ['*'] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: till, namespace: shop }
spec: { hosts: ['*'], gateways: [edge], http: [{ route: [{ destination: { host: till.example.com } }] }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: till, namespace: shop }
spec:
  hosts: [till.example.com]
  ports: [{ name: http, number: 80, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { http: ${backend} } }]
---
apiVersion: v1
kind: Pod
metadata: { name: edge, namespace: shop, labels: { app: edge } }
spec: { containers: [{ name: istio-proxy, image: auto }] }
`;
  const mesh = buildMesh(snapshotOf(resourcesOf(text)));
  const workload = mesh.workloads.get('shop/edge');
  assert.ok(workload);
  const proxy = proxyForWorkload(mesh, workload, { kind: 'redirect' });
  const { resources } = new MeshCompiler(mesh).compile(proxy);
  return { nodeId: proxy.nodeId, resources: [...resources.values()].flatMap((ofType) => [...ofType.values()]) };
}

async function run(plane: DataPlane): Promise<void> {
  await using folder = await temporaryFolder();
  await using backends = new Backends();
  const ports = { http: await backends.start('till', 'http'), admin: await backends.start('till', 'admin') };
  await using db = await startGreeter('I speak first\n');
  const path = (name: string): string => join(folder.path, name);
  await leaveSocketBehind(path('db.sock'));
  const [httpProxy = 0] = await listenPorts(1);
  const { nodeId, resources } = httpProxyClient(meshText(folder.path, { ...ports, db: db.port }), httpProxy);
  await withLiveProxy(plane, nodeId, resources, async () => {
    const get = async (host: string): Promise<{ readonly status: number; readonly endpoint?: string }> => {
      const { status, body } = await httpCall({ port: 0, socketPath: path('web.sock'), path: '/pay', headers: { host } });
      return status === 200 ? { status, endpoint: (JSON.parse(body) as { readonly endpoint: string }).endpoint } : { status }; // our own backend's
    };
    assert.deepEqual(await get('till'), { status: 200, endpoint: 'http' });
    assert.deepEqual(await get('till.shop.svc.cluster.local:8080'), { status: 200, endpoint: 'admin' });
    assert.deepEqual(await get('nobody.example'), { status: 502 }, 'the mesh is closed to hosts that are not registered');
    assert.equal(await heardFrom({ path: path('db.sock') }), 'I speak first\n', 'a socket that was left behind is taken over');
    assert.equal(await heardFrom({ path: '\0heddle-test-db' }), 'I speak first\n');
    for (const name of ['web.sock', 'db.sock']) assert.equal(lstatSync(path(name)).mode & 0o777, 0o600, name);
    await waitUntil('all calls are logged', () => readFileSync(path('log'), 'utf8').split('\n').length >= 6);
  });
  const logged = readFileSync(path('log'), 'utf8').replaceAll(folder.path, '').trim().split('\n').sort();
  assert.deepEqual(logged, [
    '/db.sock|/db.sock|outbound|3306||db.shop.svc.cluster.local|-',
    '/web.sock|/web.sock|-|-',
    '/web.sock|/web.sock|outbound|8080||till.shop.svc.cluster.local|-',
    '/web.sock|/web.sock|outbound|80||till.shop.svc.cluster.local|-',
    '@heddle-test-db|@heddle-test-db|outbound|3306||db.shop.svc.cluster.local|-',
  ]);
}

function meshText(folder: string, { http, admin, db }: Readonly<Record<'http' | 'admin' | 'db', number>>): string {
  return `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    outboundTrafficPolicy: { mode: REGISTRY_ONLY }
    accessLogFile: ${folder}/log
    accessLogFormat: "%DOWNSTREAM_LOCAL_ADDRESS%|%DOWNSTREAM_REMOTE_ADDRESS%|%UPSTREAM_CLUSTER_RAW%|%RESPONSE_FLAGS%\\n"
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: client, namespace: shop }
spec:
  workloadSelector: { labels: { app: client } }
  egress:
    - { port: { number: 0, protocol: HTTP, name: web }, bind: 'unix://${folder}/web.sock', hosts: ['./till.shop.svc.cluster.local'] }
    - { port: { number: 0, protocol: TCP, name: sql }, bind: 'unix://${folder}/db.sock', hosts: ['./db.shop.svc.cluster.local'] }
    - { port: { number: 0, protocol: TCP, name: named }, bind: 'unix://@heddle-test-db', hosts: ['./db.shop.svc.cluster.local'] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: till, namespace: shop }
spec:
  hosts: [till.shop.svc.cluster.local]
  ports: [{ name: http, number: 80, protocol: HTTP }, { name: admin, number: 8080, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { http: ${http}, admin: ${admin} } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: db, namespace: shop }
spec:
  hosts: [db.shop.svc.cluster.local]
  ports: [{ name: sql, number: 3306, protocol: MYSQL }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { sql: ${db} } }]
`;
}

/** The file of a socket that nobody listens on any more, as a proxy leaves it that was killed. */
async function leaveSocketBehind(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  renameSync(path, `${path}.kept`);
  await new Promise((resolve) => server.close(resolve));
  renameSync(`${path}.kept`, path);
}
