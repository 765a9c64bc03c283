// The two halves on their own: a control plane that is killed under load and comes back, and a proxy that goes on meanwhile.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { envoyBootstrap } from '#agent/bootstrap.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { startLoad } from '#test/scenario/load.ts';
import { type DataPlane, onBothDataPlanes } from '#test/scenario/up.ts';
import { findEnvoy } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { type RunningProcess, startHeddle, startProcess } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'app.example.com';

const mesh = (v1Port: number, v2Port: number, version: string): string => `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gateway, namespace: istio-system }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
---
apiVersion: v1
kind: Service
metadata: { name: istio-ingressgateway, namespace: istio-system }
spec: { selector: { istio: ingressgateway }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: gateway, namespace: istio-system, labels: { istio: ingressgateway } }
spec: { containers: [{ name: istio-proxy, image: auto, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: app, namespace: istio-system }
spec:
  hosts: ["${host}"]
  gateways: [gateway]
  http: [{ route: [{ destination: { host: ${version}.default.svc.cluster.local } }] }]
${['v1', 'v2'].map((name) => backend(name, name === 'v1' ? v1Port : v2Port)).join('')}`;

const backend = (name: string, port: number): string => `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: default }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: default, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
ports: [{ name: http, port: ${port}, protocol: TCP }]
`;

async function startBackend(name: string): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((_, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port, // listens on TCP
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function startControlPlane(folder: string, xdsPort: number): Promise<RunningProcess> {
  return startHeddle(['control-plane', '--config', folder, '--xds-port', String(xdsPort), '--admin-port', '0'], { ready: /^xDS on / });
}

async function startGateway(dataPlane: DataPlane, xdsPort: number, port: number, workFolder: string): Promise<RunningProcess> {
  const id = 'router~127.0.0.1~gateway.istio-system~istio-system.svc.cluster.local';
  const metadata = {
    NAMESPACE: 'istio-system',
    LABELS: { istio: 'ingressgateway' },
    INTERCEPTION_MODE: 'NONE',
    HEDDLE_LOOPBACK: { address: '127.0.0.1', inbound: { 8080: { listen: port } }, outbound: {} },
  };
  const answers = () => httpCall({ port, headers: { host } }).then(({ status }) => status === 200);
  if (dataPlane === 'embedded') {
    return startHeddle(['proxy', '--xds', `127.0.0.1:${xdsPort}`, '--node', id, '--metadata', JSON.stringify(metadata), '--log-level', 'warn'], {
      ready: answers,
    });
  }
  const bootstrap = envoyBootstrap({
    node: create(NodeSchema, { id, cluster: 'gateway', metadata }),
    xdsTarget: `127.0.0.1:${xdsPort}`,
    xdsMode: 'delta',
    adminPort: await freePort(),
  });
  const file = `${workFolder}/envoy.json`;
  await writeFile(file, JSON.stringify(bootstrap));
  return startProcess({
    command: findEnvoy() ?? 'envoy',
    args: ['-c', file, '--concurrency', '1', '--log-level', 'warning', '--disable-hot-restart'],
    ready: answers,
  });
}

onBothDataPlanes('a control plane killed and started again under load: proxies go on, then take what has changed', async (dataPlane) => {
  await using v1 = await startBackend('v1');
  await using v2 = await startBackend('v2');
  await using folder = await temporaryFolder({ 'mesh/mesh.yaml': mesh(v1.port, v2.port, 'v1') });
  const [xdsPort, port] = [await freePort(), await freePort()];
  await using first = await startControlPlane(`${folder.path}/mesh`, xdsPort);
  await using gateway = await startGateway(dataPlane, xdsPort, port, folder.path);
  await using load = startLoad({ port, headers: { host } });
  await load.more(100);

  first.signal('SIGKILL');
  await first.exited;
  await load.more(300);
  assert.deepEqual([...load.answers.keys()], ['v1']);

  await folder.write('mesh/mesh.yaml', mesh(v1.port, v2.port, 'v2'));
  await using second = await startControlPlane(`${folder.path}/mesh`, xdsPort);
  await waitUntil('v2 answers', () => load.answers.has('v2'), { timeoutMs: 20_000 });
  const before = load.answers.get('v1');
  await load.more(100);
  assert.equal(load.answers.get('v1'), before, 'v1 still answers');

  // And changes go on acting.
  await folder.write('mesh/mesh.yaml', mesh(v1.port, v2.port, 'v1'));
  await waitUntil('v1 answers again', () => (load.answers.get('v1') ?? 0) > (before ?? 0));
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.ok(gateway.pid > 0 && second.pid > 0);
});
