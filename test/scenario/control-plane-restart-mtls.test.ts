// The control plane with its authority, killed under load and started again on its folder: a gateway and a sidecar that speak STRICT mutual TLS go on with
// the certificates that they have, then take what has changed, and proofs of before are proofs still.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { startLoad } from '#test/scenario/load.ts';
import { type DataPlane, onBothDataPlanes } from '#test/scenario/up.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { type RunningProcess, startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const host = 'app.example.com';

const mesh = (sidecar: number, path: string): string => `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: gateway-alone, namespace: shop }
spec: { rules: [{ from: [{ source: { principals: [cluster.local/ns/istio-system/sa/gateway] } }] }] }
---
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
spec: { serviceAccountName: gateway, containers: [{ name: istio-proxy, image: auto, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: app, namespace: istio-system }
spec:
  hosts: ["${host}"]
  gateways: [gateway]
  http: [{ rewrite: { uri: ${path} }, route: [{ destination: { host: web.shop.svc.cluster.local } }] }]
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web-0, namespace: shop, labels: { app: web, security.istio.io/tlsMode: istio } }
spec:
  serviceAccountName: web
  containers: [{ name: app, image: app, ports: [{ containerPort: 8080 }] }, { name: istio-proxy, image: auto }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true }, targetRef: { kind: Pod, name: web-0, namespace: shop } }]
ports: [{ name: http, port: ${sidecar}, protocol: TCP }]
`;

type Place = { readonly folder: string; readonly dataPlane: DataPlane; readonly plain: number; readonly secure: number };

function startControlPlane({ folder, plain, secure }: Place): Promise<RunningProcess> {
  const ports = ['--xds-port', String(plain), '--secure-port', String(secure), '--admin-port', '0'];
  return startHeddle(['control-plane', '--config', `${folder}/mesh`, '--ca', `${folder}/ca`, ...ports], { ready: /with TLS on/ });
}

async function startProxy(
  { folder, dataPlane, secure }: Place,
  account: string,
  namespace: string,
  node: string,
  metadata: object,
): Promise<RunningProcess> {
  const token = `${folder}/${account}.token`;
  await using made = await startHeddle(['token', 'create', '-n', namespace, '--service-account', account, '--ca', `${folder}/ca`, '--to', token]);
  assert.equal((await made.exited).code, 0, made.output());
  const adminPort = await freePort();
  const who = [
    '--node',
    node,
    '--metadata',
    JSON.stringify({ NAMESPACE: namespace, SERVICE_ACCOUNT: account, INTERCEPTION_MODE: 'NONE', ...metadata }),
  ];
  const proof = ['--token-file', token, '--ca-roots', `${folder}/ca/root-cert.pem`];
  const kind = dataPlane === 'envoy' ? ['--envoy'] : [];
  return await startHeddle(
    ['proxy', ...kind, '--xds', `127.0.0.1:${secure}`, ...who, ...proof, '--admin-port', String(adminPort), '--log-level', 'warn'],
    {
      ready: () => httpCall({ port: adminPort, path: '/ready' }).then(({ status }) => status === 200),
    },
  );
}

function serialAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['istio'] }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

onBothDataPlanes(
  'a control plane with its authority killed and started again under load: mutual TLS goes on, and no request fails',
  async (dataPlane) => {
    const backend = createServer((request, response) => response.end(request.url));
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    using _backend = { [Symbol.dispose]: () => void backend.close() };
    const app = (backend.address() as AddressInfo).port; // listens on TCP
    const [plain, secure, entry, sidecar] = [await freePort(), await freePort(), await freePort(), await freePort()];
    await using folder = await temporaryFolder({ 'mesh/mesh.yaml': mesh(sidecar, '/one') });
    const place: Place = { folder: folder.path, dataPlane, plain, secure };
    await using first = await startControlPlane(place);
    const web = { address: '127.0.0.1', inbound: { 8080: { listen: sidecar, app } }, outbound: {} };
    await using server = await startProxy(place, 'web', 'shop', 'sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local', {
      LABELS: { app: 'web' },
      HEDDLE_LOOPBACK: web,
    });
    await using gateway = await startProxy(place, 'gateway', 'istio-system', 'router~127.0.0.1~gateway.istio-system~istio-system.svc.cluster.local', {
      LABELS: { istio: 'ingressgateway' },
      HEDDLE_LOOPBACK: { address: '127.0.0.1', inbound: { 8080: { listen: entry } }, outbound: {} },
    });
    assert.ok(server.pid > 0 && gateway.pid > 0);
    await waitUntil('the first answer', () =>
      httpCall({ port: entry, headers: { host } }).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    await assert.rejects(httpCall({ port: sidecar, headers: { host } }), 'plaintext is not taken');
    const serial = await serialAt(sidecar);
    await using load = startLoad({ port: entry, headers: { host } });
    await load.more(100);

    first.signal('SIGKILL');
    await first.exited;
    await load.more(300);
    assert.deepEqual([...load.answers.keys()], ['/one']);
    await folder.write('mesh/mesh.yaml', mesh(sidecar, '/two'));
    await using second = await startControlPlane(place);
    await waitUntil('what has changed acts', () => load.answers.has('/two'), { timeoutMs: 30_000 });
    await load.more(100);
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.equal(await serialAt(sidecar), serial, 'the certificate of before');
    assert.ok(second.pid > 0);
  },
);
