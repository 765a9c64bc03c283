// tls.ocsp-staple of a Secret: what the authority says of a certificate's revocation, handed to clients that ask, on both data planes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { type Leaf, startAuthority } from '#test/support/certificates.ts';
import { edgeGateway } from '#test/support/edge-gateway.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const run = promisify(execFile);

const mesh = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: edge }
spec:
  selector: { app: edge }
  servers:
    - { port: { number: 443, name: https, protocol: HTTPS }, hosts: [shop.example.com], tls: { mode: SIMPLE, credentialName: shop } }
    - { port: { number: 443, name: https-plain, protocol: HTTPS }, hosts: [plain.example.com], tls: { mode: SIMPLE, credentialName: plain } }
`;

void test('a staple is handed to clients that ask for it: embedded proxy', () => staples({ kind: 'embedded' }));

envoyTest('a staple is handed to clients that ask for it: Envoy', (binary) => staples({ kind: 'envoy', binary }));

async function staples(plane: DataPlane): Promise<void> {
  await using authority = await startAuthority();
  const shop = await authority.issue('shop', ['DNS:shop.example.com']);
  const plain = await authority.issue('plain', ['DNS:plain.example.com']);
  const response = await respond(authority.caFile, shop);
  const documents = [mesh, secret('shop', shop, response), secret('plain', plain)];
  const { port, nodeId, resources, diagnostics } = await edgeGateway(...documents);
  assert.deepEqual(diagnostics, []);
  await withLiveProxy(plane, nodeId, resources, async () => {
    assert.deepEqual(await stapled(port, 'shop.example.com', authority.ca), response);
    assert.equal(await stapled(port, 'plain.example.com', authority.ca), null);
  });
}

function secret(name: string, { certificate, key }: Leaf, staple?: Buffer): string {
  const data = staple === undefined ? {} : { 'tls.ocsp-staple': staple.toString('base64') };
  const metadata = { name, namespace: 'edge' };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, data, stringData: { 'tls.crt': certificate, 'tls.key': key } });
}

/** What openssl says as the authority: the certificate is good, for a day. */
async function respond(caFile: string, { certificate, certificateFile }: Leaf): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const { stdout } = await run('openssl', ['x509', '-in', certificateFile, '-noout', '-serial']);
  await writeFile(at('index.txt'), `V\t491231000000Z\t\t${stdout.trim().replace('serial=', '')}\tunknown\t/CN=shop\n`);
  await writeFile(at('leaf.pem'), certificate);
  await run('openssl', ['ocsp', '-issuer', caFile, '-cert', at('leaf.pem'), '-no_nonce', '-reqout', at('request.der')]);
  const sign = ['-index', at('index.txt'), '-CA', caFile, '-rsigner', caFile, '-rkey', caFile.replace(/\.pem$/, '.key'), '-ndays', '1'];
  await run('openssl', ['ocsp', ...sign, '-reqin', at('request.der'), '-respout', at('response.der')]);
  return await readFile(at('response.der'));
}

/** The staple that the server hands out, or null. */
function stapled(port: number, servername: string, ca: string): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername, ca, requestOCSP: true });
    socket.once('OCSPResponse', (response: Buffer | null) => {
      resolve(response);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
