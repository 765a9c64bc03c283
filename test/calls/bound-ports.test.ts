// A proxy that nothing is redirected to, on a machine of its own (Istio's INTERCEPTION_MODE NONE): it opens the ports of the services that its app calls on
// 127.0.0.1, and what its Sidecar says for who comes in. The same on both data planes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyFromNode } from '#model/proxy-from-node.ts';
import { Backends } from '#test/calls/backends.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { heardFrom, startGreeter } from '#test/support/greeter.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

test('ports that nothing is redirected to: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('ports that nothing is redirected to: Envoy', (binary) => run({ kind: 'envoy', binary }));

async function run(plane: DataPlane): Promise<void> {
  await using backends = new Backends();
  const [web, app] = [await backends.start('web', 'there'), await backends.start('app', 'own')];
  await using bytes = await startGreeter('I speak first\n');
  const [http = 0, tcp = 0, inbound = 0] = await listenPorts(3);
  const { nodeId, resources } = compile({ http, tcp, inbound, web, app, bytes: bytes.port });
  await withLiveProxy(plane, nodeId, resources, async () => {
    const endpoint = async (port: number, host: string): Promise<string> => {
      const { status, body } = await httpCall({ port, headers: { host } });
      return status === 200 ? (JSON.parse(body) as { readonly endpoint: string }).endpoint : String(status); // our own backend's
    };
    assert.equal(await endpoint(http, 'web.example.com'), 'there');
    assert.equal(await endpoint(http, 'nobody.example.com'), '502', 'the mesh is closed to hosts that are not registered');
    assert.equal(await endpoint(inbound, 'client'), 'own');
    assert.equal(await heardFrom({ host: '127.0.0.1', port: tcp }), 'I speak first\n');
  });
}

function compile(ports: Readonly<Record<'http' | 'tcp' | 'inbound' | 'web' | 'app' | 'bytes', number>>) {
  const text = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "{ accessLogFile: '', outboundTrafficPolicy: { mode: REGISTRY_ONLY } }" }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: shop }
spec:
  hosts: [web.example.com]
  resolution: STATIC
  ports: [{ number: ${ports.http}, name: http, protocol: HTTP }, { number: ${ports.tcp}, name: tcp, protocol: TCP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${ports.web}, tcp: ${ports.bytes} } }]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: client, namespace: shop }
spec:
  workloadSelector: { labels: { app: client } }
  ingress: [{ port: { number: ${ports.inbound}, name: http, protocol: HTTP }, bind: 127.0.0.1, defaultEndpoint: '127.0.0.1:${ports.app}' }]
  egress: [{ hosts: ['*/*'] }]
`;
  const proxy = proxyFromNode('sidecar~10.0.0.9~client.shop~shop.svc.cluster.local', {
    INTERCEPTION_MODE: 'NONE',
    LABELS: { app: 'client' },
    HEDDLE_IDENTITY: 'none',
  });
  assert.ok(proxy.ok);
  const { resources } = new MeshCompiler(buildMesh(snapshotOf(resourcesOf(text)))).compile(proxy.value);
  return { nodeId: proxy.value.nodeId, resources: [...resources.values()].flatMap((ofType) => [...ofType.values()]) };
}
