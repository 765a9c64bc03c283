// TLS that begins at a sidecar towards hosts outside the mesh: with the credentials that a rule names, with files and a list of revoked certificates, and
// what is not believed. The same on both data planes.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { readText } from '#api/read-text.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { type CaseCertificates, withCertificates } from '#test/support/case-certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

test('TLS origination with credentials and revoked certificates: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('TLS origination with credentials and revoked certificates: Envoy', (binary) => run({ kind: 'envoy', binary }));

/**
 * Host → the `tls` of its rule, and what a call comes to, of the host itself or of the one that is said. Servers show the certificate `good`, but for
 * `revoked…`.
 */
const hosts: readonly { readonly host: string; readonly tls: string; readonly asks?: string; readonly answer: string }[] = [
  { host: 'mutual.example.com', tls: '{ mode: MUTUAL, credentialName: client }', answer: '200 CN=client' },
  { host: 'simple.example.com', tls: '{ mode: SIMPLE, credentialName: client }', answer: '200 nobody' },
  { host: 'other.example.com', tls: '{ mode: SIMPLE, credentialName: client, subjectAltNames: [else.example.org] }', answer: '503' },
  { host: 'strange.example.com', tls: '{ mode: SIMPLE, credentialName: strange }', answer: '503' },
  { host: 'missing.example.com', tls: '{ mode: SIMPLE, credentialName: missing }', answer: '503' },
  { host: 'listed.example.com', tls: '{ mode: SIMPLE, caCertificates: ROOTS, caCrl: REVOKED }', answer: '200 nobody' },
  { host: 'revoked.example.com', tls: '{ mode: SIMPLE, caCertificates: ROOTS, caCrl: REVOKED }', answer: '503' },
  { host: 'revoked-unasked.example.com', tls: '{ mode: SIMPLE, caCertificates: ROOTS }', answer: '200 nobody' },
  { host: '*.example.com', tls: '{ mode: SIMPLE, caCertificates: ROOTS }', asks: 'any.example.com', answer: '200 nobody' },
  { host: '*.example.org', tls: '{ mode: SIMPLE, caCertificates: ROOTS }', asks: 'any.example.org', answer: '503' },
  { host: '*.example.net', tls: '{ mode: SIMPLE, caCertificates: ROOTS, sni: a.example.com }', asks: 'any.example.net', answer: '200 nobody' },
];

async function run(plane: DataPlane): Promise<void> {
  const { text, certificates } = withCertificates(meshText(), {
    good: { for: ['DNS:*.example.com'] },
    gone: { for: ['DNS:*.example.com'], revoked: true },
    client: { for: ['DNS:client.example.com'] },
    odd: { for: ['DNS:odd.example.com'], strange: true },
  });
  await using good = await startServer(certificates, 'good');
  await using gone = await startServer(certificates, 'gone');
  const revoked: unknown = JSON.parse(/^# revoked (.*)$/m.exec(text)?.[1] ?? '');
  await using folder = await temporaryFolder({ 'roots.pem': certificates.roots, 'revoked.pem': String(revoked) });
  const ports = await listenPorts(hosts.length);
  const outbound = Object.fromEntries(hosts.map(({ host }, index) => [`${host}:80`, ports[index] ?? 0]));
  const placed = text
    .replaceAll('ROOTS', `${folder.path}/roots.pem`)
    .replaceAll('REVOKED', `${folder.path}/revoked.pem`)
    .replaceAll('"GOOD"', String(good.port))
    .replaceAll('"GONE"', String(gone.port));
  const { nodeId, resources } = compile(placed, outbound);
  await withLiveProxy(plane, nodeId, resources, async () => {
    for (const [index, { host, asks = host, answer }] of hosts.entries()) {
      const { status, body } = await httpCall({ port: ports[index] ?? 0, headers: { host: asks } });
      assert.equal(status === 200 ? `200 ${body}` : String(status), answer, asks);
    }
  });
}

function compile(text: string, outbound: Readonly<Record<string, number>>) {
  const { items } = readText('mesh.yaml', text);
  const mesh = buildMesh(
    nextSnapshot(
      undefined,
      items.flatMap(({ resource }) => (resource === undefined ? [] : [resource])),
      [],
    ),
  );
  const workload = mesh.workloads.get('shop/client');
  assert.ok(workload);
  const proxy = proxyForWorkload(mesh, workload, { kind: 'none', address: '127.0.0.1', inbound: {}, outbound });
  const { resources } = new MeshCompiler(mesh).compile(proxy);
  return { nodeId: proxy.nodeId, resources: [...resources.values()].flatMap((ofType) => [...ofType.values()]) };
}

function meshText(): string {
  const secrets = [
    ['client', '{ tls.crt: $(certificate client), tls.key: $(key client), ca.crt: $(roots) }'],
    ['strange', '{ ca.crt: $(strange roots) }'],
  ];
  return [
    '# revoked $(revoked)',
    `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "accessLogFile: ''" }`,
    `apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop, labels: { app: client } }
spec: { containers: [{ name: app, image: app }] }`,
    ...secrets.map(
      ([name, data]) => `apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: shop }
stringData: ${data}`,
    ),
    ...hosts.map(({ host, tls }) => hostText(host, tls)),
  ].join('\n---\n');
}

function hostText(host: string, tls: string): string {
  const name = host.replace('*', 'all').replaceAll('.', '-');
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: ['${host}']
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: "${host.startsWith('revoked') ? 'GONE' : 'GOOD'}" } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: '${host}', workloadSelector: { matchLabels: { app: client } }, trafficPolicy: { tls: ${tls} } }`;
}

type Listening = AsyncDisposable & { readonly port: number };

/** Answers with the subject of the certificate that the client showed, if it may be believed. */
async function startServer(certificates: CaseCertificates, name: string): Promise<Listening> {
  const { certificate, key } = certificates.pair(name);
  const options = { cert: certificate, key, ca: certificates.roots, requestCert: true, rejectUnauthorized: false };
  const server: Server = createServer(options, ({ socket }, response) => {
    const known = socket instanceof TLSSocket && socket.authorized;
    response.end(known ? `CN=${String(socket.getPeerCertificate().subject.CN)}` : 'nobody');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  // A TCP server has a port.
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: stop };
}
