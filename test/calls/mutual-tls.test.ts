// Mutual TLS with secrets that change while it is used, on the embedded proxy and on a real Envoy whose secrets our agent serves: who is let in and who
// is not, what is said of the client, that a rotation fails no request, and that no key shows anywhere.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { type DataPlane, type LiveProxy, withLiveProxy } from '#test/calls/live-proxy.ts';
import { mutualTlsStage, type StagePorts } from '#test/calls/mutual-tls-stage.ts';
import { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startTestAuthority, type TestAuthority, testAuthority } from '#test/support/identity.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const nodeId = 'sidecar~127.0.0.1~both.shop~shop.svc.cluster.local';
const spiffe = 'spiffe://cluster.local/ns/shop/sa/default';
const backend = createServer((request, response) => response.end(JSON.stringify({ xfcc: request.headers['x-forwarded-client-cert'] ?? '' })));

before(() => new Promise<void>((resolve) => void backend.listen(0, '127.0.0.1', resolve)));
after(() => backend.close());

type Run = (ports: StagePorts, proxy: LiveProxy, authority: TestAuthority, isEmbedded: boolean) => Promise<void>;

function onBothPlanes(name: string, run: Run): void {
  const on = async (plane: DataPlane): Promise<void> => {
    const [outbound = 0, inbound = 0, strict = 0] = await listenPorts(3);
    // A TCP server has a port.
    const ports = { outbound, inbound, strict, backend: (backend.address() as AddressInfo).port };
    const authority = await testAuthority();
    await withLiveProxy(plane, nodeId, mutualTlsStage(ports, spiffe), (_source, proxy) => run(ports, proxy, authority, plane.kind === 'embedded'));
  };
  void test(`${name}: embedded proxy`, () => on({ kind: 'embedded' }));
  envoyTest(`${name}: Envoy`, (binary) => on({ kind: 'envoy', binary }));
}

onBothPlanes('endpoints with the label are called by mutual TLS, others in the clear, and the backend learns who called', async ({ outbound }) => {
  const { status, body } = await httpCall({ port: outbound, path: '/', headers: { 'x-forwarded-client-cert': 'By=spiffe://forged' } });
  assert.equal(status, 200);
  assert.match(body, new RegExp(`^{"xfcc":"By=${spiffe};Hash=[0-9a-f]{64};Subject=\\\\"\\\\";URI=${spiffe}"}$`));
  const plain = await httpCall({ port: outbound, path: '/plain', headers: { 'x-forwarded-client-cert': 'By=spiffe://forged' } });
  assert.deepEqual([plain.status, plain.body], [200, '{"xfcc":""}']);
});

onBothPlanes('sessions that are resumed say the same of the client, and end with the certificate', async ({ outbound }, { identity }) => {
  const bodies = new Set<string>();
  const callTen = async (): Promise<void> => {
    for (let call = 0; call < 10; call++) {
      const { status, body } = await httpCall({ port: outbound, path: '/fresh' });
      assert.equal(status, 200, body);
      bodies.add(body);
    }
  };
  await callTen();
  assert.equal(bodies.size, 1);
  await identity.renew();
  await waitUntil('the new certificate is in use', async () => {
    await callTen();
    return bodies.size > 1;
  });
  assert.equal(bodies.size, 2, 'another certificate has another hash');
});

onBothPlanes(
  'who has no certificate of the mesh is refused where one is wanted, and a wrong one is refused everywhere',
  async (ports, proxy, authority, isEmbedded) => {
    const stranger = await startTestAuthority();
    const good = await authority.issue([{ type: 'url', value: 'spiffe://cluster.local/ns/other/sa/caller' }]);
    const foreign = await stranger.issue([{ type: 'url', value: spiffe }]);
    const expired = await authority.issue([{ type: 'url', value: spiffe }], -60_000);
    const ask = (port: number, pair?: typeof good): Promise<string> => getOverTls(port, authority.roots(), pair);
    assert.equal(await ask(ports.strict, good), '200');
    assert.equal(await ask(ports.inbound, good), '200');
    assert.equal(await ask(ports.inbound), '200', 'PERMISSIVE asks for a certificate and does without');
    for (const port of [ports.strict, ports.inbound]) {
      assert.equal(await ask(port, foreign), 'refused', 'a certificate of another authority');
      assert.equal(await ask(port, expired), 'refused', 'a certificate that has ended');
    }
    assert.equal(await ask(ports.strict), 'refused', 'no certificate');
    if (isEmbedded) {
      const said = await proxy.log();
      for (const why of ['CERT_HAS_EXPIRED', 'the client sent no certificate']) assert.ok(said.includes(why), `${why} in ${said}`);
    }
    assert.equal((await httpCall({ port: ports.inbound })).status, 200, 'plaintext, PERMISSIVE');
    await assert.rejects(httpCall({ port: ports.strict }), 'plaintext, STRICT');
  },
);

onBothPlanes('openssl takes what we show, with TLS 1.2 and 1.3 and nothing older', async ({ strict }, _proxy, authority) => {
  const { chain, key } = await authority.issue([{ type: 'url', value: spiffe }]);
  await using folder = await temporaryFolder({ 'ca.pem': authority.roots(), 'c.pem': chain, 'k.pem': key.reveal() });
  const at = (name: string): string => `${folder.path}/${name}`;
  const run = async (...more: string[]): Promise<string> => {
    const files = ['-CAfile', at('ca.pem'), '-cert', at('c.pem'), '-key', at('k.pem'), '-verify_return_error'];
    const child = promisify(execFile)('openssl', ['s_client', '-connect', `127.0.0.1:${strict}`, ...files, ...more]);
    child.child.stdin?.end();
    return child.then(
      ({ stdout }) => stdout,
      (error: unknown) => `failed: ${String(error)}`,
    );
  };
  assert.match(await run('-tls1_3'), /Verify return code: 0 \(ok\)/);
  assert.match(await run('-tls1_2'), /Cipher is ECDHE-ECDSA-(AES128-GCM-SHA256|CHACHA20-POLY1305)/);
  assert.match(await run('-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'), /failed/);
  // A second handshake within the connection would be work that the client has done for nothing.
  const again = spawn('openssl', [
    's_client',
    '-connect',
    `127.0.0.1:${strict}`,
    '-CAfile',
    at('ca.pem'),
    '-cert',
    at('c.pem'),
    '-key',
    at('k.pem'),
    '-tls1_2',
  ]);
  let said = '';
  for (const stream of [again.stdout, again.stderr]) stream.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  await waitUntil('the handshake', () => /Verify return code: 0/.test(said));
  const closed = new Promise((resolve) => again.once('close', resolve));
  again.stdin.on('error', () => {});
  again.stdin.write('R\n');
  await waitUntil('the attempt', () => said.includes('RENEGOTIATING'));
  again.stdin.write('Q\n');
  await closed;
  assert.match(said, /RENEGOTIATING[\s\S]*(?:no renegotiation|handshake failure|unexpected message|:error:|alert)/, said);
  assert.match(await run('-tls1_2', '-cipher', 'AES128-SHA'), /failed/);
});

onBothPlanes('certificates and roots change under load, and no request fails', async ({ outbound, strict }, { identity }, authority) => {
  using calls = new KeptCalls(outbound, 4);
  const failures: string[] = [];
  let running = true;
  let answered = 0;
  const flow = async (fresh: boolean): Promise<void> => {
    while (running) {
      const { status, body } = fresh ? await httpCall({ port: outbound }) : await calls.get('/');
      if (status !== 200) failures.push(`${status} ${body}`);
      answered++;
    }
  };
  const flows = [flow(false), flow(false), flow(true)];
  const client = await authority.issue([{ type: 'url', value: spiffe }]);
  const seen = new Set<string>();
  const change = async (what: () => Promise<void>): Promise<void> => {
    await what();
    await waitUntil('new handshakes show the new certificate', async () => {
      const serial = await serialAt(strict, client);
      const isNew = !seen.has(serial);
      seen.add(serial);
      return isNew;
    });
    const before = answered;
    await waitUntil('requests flow', () => answered >= before + 10, { everyMs: 1 });
  };
  await change(async () => {});
  for (let round = 0; round < 3; round++) await change(() => identity.renew());
  await change(() => authority.changeRoot());
  await change(() => authority.dropOldRoots());
  running = false;
  await Promise.all(flows);
  assert.deepEqual(failures, []);
});

onBothPlanes('no key is in the configuration dump, on the page of certificates or in the log', async ({ outbound }, { admin, log, identity }) => {
  await httpCall({ port: outbound });
  await identity.renew();
  const key = identity.current()?.key.reveal().split('\n')[1] ?? '';
  const inBase64 = Buffer.from(identity.current()?.key.reveal() ?? '').toString('base64');
  assert.ok(key.length > 40);
  const pages = [await admin('/config_dump'), await admin('/certs'), await log()];
  for (const page of pages) assert.ok(!page.includes(key) && !page.includes(inBase64.slice(40, 100)));
  // Envoy hides in its own words what we hide in ours.
  assert.match(pages[0] ?? '', /"private_key": \{\s+"inline_bytes": "(W3JlZGFjdGVkXQ==|\[redacted\])"/);
  const [entry] = (JSON.parse(pages[1] ?? '{}') as { readonly certificates: readonly Certs[] }).certificates; // Envoy's own format, tested by what follows
  assert.equal(entry?.cert_chain[0]?.subject_alt_names[0]?.uri, spiffe);
  assert.match(entry.cert_chain[0]?.serial_number ?? '', /^[0-9a-f]{16}$/);
  assert.match(entry.ca_cert[0]?.expiration_time ?? '', /^\d{4}-\d\d-\d\dT/);
});

type Shown = { readonly serial_number: string; readonly subject_alt_names: readonly { readonly uri: string }[]; readonly expiration_time: string };
type Certs = { readonly ca_cert: readonly Shown[]; readonly cert_chain: readonly Shown[] };
type Pair = Awaited<ReturnType<TestAuthority['issue']>>;

/** The status of an answer, or `refused`: with TLS 1.3 a client learns of that when it reads. */
function getOverTls(port: number, ca: string, pair?: Pair): Promise<string> {
  return new Promise((resolve) => {
    const own = pair === undefined ? {} : { cert: pair.chain, key: pair.key.reveal() };
    const socket = connectTls({ host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined, ...own });
    let said = '';
    socket.setTimeout(10_000, () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
      if (said.includes('\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(said === '' ? 'refused' : (said.split(' ')[1] ?? '')));
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  });
}

function serialAt(port: number, { chain, key }: Pair): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, cert: chain, key: key.reveal() }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
