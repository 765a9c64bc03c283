// Bytes through a sidecar that nothing is redirected to, as `heddle up` runs it: a port for each service, where a server may speak first,
// TLS is passed on by its server name, and a host outside the mesh has its port like any other. The same on both data planes.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { ByteBackends } from '#test/calls/byte-backends.ts';
import { byteCall } from '#test/calls/byte-call.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

test('bytes without redirection: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('bytes without redirection: Envoy', (binary) => run({ kind: 'envoy', binary }));

async function run(plane: DataPlane): Promise<void> {
  await using authority = await startAuthority();
  await using backends = new ByteBackends(await authority.issue('backend', ['DNS:backend.test']));
  await using greeter = await startGreeter();
  const [first, second, outside] = [await backends.start('first', '1'), await backends.start('second', '2'), await backends.start('outside', '3')];
  const [greeting = 0, secure = 0, external = 0] = await listenPorts(3);
  const outbound = { 'greeter.shop.svc.cluster.local:2525': greeting, 'front.shop.svc.cluster.local:443': secure, 'partner.example:7000': external };
  const { proxy, resources } = compile(mesh({ greeter: greeter.port, first, second, outside }), outbound);
  await withLiveProxy(
    plane,
    proxy.nodeId,
    [...resources.values()].flatMap((ofType) => [...ofType.values()]),
    async () => {
      assert.equal((await byteCall(greeting, undefined, 'listen'))?.cluster, 'greeter', 'a server that speaks first');
      assert.equal((await byteCall(secure, 'new.example'))?.cluster, 'second', 'by the server name');
      assert.equal((await byteCall(secure, 'old.example'))?.cluster, 'first', 'by another server name');
      assert.equal((await byteCall(secure, 'unknown.example'))?.cluster, 'first', 'no rule takes it: the service does');
      assert.equal((await byteCall(external, undefined))?.cluster, 'outside', 'a host outside the mesh');
    },
  );
}

function compile(text: string, outbound: Readonly<Record<string, number>>) {
  const resources = readText('mesh.yaml', text).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  const built = buildMesh(nextSnapshot(undefined, resources, []));
  const workload = built.workloads.get('shop/client');
  assert.ok(workload);
  const proxy = proxyForWorkload(built, workload, { kind: 'none', address: '127.0.0.1', inbound: {}, outbound });
  return { proxy, resources: new MeshCompiler(built).compile(proxy).resources };
}

function mesh({ greeter, first, second, outside }: Readonly<Record<'greeter' | 'first' | 'second' | 'outside', number>>): string {
  return `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "accessLogFile: ''" }
---
${service('greeter', 'tcp-smtp', 2525, greeter)}
---
${service('front', 'tls', 443, first)}
---
${service('second', 'tls', 443, second)}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front, namespace: shop }
spec:
  hosts: [front.shop.svc.cluster.local, new.example, old.example]
  tls:
    - match: [{ sniHosts: [new.example] }]
      route: [{ destination: { host: second } }]
    - match: [{ sniHosts: [old.example] }]
      route: [{ destination: { host: front } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: partner, namespace: shop }
spec:
  hosts: [partner.example]
  ports: [{ name: tcp, number: 7000, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { tcp: ${outside} } }]
---
apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop, labels: { app: client } }
spec: { containers: [{ name: app, image: app }] }
`;
}

function service(name: string, portName: string, port: number, endpointPort: number): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { ports: [{ name: ${portName}, port: ${port} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: shop, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: ${portName}, port: ${endpointPort} }]
endpoints: [{ addresses: [127.0.0.1] }]`;
}

/** Says who it is before it is asked, as mail and database servers do. */
async function startGreeter(): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${JSON.stringify({ cluster: 'greeter', endpoint: 'greeter' })}\n`);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
