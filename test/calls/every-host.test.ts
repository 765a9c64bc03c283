// A ServiceEntry for every host of a domain (DYNAMIC_DNS): each request goes where DNS says that its own host is. The hosts are addresses here,
// which need no DNS. The same on both data planes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { Backends } from '#test/calls/backends.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

test('a ServiceEntry for every host of a domain: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('a ServiceEntry for every host of a domain: Envoy', (binary) => run({ kind: 'envoy', binary }));

async function run(plane: DataPlane): Promise<void> {
  await using backends = new Backends();
  const outside = await backends.start('outside', '127.0.0.1');
  const [httpProxy = 0] = await listenPorts(1);
  const { nodeId, resources } = compile(httpProxy, outside);
  await withLiveProxy(plane, nodeId, resources, async () => {
    const ask = (host: string) => httpCall({ port: httpProxy, path: `http://${host}:${outside}/there`, headers: { host: `${host}:${outside}` } });
    const inside = await ask('127.0.0.1');
    assert.equal(inside.status, 200);
    assert.match(inside.body, /"cluster":"outside"/);
    assert.equal((await ask('127.1.1.1')).status, 502, 'a host of no domain that the mesh knows');
  });
}

/** The mesh is closed but for the hosts that end in .0.0.1, on the backend's port. */
function compile(httpProxy: number, backend: number) {
  const text = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "{ outboundTrafficPolicy: { mode: REGISTRY_ONLY }, accessLogFile: '' }" }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: every, namespace: shop }
spec:
  hosts: ['*.0.0.1']
  location: MESH_EXTERNAL
  resolution: DYNAMIC_DNS
  ports: [{ name: http, number: ${backend}, protocol: HTTP }]
---
apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop, labels: { app: client } }
spec: { containers: [{ name: app, image: app }] }
`;
  const read = readText('mesh.yaml', text).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  const mesh = buildMesh(nextSnapshot(undefined, read, []));
  const workload = mesh.workloads.get('shop/client');
  assert.ok(workload);
  const proxy = proxyForWorkload(mesh, workload, { kind: 'none', address: '127.0.0.1', inbound: {}, outbound: {}, httpProxy });
  const { resources } = new MeshCompiler(mesh).compile(proxy);
  return { nodeId: proxy.nodeId, resources: [...resources.values()].flatMap((ofType) => [...ofType.values()]) };
}
