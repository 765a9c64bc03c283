// Clusters whose requests say which server they are for (auto_sni, auto_san_validation): the server name of each connection, what certificates are believed,
// and that no host gets a connection of another. The same on both data planes.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { bootstrap, cluster, httpChain, listener, type Part, routeTo, typedConfig, upstreamTls } from '#test/support/bootstrap-parts.ts';
import { KeptCalls, startPlane } from '#test/support/both-planes.ts';
import { type CaseCertificates, withCertificates } from '#test/support/case-certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

test('requests name their servers: embedded proxy', () => run(undefined));

envoyTest('requests name their servers: Envoy', (binary) => run(binary));

type Names = { readonly auto_sni?: boolean; readonly auto_san_validation?: boolean };

const asked = (names: Names, version: Part = { http_protocol_options: {} }): Part => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typedConfig('extensions.upstreams.http.v3.HttpProtocolOptions', {
      upstream_http_protocol_options: names,
      explicit_http_config: version,
    }),
  },
});

async function run(binary: string | undefined): Promise<void> {
  const { certificates } = withCertificates('', { good: { for: ['DNS:*.example.com', 'DNS:example.org', 'IP:127.0.0.1'] } });
  await using server = await startServer(certificates);
  const [names = 0, verified = 0, fixed = 0, rewritten = 0] = await listenPorts(4);
  const trust = { common_tls_context: { validation_context: { trusted_ca: { inline_string: certificates.roots } } } };
  const to = (name: string, options: Names, sni = ''): Part => cluster(name, server.port, { ...upstreamTls({ ...trust, sni }), ...asked(options) });
  const at = (name: string, port: number, route: Part = {}): Part => listener(name, port, [httpChain([routeTo(name, route)])]);
  await using _plane = await startPlane(
    binary,
    bootstrap(
      [
        at('names', names),
        at('verified', verified),
        at('fixed', fixed),
        listener('rewritten', rewritten, [httpChain([routeTo('names', { host_rewrite_literal: 'other.example.com' })])]),
      ],
      [
        to('names', { auto_sni: true }),
        to('verified', { auto_sni: true, auto_san_validation: true }, 'own.example.com'),
        to('fixed', { auto_san_validation: true }, 'own.example.com'),
      ],
    ),
  );
  const calls = async (port: number, hosts: readonly string[]): Promise<readonly string[]> => {
    using kept = new KeptCalls(port);
    const answers: string[] = [];
    for (const host of hosts) {
      const { status, body } = await kept.get('/', { host });
      answers.push(status === 200 ? body : String(status));
    }
    return answers;
  };
  assert.deepEqual(await calls(names, ['a.example.com', 'B.example.com:80', 'else.example.net', '127.0.0.1', 'a.example.com']), [
    'a.example.com 1 a.example.com',
    'B.example.com 1 B.example.com:80',
    'else.example.net 1 else.example.net',
    'false 1 127.0.0.1',
    'a.example.com 2 a.example.com',
  ]);
  // The host, not the name in the configuration, is what the certificate must be for: an address is no server name, but it may stand there.
  const strict = [
    'a.example.com',
    'B.example.com:80',
    'else.example.net',
    '127.0.0.1',
    '127.0.0.2',
    'a.b.example.com',
    'example.org',
    'a.example.com',
  ];
  assert.deepEqual(await calls(verified, strict), [
    'a.example.com 1 a.example.com',
    'B.example.com 1 B.example.com:80',
    '503',
    'own.example.com 1 127.0.0.1',
    '503',
    '503',
    'example.org 1 example.org',
    'a.example.com 2 a.example.com',
  ]);
  const [first, ...others] = await calls(fixed, ['a.example.com', 'else.example.net', '127.0.0.1']);
  assert.equal(first, 'own.example.com 1 a.example.com');
  // No session is resumed that was verified for another host.
  assert.equal(others[0], '503');
  assert.match(others[1] ?? '', /^(own\.example\.com|false) 1 127\.0\.0\.1$/);
  // As the request is when it leaves.
  assert.deepEqual(await calls(rewritten, ['a.example.com']), ['other.example.com 1 other.example.com']);
}

type Listening = AsyncDisposable & { readonly port: number };

/** Answers with the server name of its connection, how many requests that has had, and the host that is asked for. */
async function startServer(certificates: CaseCertificates): Promise<Listening> {
  const { certificate, key } = certificates.pair('good');
  const counts = new WeakMap<TLSSocket, number>();
  const server: Server = createServer({ cert: certificate, key }, ({ socket, headers }, response) => {
    if (!(socket instanceof TLSSocket)) return response.destroy();
    const count = (counts.get(socket) ?? 0) + 1;
    counts.set(socket, count);
    // Typed as a text, it is false where the client named nobody.
    return response.end(`${String((socket as { servername?: unknown }).servername)} ${count} ${headers.host}`);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  // A TCP server has a port.
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: stop };
}
