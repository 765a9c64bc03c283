// What certificates of peers are held against beside their chain: revocation lists, hashes, names, at both ends of a connection, on the embedded proxy
// and on a real Envoy from the same bootstrap.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { bootstrap, cluster, downstreamTls, httpChain, listener, type Part, routeTo, upstreamTls } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { startTestAuthority } from '#test/support/identity.ts';

type Pair = Awaited<ReturnType<Awaited<ReturnType<typeof startTestAuthority>>['issue']>>;

const inline = (text: string): Part => ({ inline_string: text });
const certificateOf = ({ chain, key }: Pair): Part => ({ certificate_chain: inline(chain), private_key: inline(key.reveal()) });
const hello: Part = { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'hello' } } };

function onBothPlanes(name: string, run: (binary: string | undefined) => Promise<void>): void {
  void test(`${name}: embedded proxy`, () => run(undefined));
  envoyTest(`${name}: Envoy`, run);
}

/** Whether a client with this certificate gets an answer. */
function isServed(port: number, pair?: Pair): Promise<boolean> {
  return new Promise((resolve) => {
    const own = pair === undefined ? {} : { cert: pair.chain, key: pair.key.reveal() };
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...own });
    let said = '';
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
      if (said.includes('hello')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(said.includes('hello')));
    socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  });
}

onBothPlanes('clients are held against a revocation list, and against the hashes of the certificates or keys that are allowed', async (binary) => {
  const authority = await startTestAuthority();
  const issue = (name: string): Promise<Pair> => authority.issue([{ type: 'url', value: `spiffe://cluster.local/ns/default/sa/${name}` }]);
  const [server, good, revoked] = [await issue('server'), await issue('good'), await issue('revoked')];
  const trusted_ca = inline(authority.roots());
  const certificate = new X509Certificate(good.chain);
  const spki = createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
  const contexts: readonly Part[] = [
    { trusted_ca, crl: inline(await authority.revoke([revoked.chain])) },
    { trusted_ca, verify_certificate_hash: [certificate.fingerprint256] },
    { trusted_ca, verify_certificate_spki: [spki] },
    { trusted_ca, match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { suffix: '/sa/good' } }] },
  ];
  const ports = await Promise.all(contexts.map(() => freePort()));
  const listeners = contexts.map((validation_context, index) => {
    const common_tls_context = { tls_certificates: [certificateOf(server)], validation_context };
    return listener(`l${index}`, ports[index] ?? 0, [
      httpChain([hello], {}, downstreamTls({ common_tls_context, require_client_certificate: true })),
    ]);
  });
  await using plane = await startPlane(binary, bootstrap(listeners, []));
  for (const [index, port] of ports.entries()) {
    assert.deepEqual(
      [await isServed(port, good), await isServed(port, revoked), await isServed(port)],
      [true, false, false],
      `${plane.kind} ${index}`,
    );
  }
});

onBothPlanes('a server under another name is refused at each connection, also where a session of the one before could be resumed', async (binary) => {
  const authority = await startTestAuthority();
  const pair = await authority.issue([{ type: 'dns', value: 'other.example' }]);
  const servers = await Promise.all(
    (['TLSv1.2', 'TLSv1.3'] as const).map(async (maxVersion) => {
      const server = createTlsServer({ cert: pair.chain, key: pair.key.reveal(), maxVersion }, (socket) => {
        socket.on('error', () => {});
        socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'));
      });
      const port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      return { server, port };
    }),
  );
  try {
    const ports = await Promise.all(servers.map(() => freePort()));
    const context = (name: string): Part =>
      upstreamTls({
        sni: 'a.example',
        common_tls_context: {
          validation_context: {
            trusted_ca: inline(authority.roots()),
            match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: name } }],
          },
        },
      });
    const clusters = servers.flatMap(({ port }, index) => [
      cluster(`wrong${index}`, port, context('a.example')),
      cluster(`right${index}`, port, context('other.example')),
    ]);
    const listeners = servers.map((_server, index) =>
      listener(`l${index}`, ports[index] ?? 0, [httpChain([{ ...routeTo(`right${index}`), match: { path: '/right' } }, routeTo(`wrong${index}`)])]),
    );
    await using plane = await startPlane(binary, bootstrap(listeners, clusters));
    for (const port of ports) {
      for (const path of ['/', '/', '/right', '/', '/right', '/']) {
        assert.equal((await httpCall({ port, path })).status, path === '/' ? 503 : 200, `${plane.kind} ${path}`);
      }
    }
  } finally {
    for (const { server } of servers) server.close();
  }
});
