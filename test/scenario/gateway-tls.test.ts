// Certificates of a gateway from Secret files, while connections are open and new ones are made: renewed without a failure, kept while a new one is
// of no use, closed when the Secret is gone; and the roots that clients are held against, renewed likewise.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { type DataPlane, example, onBothDataPlanes, startUp, type Up } from '#test/scenario/up.ts';
import { type Authority, type Leaf, startAuthority } from '#test/support/certificates.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { type TlsAnswer, tlsCall } from '#test/support/tls-call.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const mesh = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: istio-system }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.example.com], tls: { httpsRedirect: true } }
    - { port: { number: 443, name: https-shop, protocol: HTTPS }, hosts: [shop.example.com], tls: { mode: SIMPLE, credentialName: shop } }
    - { port: { number: 443, name: https-staff, protocol: HTTPS }, hosts: [staff.example.com], tls: { mode: MUTUAL, credentialName: staff } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: istio-system }
spec:
  hosts: [shop.example.com, staff.example.com]
  gateways: [edge]
  http: [{ route: [{ destination: { host: hello.default.svc.cluster.local } }] }]
`;

function secret(name: string, { certificate, key }: Pick<Leaf, 'certificate' | 'key'>, roots?: string): string {
  const stringData = { 'tls.crt': certificate, 'tls.key': key, ...(roots !== undefined && { 'ca.crt': roots }) };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'istio-system' }, stringData });
}

async function httpsPort(up: Up): Promise<number> {
  const { gatewayPorts = [] } = await up.state();
  const found = gatewayPorts.find(({ port }) => port === 443);
  assert.equal(found?.protocol, 'https', JSON.stringify(gatewayPorts));
  return Number(found?.address.split(':').at(-1));
}

class Caller {
  readonly #port: number;
  readonly #roots: string;

  constructor(port: number, roots: string) {
    this.#port = port;
    this.#roots = roots;
  }

  call(host: string, pair?: Leaf): Promise<TlsAnswer> {
    return tlsCall({
      port: this.#port,
      headers: { host, connection: 'close' },
      serverName: host,
      roots: this.#roots,
      ...(pair !== undefined && { pair }),
    });
  }
}

/** One connection that is kept: each call is a request on it. */
class KeptConnection implements Disposable {
  readonly #socket: TLSSocket;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  static open(port: number, host: string, roots: string): Promise<KeptConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, servername: host, ca: roots, checkServerIdentity: () => undefined });
      socket.setEncoding('utf8');
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(new KeptConnection(socket)));
    });
  }

  get serialNumber(): string {
    return this.#socket.getPeerX509Certificate()?.serialNumber ?? '';
  }

  /** The status line. */
  get(host: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#socket.once('data', (text: string) => resolve(text.split('\r\n', 1)[0] ?? ''));
      this.#socket.once('close', () => reject(new Error('the connection was closed')));
      this.#socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

async function startEdge(dataPlane: DataPlane, authority: Authority, files: Readonly<Record<string, string>>) {
  const hello = await readFile(`${example('hello')}/hello.yaml`, 'utf8');
  const images = (await readFile(`${example('hello')}/heddle.yaml`, 'utf8')).replaceAll('server.ts', `${example('hello')}/server.ts`);
  const up = await startUp(dataPlane, { files: { 'mesh.yaml': mesh, 'hello.yaml': hello, 'heddle.yaml': images, ...files } });
  const port = await httpsPort(up).catch(async (error: unknown) => {
    await up[Symbol.asyncDispose]();
    throw error;
  });
  return { up, port, caller: new Caller(port, authority.ca), [Symbol.asyncDispose]: () => up[Symbol.asyncDispose]() };
}

const shopHost = 'shop.example.com';
const staffHost = 'staff.example.com';

onBothDataPlanes('a certificate is renewed while requests flow: none fails, and the next handshake shows the new one', async (dataPlane) => {
  await using authority = await startAuthority();
  const [old, fresh, staff] = await Promise.all(
    ['old', 'fresh', 'staff'].map((name) => authority.issue(name, [`DNS:${name === 'staff' ? staffHost : shopHost}`])),
  );
  assert.ok(old !== undefined && fresh !== undefined && staff !== undefined);
  await using edge = await startEdge(dataPlane, authority, { 'shop.yaml': secret('shop', old), 'staff.yaml': secret('staff', staff, authority.ca) });
  const { up, port, caller } = edge;

  const redirect = await up.call(shopHost, '/login');
  assert.deepEqual([redirect.status, redirect.headers['location']], [301, 'https://shop.example.com/login']);
  assert.equal((await caller.call(shopHost)).subject, 'old');
  using kept = await KeptConnection.open(port, shopHost, authority.ca);
  assert.equal(await kept.get(shopHost), 'HTTP/1.1 200 OK');

  const seen: (string | undefined)[] = [];
  await up.folder.write('mesh/shop.yaml', secret('shop', fresh));
  await waitUntil('the new certificate is shown', async () => {
    const { answer, subject } = await caller.call(shopHost);
    assert.equal(answer.status, 200, 'no connection fails on the way');
    assert.equal(await kept.get(shopHost), 'HTTP/1.1 200 OK');
    seen.push(subject);
    return subject === 'fresh';
  });
  assert.deepEqual([...new Set(seen)].at(-1), 'fresh');
  assert.equal(await kept.get(shopHost), 'HTTP/1.1 200 OK', 'the connection of before goes on');
  assert.equal(kept.serialNumber, new X509Certificate(old.certificate).serialNumber);

  // A key that does not fit: the last good certificate stays.
  await up.folder.write('mesh/shop.yaml', secret('shop', { certificate: old.certificate, key: fresh.key }));
  const told = await up.event(
    'the misfit',
    ({ kind, diagnostics = [] }) => kind === 'diagnostics' && diagnostics.some(({ code }) => code === 'HDL0080'),
  );
  assert.match(told.diagnostics?.find(({ code }) => code === 'HDL0080')?.message ?? '', /does not fit .* the last good one stays in force/);
  assert.equal((await caller.call(shopHost)).subject, 'fresh');

  // Gone: closed, with the line that asks for it; the other server of the port goes on.
  await rm(join(up.folder.path, 'mesh/shop.yaml'));
  const missed = await up.event('the missing Secret', ({ diagnostics = [] }) => diagnostics.some(({ code }) => code === 'HDL0030'));
  assert.equal(missed.diagnostics?.find(({ code }) => code === 'HDL0030')?.at?.line, 8);
  await waitUntil('the host is closed', async () => (await caller.call(shopHost)).answer.status === 0);
  assert.equal((await caller.call(staffHost, staff)).answer.status, 200);
  await up.folder.write('mesh/shop.yaml', secret('shop', old));
  await waitUntil('the host is open again', async () => (await caller.call(shopHost)).subject === 'old');
});

onBothDataPlanes('the roots of clients are renewed: whom only the old ones know is refused from the next handshake on', async (dataPlane) => {
  await using authority = await startAuthority();
  await using second = await startAuthority();
  const shop = await authority.issue('shop', [`DNS:${shopHost}`]);
  const staff = await authority.issue('staff', [`DNS:${staffHost}`]);
  const alice = await authority.issue('alice', ['DNS:alice.example.com']);
  const bob = await second.issue('bob', ['DNS:bob.example.com']);
  await using edge = await startEdge(dataPlane, authority, { 'shop.yaml': secret('shop', shop), 'staff.yaml': secret('staff', staff, authority.ca) });
  const { up, caller } = edge;
  const status = async (who?: Leaf): Promise<number> => (await caller.call(staffHost, who)).answer.status;

  assert.deepEqual([await status(alice), await status(bob), await status()], [200, 0, 0]);
  await up.folder.write('mesh/staff.yaml', secret('staff', staff, authority.ca + second.ca));
  await waitUntil('both are let in', async () => (await status(alice)) === 200 && (await status(bob)) === 200);
  await up.folder.write('mesh/staff.yaml', secret('staff', staff, second.ca));
  await waitUntil('only the new one is', async () => (await status(alice)) === 0);
  assert.deepEqual([await status(bob), await status()], [200, 0]);
});

onBothDataPlanes('certificates in files are watched: a new pair is shown as soon as it is there', async (dataPlane) => {
  await using authority = await startAuthority();
  const [old, fresh] = [await authority.issue('old', [`DNS:${shopHost}`]), await authority.issue('fresh', [`DNS:${shopHost}`])];
  await using folder = await temporaryFolder({ 'tls.crt': old.certificate, 'tls.key': old.key });
  const files = `serverCertificate: ${folder.path}/tls.crt, privateKey: ${folder.path}/tls.key`;
  const withFiles = mesh.replace('credentialName: shop', files).replace(/^.*https-staff.*\n/m, '');
  await using edge = await startEdge(dataPlane, authority, { 'mesh.yaml': withFiles });
  assert.equal((await edge.caller.call(shopHost)).subject, 'old');
  using kept = await KeptConnection.open(edge.port, shopHost, authority.ca);
  await folder.write('tls.crt', fresh.certificate);
  await folder.write('tls.key', fresh.key);
  await waitUntil('the new certificate is shown', async () => {
    const { answer, subject } = await edge.caller.call(shopHost);
    assert.equal(answer.status, 200);
    return subject === 'fresh';
  });
  assert.equal(await kept.get(shopHost), 'HTTP/1.1 200 OK');
});
