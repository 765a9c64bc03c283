// A client in one network and a server in another: the call goes through the gateway between them, which passes mutual TLS on and sees nothing of it. All
// three proxies of one kind, on both data planes.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { type DataPlane, type LiveProxy, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

type Ports = { readonly call: number; readonly gate: number; readonly server: number };

const pod = (name: string, network: string, ports: Readonly<Record<number, number>>): string => `
---
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: shop
  labels: { app: ${name}, security.istio.io/tlsMode: istio, topology.istio.io/network: ${network} }
  annotations: { heddle.dev/local-ports: '${JSON.stringify(ports)}' }
spec: { containers: [{ name: app, image: app, ports: [${Object.keys(ports)
  .map((port) => `{ containerPort: ${port} }`)
  .join()}] }] }`;

/** `port` of the Service, `container` behind it, which listens here at `listen`. */
const service = (name: string, labels: string, port: number, container: number, listen: number): string => `
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop, labels: { ${labels} } }
spec: { clusterIP: 10.96.0.${container % 250}, selector: { app: ${name} }, ports: [{ name: ${name === 'gate' ? 'tls' : 'http'}, port: ${port}, targetPort: ${container} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: shop, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: ${name === 'gate' ? 'tls' : 'http'}, port: ${listen} }]
endpoints: [{ addresses: [127.0.0.1], targetRef: { kind: Pod, name: ${name}, namespace: shop } }]`;

const yaml = ({ gate, server }: Ports): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "{ accessLogFile: '' }" }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: cross-network, namespace: shop }
spec:
  selector: { app: gate }
  servers: [{ port: { number: 15443, name: tls, protocol: TLS }, tls: { mode: AUTO_PASSTHROUGH }, hosts: ['*.local'] }]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: shop }
spec: { mtls: { mode: STRICT } }
${pod('client', 'one', {})}${pod('web', 'two', { 8080: server })}${pod('gate', 'two', { 15443: gate })}
${service('web', '', 80, 8080, server)}${service('gate', 'topology.istio.io/network: two', 15443, 15443, gate)}
`;

async function throughTheGateway(plane: DataPlane): Promise<void> {
  const app = createServer((request, response) => response.end(String(request.headers['x-forwarded-client-cert'])));
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const [call = 0, gate = 0, server = 0] = await listenPorts(3);
  const mesh = buildMesh(snapshotOf(resourcesOf(yaml({ call, gate, server }))));
  const compiler = new MeshCompiler(mesh);
  const proxyOf = (name: string, inbound: object, outbound: Readonly<Record<string, number>> = {}): Proxy => {
    const workload = mesh.workloads.get(`shop/${name}`);
    assert.ok(workload !== undefined);
    return proxyForWorkload(mesh, workload, { kind: 'none', address: '127.0.0.1', inbound: { ...inbound }, outbound });
  };
  // A TCP server has a port.
  const web = proxyOf('web', { 8080: { listen: server, app: (app.address() as AddressInfo).port } });
  const between = proxyOf('gate', { 15443: { listen: gate } });
  const client = proxyOf('client', {}, { 'web.shop.svc.cluster.local:80': call });
  const live = (proxy: Proxy, run: (live: LiveProxy) => Promise<void>): Promise<void> => {
    const resources = [...compiler.compile(proxy).resources.values()].flatMap((ofType) => [...ofType.values()]);
    return withLiveProxy(plane, proxy.nodeId, resources, (_source, running) => run(running));
  };
  try {
    await live(web, () =>
      live(between, ({ admin }) =>
        live(client, async () => {
          assert.equal(await passedOn(admin), 0);
          const answer = await httpCall({ port: call, headers: { host: 'web' } });
          assert.equal(answer.status, 200, answer.body);
          // The server knows the client itself, not the gateway.
          assert.match(answer.body, /By=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/default;.*URI=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/default/);
          assert.equal(await passedOn(admin), 1);
        }),
      ),
    );
  } finally {
    app.closeAllConnections();
    app.close();
  }
}

/** Connections that the gateway has taken. */
async function passedOn(admin: LiveProxy['admin']): Promise<number> {
  const stats = await admin('/stats?filter=downstream_cx_total');
  return [...stats.matchAll(/^listener\.[\d.]+_\d+\.downstream_cx_total: (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

void test('a call to another network goes through its gateway: embedded proxy', () => throughTheGateway({ kind: 'embedded' }));

envoyTest('a call to another network goes through its gateway: Envoy', (binary) => throughTheGateway({ kind: 'envoy', binary }));
