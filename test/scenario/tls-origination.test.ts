// A DestinationRule begins TLS: callers speak plain HTTP, the server outside the mesh gets TLS with its own name, and is only believed when its
// certificate is good.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import { onBothDataPlanes, startUp } from '#test/scenario/up.ts';
import { type Leaf, startAuthority } from '#test/support/certificates.ts';

type Listening = AsyncDisposable & { readonly port: number };

/** Answers with the server name that the client asked for, and whether the client showed a certificate that `ca` signed. */
async function startSecureServer({ certificate, key }: Leaf, ca: string): Promise<Listening> {
  const server: Server = createServer({ cert: certificate, key, ca, requestCert: true, rejectUnauthorized: false }, ({ socket }, response) => {
    if (socket instanceof TLSSocket) response.end(`${String(socket.servername)}${socket.authorized ? ', and who you are' : ''}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: address.port, [Symbol.asyncDispose]: stop };
}

/** One host outside the mesh, with a way in through the gateway; `tls` as in the DestinationRule. */
function outside(name: string, port: number, tls: string, names = ''): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: default }
spec:
  hosts: [${name}.example.com]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${port} } }]
  subjectAltNames: [${names}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: default }
spec:
  host: ${name}.example.com
  trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: ${tls} }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: default }
spec: { hosts: [${name}.example.com], gateways: [out], http: [{ route: [{ destination: { host: ${name}.example.com, port: { number: 80 } } }] }] }`;
}

const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: out, namespace: default }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }`;

/** A mesh needs a Pod; this one does nothing. */
const pod = `
apiVersion: v1
kind: Pod
metadata: { name: idle, namespace: default }
spec: { containers: [{ name: idle, image: idle }] }`;
const images = `images: { idle: { command: [node, -e, 'setInterval(() => undefined, 1e6)'] } }`;

onBothDataPlanes('TLS origination: the server is asked for by its name, and believed only with a good certificate', async (dataPlane) => {
  await using authority = await startAuthority();
  await using server = await startSecureServer(await authority.issue('good', ['DNS:*.example.com']), authority.ca);
  const { certificateFile, keyFile } = await authority.issue('client', ['DNS:client']);
  const roots = authority.caFile;
  const mesh = [
    gateway,
    pod,
    outside('good', server.port, `{ mode: SIMPLE, caCertificates: ${roots} }`),
    outside('named', server.port, `{ mode: SIMPLE, caCertificates: ${roots}, sni: other.example.com, subjectAltNames: [good.example.com] }`),
    outside('mutual', server.port, `{ mode: MUTUAL, caCertificates: ${roots}, clientCertificate: ${certificateFile}, privateKey: ${keyFile} }`),
    outside('wrong', server.port, `{ mode: SIMPLE, caCertificates: ${roots}, subjectAltNames: [somebody.else] }`),
    outside('entered', server.port, `{ mode: SIMPLE, caCertificates: ${roots} }`, 'good.example.com'),
    outside('refused', server.port, `{ mode: SIMPLE, caCertificates: ${roots} }`, 'somebody.else'),
    outside('strange', server.port, '{ mode: SIMPLE }'),
    outside('trusting', server.port, '{ mode: SIMPLE, insecureSkipVerify: true }'),
  ].join('\n---\n');
  await using up = await startUp(dataPlane, { files: { 'mesh.yaml': mesh, 'heddle.yaml': images } });
  const ask = async (name: string): Promise<string> => {
    const { status, body } = await up.call(`${name}.example.com`);
    return status === 200 ? body : String(status);
  };
  assert.equal(await ask('good'), 'good.example.com');
  assert.equal(await ask('named'), 'other.example.com');
  assert.equal(await ask('mutual'), 'mutual.example.com, and who you are');
  assert.equal(await ask('trusting'), 'trusting.example.com');
  assert.equal(await ask('entered'), 'entered.example.com');
  assert.equal(await ask('refused'), '503', 'the ServiceEntry names somebody else');
  assert.equal(await ask('wrong'), '503');
  assert.equal(await ask('strange'), '503', 'no root of this machine has signed the certificate');
});
