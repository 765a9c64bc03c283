// A gateway from YAML to packets, on both data planes: TLS ended with certificates from files (also of clients, also for bytes), TLS passed
// through by server name, bytes by weight, and what happens to connections that no server is for.
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { readText } from '#api/read-text.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { XdsResource } from '#envoy/resource.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { type Authority, type Leaf, startAuthority } from '#test/support/certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

const nodeId = 'router~127.0.0.1~edge-0.edge~edge.svc.cluster.local';

void test('a gateway ends TLS, passes it through, and passes bytes on: embedded proxy', () => everything({ kind: 'embedded' }));

envoyTest('a gateway ends TLS, passes it through, and passes bytes on: Envoy', (binary) => everything({ kind: 'envoy', binary }));

async function everything(plane: DataPlane): Promise<void> {
  await using authority = await startAuthority();
  const edge = await authority.issue('edge', ['DNS:shop.example.com', 'DNS:staff.example.com', 'DNS:lines.example.com']);
  const client = await authority.issue('client', ['DNS:client.example.com']);
  const own = await authority.issue('own', ['DNS:one.pass.example.com']);
  const backends = await startBackends(own);
  try {
    const [tlsPort = 0, bytesPort = 0] = await listenPorts(2);
    const resources = compile(yaml({ edge, authority, ports: backends.ports }), { 443: tlsPort, 9000: bytesPort });
    await withLiveProxy(plane, nodeId, resources, async () => {
      await endsTls(tlsPort, authority, client);
      await passesOn(tlsPort, bytesPort, authority);
    });
  } finally {
    for (const server of backends.servers) server.close();
  }
}

async function endsTls(port: number, { ca }: Authority, client: Leaf): Promise<void> {
  const shop = { port, ca, servername: 'shop.example.com', ALPNProtocols: ['http/1.1'] };
  assert.match(await exchange(shop, get('shop.example.com')), /^HTTP\/1.1 200[^]*web$/);
  assert.match(await exchange(shop, get('other.example.com')), /^HTTP\/1.1 404/, 'the routes are those of the server alone');
  const staff = { port, ca, servername: 'staff.example.com', ALPNProtocols: ['http/1.1'] };
  await assert.rejects(exchange(staff, get('staff.example.com')), 'without a certificate');
  assert.match(await exchange({ ...staff, cert: client.certificate, key: client.key }, get('staff.example.com')), /^HTTP\/1.1 200[^]*web$/);
  assert.equal(await exchange({ port, ca, servername: 'lines.example.com' }, 'hi\n'), 'bytes: hi\n');
}

async function passesOn(tlsPort: number, bytesPort: number, { ca }: Authority): Promise<void> {
  const passed = { port: tlsPort, ca, servername: 'one.pass.example.com' };
  assert.equal(await exchange(passed, 'hi\n'), 'sealed: hi\n', 'ended by the backend, with its own certificate');
  await assert.rejects(exchange({ port: tlsPort, ca, servername: 'two.pass.example.com' }, 'hi\n'), 'no rule has the name');
  await assert.rejects(exchange({ port: tlsPort, ca }, 'hi\n'), 'no server name at all');
  const met = new Set<string>();
  for (let tries = 0; met.size < 2 && tries < 200; tries++) met.add(await plainExchange(bytesPort, 'hi\n'));
  assert.deepEqual([...met].sort(), ['bytes: hi\n', 'more: hi\n']);
}

function get(host: string): string {
  return `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
}

/** Sends `text` over TLS and takes the answer up to the end of the connection, or the first line of it. Rejects where TLS fails. */
function exchange(options: ConnectionOptions, text: string): Promise<string> {
  return collect(connectTls({ host: '127.0.0.1', ...options }), text);
}

function plainExchange(port: number, text: string): Promise<string> {
  return collect(connect({ host: '127.0.0.1', port }), text);
}

function collect(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      answer += part;
      if (!answer.startsWith('HTTP') && answer.endsWith('\n')) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => (answer === '' ? reject(new Error('closed without an answer')) : resolve(answer)));
    socket.write(text);
  });
}

type Ports = { readonly web: number; readonly bytes: number; readonly more: number; readonly sealed: number };

async function startBackends(own: Leaf): Promise<{ readonly servers: readonly Server[]; readonly ports: Ports }> {
  const say = (name: string) => (socket: Socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (part) => socket.write(`${name}: ${part.toString()}`));
  };
  const web = createHttpServer((_request, response) => response.end('web'));
  const bytes = createServer(say('bytes'));
  const more = createServer(say('more'));
  const sealed = createTlsServer({ cert: own.certificate, key: own.key }, say('sealed'));
  const servers = [web, bytes, more, sealed];
  const [webPort, bytesPort, morePort, sealedPort] = await Promise.all(servers.map(listen));
  return { servers, ports: { web: webPort ?? 0, bytes: bytesPort ?? 0, more: morePort ?? 0, sealed: sealedPort ?? 0 } };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

/** `inbound`: container port → where the gateway listens. */
function compile(text: string, inbound: Readonly<Record<string, number>>): readonly XdsResource[] {
  const items = readText('in.yaml', text).items;
  assert.deepEqual(
    items.flatMap(({ diagnostics }) => diagnostics),
    [],
  );
  const mesh = buildMesh(
    nextSnapshot(
      undefined,
      items.flatMap(({ resource }) => resource ?? []),
      [],
    ),
  );
  const listens = Object.fromEntries(Object.entries(inbound).map(([port, listen]) => [port, { listen }]));
  const { resources, diagnostics } = new MeshCompiler(mesh).compile({
    type: 'router',
    name: 'edge-0',
    namespace: 'edge',
    nodeId,
    addresses: ['127.0.0.1'],
    labels: { istio: 'ingressgateway' },
    dnsDomain: 'edge.svc.cluster.local',
    interception: { kind: 'none', address: '127.0.0.1', inbound: listens, outbound: {} },
    explainFailures: false,
  });
  assert.deepEqual(diagnostics, []);
  return [...resources.values()].flatMap((ofType) => [...ofType.values()]);
}

function yaml({ edge, authority, ports }: { readonly edge: Leaf; readonly authority: Authority; readonly ports: Ports }): string {
  const files = `serverCertificate: ${edge.certificateFile}, privateKey: ${edge.keyFile}`;
  const route = (host: string): string => `route: [{ destination: { host: ${host}.backends } }]`;
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: 'accessLogFile: ""' }
---
${Object.entries(ports)
  .map(([name, port]) => serviceEntry(name, port))
  .join('---\n')}---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: edge }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 443, name: https-shop, protocol: HTTPS }, hosts: [shop.example.com], tls: { mode: SIMPLE, ${files} } }
    - port: { number: 443, name: https-staff, protocol: HTTPS }
      hosts: [staff.example.com]
      tls: { mode: MUTUAL, ${files}, caCertificates: ${authority.caFile}, subjectAltNames: [client.example.com] }
    - { port: { number: 443, name: tls-lines, protocol: TLS }, hosts: [lines.example.com], tls: { mode: SIMPLE, ${files} } }
    - { port: { number: 443, name: tls-pass, protocol: TLS }, hosts: ['*.pass.example.com'], tls: { mode: PASSTHROUGH } }
    - { port: { number: 9000, name: tcp, protocol: TCP }, hosts: ['*'] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: edge }
spec: { hosts: [shop.example.com, staff.example.com], gateways: [edge], http: [{ ${route('web')} }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: lines, namespace: edge }
spec: { hosts: [lines.example.com], gateways: [edge], tcp: [{ match: [{ port: 443 }], ${route('bytes')} }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: pass, namespace: edge }
spec: { hosts: [one.pass.example.com], gateways: [edge], tls: [{ match: [{ sniHosts: [one.pass.example.com] }], ${route('sealed')} }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: bytes, namespace: edge }
spec:
  hosts: ['*']
  gateways: [edge]
  tcp:
    - match: [{ port: 9000 }]
      route: [{ destination: { host: bytes.backends }, weight: 50 }, { destination: { host: more.backends }, weight: 50 }]
`;
}

function serviceEntry(name: string, port: number): string {
  const protocol = name === 'web' ? 'HTTP' : 'TCP';
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: edge }
spec:
  hosts: [${name}.backends]
  resolution: STATIC
  location: MESH_INTERNAL
  ports: [{ number: ${port}, name: ${protocol.toLowerCase()}, protocol: ${protocol} }]
  endpoints: [{ address: 127.0.0.1 }]
`;
}
