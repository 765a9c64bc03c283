// BackendTLSPolicy as clients feel it: services of the mesh and hosts outside that are called over TLS, and believed only as the policy says. The same on
// both data planes.
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
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

test('policies of TLS to backends: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('policies of TLS to backends: Envoy', (binary) => run({ kind: 'envoy', binary }));

/** Name of a service → the `validation` of its policy, and what a call comes to. Servers show a certificate for `bank.internal` and an identity. */
const services: readonly { readonly name: string; readonly validation: string; readonly answer: string }[] = [
  { name: 'right', validation: '{ hostname: bank.internal, caCertificateRefs: [ROOTS] }', answer: '200 bank.internal' },
  { name: 'other-name', validation: '{ hostname: other.internal, caCertificateRefs: [ROOTS] }', answer: '503' },
  {
    name: 'other-server-name',
    validation: '{ hostname: other.internal, caCertificateRefs: [ROOTS], subjectAltNames: [{ type: Hostname, hostname: bank.internal }] }',
    answer: '200 other.internal',
  },
  {
    name: 'identity',
    validation: '{ hostname: bank.internal, caCertificateRefs: [ROOTS], subjectAltNames: [{ type: URI, uri: "spiffe://bank/till" }] }',
    answer: '200 bank.internal',
  },
  { name: 'strange-roots', validation: '{ hostname: bank.internal, caCertificateRefs: [STRANGE] }', answer: '503' },
  { name: 'no-roots', validation: '{ hostname: bank.internal, caCertificateRefs: [NONE] }', answer: '503' },
  { name: 'system-roots', validation: '{ hostname: bank.internal, wellKnownCACertificates: System }', answer: '503' },
];

async function run(plane: DataPlane): Promise<void> {
  const { text, certificates } = withCertificates(meshText(), {
    bank: { for: ['DNS:bank.internal', 'URI:spiffe://bank/till'] },
    odd: { for: ['DNS:odd.internal'], strange: true },
  });
  await using server = await startServer(certificates);
  const ports = await listenPorts(services.length);
  const outbound = Object.fromEntries(services.map(({ name }, index) => [`${name}.example.com:80`, ports[index] ?? 0]));
  const { nodeId, resources } = compile(text.replaceAll('"SERVER"', String(server.port)), outbound);
  await withLiveProxy(plane, nodeId, resources, async () => {
    for (const [index, { name, answer }] of services.entries()) {
      const { status, body } = await httpCall({ port: ports[index] ?? 0, headers: { host: `${name}.example.com` } });
      assert.equal(status === 200 ? `200 ${body}` : String(status), answer, name);
    }
  });
}

function compile(text: string, outbound: Readonly<Record<string, number>>) {
  const read = readText('mesh.yaml', text).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  const mesh = buildMesh(nextSnapshot(undefined, read, []));
  const workload = mesh.workloads.get('shop/client');
  assert.ok(workload);
  const proxy = proxyForWorkload(mesh, workload, { kind: 'none', address: '127.0.0.1', inbound: {}, outbound });
  const { resources } = new MeshCompiler(mesh).compile(proxy);
  return { nodeId: proxy.nodeId, resources: [...resources.values()].flatMap((ofType) => [...ofType.values()]) };
}

function meshText(): string {
  const reference = (name: string): string => `{ group: "", kind: ConfigMap, name: ${name} }`;
  const parts = [
    `apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "accessLogFile: ''" }`,
    ...['roots', 'strange roots'].map(
      (roots) => `apiVersion: v1
kind: ConfigMap
metadata: { name: ${roots.replace(' ', '-')}, namespace: shop }
data: { ca.crt: $(${roots}) }`,
    ),
    `apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop, labels: { app: client } }
spec: { containers: [{ name: app, image: app }] }`,
    ...services.map(({ name, validation }) => serviceText(name, validation)),
  ];
  return parts
    .join('\n---\n')
    .replaceAll('[ROOTS]', `[${reference('roots')}]`)
    .replaceAll('[STRANGE]', `[${reference('strange-roots')}]`)
    .replaceAll('[NONE]', `[${reference('none')}]`);
}

function serviceText(name: string, validation: string): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: ['${name}.example.com']
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: "SERVER" } }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  targetRefs: [{ group: networking.istio.io, kind: ServiceEntry, name: ${name} }]
  validation: ${validation}`;
}

/** Answers with the server name that it was asked for. */
async function startServer(certificates: CaseCertificates): Promise<AsyncDisposable & { readonly port: number }> {
  const { certificate, key } = certificates.pair('bank');
  const server = createServer({ cert: certificate, key }, ({ socket }, response) => {
    response.end('servername' in socket ? String(socket.servername) : 'none');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  // A TCP server has a port.
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: stop };
}
