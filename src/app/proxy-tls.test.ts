// TLS at the embedded proxy's edges: termination, origination, client certificates, server names, and passing through what is not ours.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttps, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import {
  bootstrap,
  cluster,
  downstreamTls,
  fileLog,
  httpChain,
  listener,
  type Part,
  tcpChain,
  tlsInspector,
  typedConfig,
  upstreamTls,
} from '#test/support/bootstrap-parts.ts';
import { type Authority, type Leaf, startAuthority } from '#test/support/certificates.ts';
import { startEmbedded } from '#test/support/embedded-proxy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

let authority: Authority;
let serverLeaf: Leaf;
let otherLeaf: Leaf;
let clientLeaf: Leaf;
const hello: Part = { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'hello' } } };

before(async () => {
  authority = await startAuthority();
  serverLeaf = await authority.issue('server', ['DNS:a.example', 'URI:spiffe://mesh/ns/default/sa/server']);
  otherLeaf = await authority.issue('other', ['DNS:*.b.example']);
  clientLeaf = await authority.issue('client', ['URI:spiffe://mesh/ns/default/sa/client']);
});

after(() => authority[Symbol.asyncDispose]());

function pair(leaf: Leaf): Part {
  return { certificate_chain: { filename: leaf.certificateFile }, private_key: { filename: leaf.keyFile } };
}

type Get = { readonly port: number; readonly servername?: string; readonly leaf?: Leaf; readonly path?: string };

function get({ port, servername, leaf, path }: Get): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const client = leaf === undefined ? {} : { cert: leaf.certificate, key: leaf.key };
    const outgoing = httpsRequest(
      { host: '127.0.0.1', port, path: path ?? '/', servername: servername ?? 'a.example', ca: authority.ca, agent: false, ...client },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => (body += text));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
        answer.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function handshake(port: number, servername: string, alpn: readonly string[]): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      { host: '127.0.0.1', port, servername, ca: authority.ca, ALPNProtocols: [...alpn], checkServerIdentity: () => undefined },
      () => resolve(socket),
    );
    socket.on('error', reject);
  });
}

test('terminates TLS with certificates from files and inline, chosen by server name', async () => {
  const inline = { certificate_chain: { inline_string: otherLeaf.certificate }, private_key: { inline_string: otherLeaf.key } };
  const tls = downstreamTls({ common_tls_context: { tls_certificates: [pair(serverLeaf), inline], alpn_protocols: ['h2', 'http/1.1'] } });
  await using proxy = await startEmbedded(bootstrap([listener('tls', 0, [httpChain([hello], {}, tls)])], []));
  const port = proxy.port('tls');
  assert.deepEqual(await get({ port }), { status: 200, body: 'hello' });
  assert.deepEqual(await get({ port, servername: 'x.b.example' }), { status: 200, body: 'hello' });
  const h2 = await handshake(port, 'x.b.example', ['h2']);
  assert.equal(h2.alpnProtocol, 'h2');
  assert.equal(h2.getPeerX509Certificate()?.subjectAltName, 'DNS:*.b.example');
  h2.destroy();
  // A client that offers nothing we know goes on without ALPN.
  const odd = await handshake(port, 'a.example', ['istio']);
  assert.equal(odd.alpnProtocol, false);
  odd.destroy();
});

test('asks for a client certificate, checks it against root and names, and lets RBAC and the log know who it is', async () => {
  await using folder = await temporaryFolder();
  const log = join(folder.path, 'access.log');
  const tls = downstreamTls({
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [pair(serverLeaf)],
      validation_context: {
        trusted_ca: { filename: authority.caFile },
        match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://mesh/' } }],
      },
    },
  });
  const rbac = {
    name: 'envoy.filters.http.rbac',
    typed_config: typedConfig('extensions.filters.http.rbac.v3.RBAC', {
      rules: {
        action: 'ALLOW',
        policies: {
          client: {
            permissions: [{ header: { name: ':path', string_match: { exact: '/open' } } }],
            principals: [{ authenticated: { principal_name: { exact: 'spiffe://mesh/ns/default/sa/client' } } }],
          },
        },
      },
    }),
  };
  const router = { name: 'envoy.filters.http.router', typed_config: typedConfig('extensions.filters.http.router.v3.Router') };
  const manager = {
    http_filters: [rbac, router],
    access_log: [fileLog(log, '%RESPONSE_CODE% %DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_TLS_VERSION% %REQUESTED_SERVER_NAME%\n')],
  };
  {
    await using proxy = await startEmbedded(bootstrap([listener('tls', 0, [httpChain([hello], manager, tls)])], []));
    const port = proxy.port('tls');
    assert.deepEqual(await get({ port, leaf: clientLeaf, path: '/open' }), { status: 200, body: 'hello' });
    assert.equal((await get({ port, leaf: clientLeaf, path: '/closed' })).status, 403);
    await assert.rejects(get({ port, path: '/open' }), /certificate required|socket hang up|ECONNRESET|closed/i);
    await using stranger = await startAuthority();
    const leaf = await stranger.issue('client', ['URI:spiffe://mesh/ns/default/sa/client']);
    await assert.rejects(get({ port, leaf, path: '/open' }), /socket hang up|ECONNRESET|closed|alert/i);
    const unnamed = await authority.issue('unnamed', ['URI:spiffe://elsewhere/x']);
    await assert.rejects(get({ port, leaf: unnamed, path: '/open' }), /socket hang up|ECONNRESET|closed|alert/i);
  }
  assert.deepEqual(readFileSync(log, 'utf8').trim().split('\n'), [
    '200 spiffe://mesh/ns/default/sa/client TLSv1.3 a.example',
    '403 spiffe://mesh/ns/default/sa/client TLSv1.3 a.example',
  ]);
});

async function startHttps(leaf: Leaf, options: { readonly requestCert?: boolean } = {}) {
  const names: string[] = [];
  const server = createHttps(
    {
      cert: leaf.certificate,
      key: leaf.key,
      ca: authority.ca,
      requestCert: options.requestCert ?? false,
      rejectUnauthorized: options.requestCert ?? false,
    },
    (request, answer) => {
      // https hands the request's TLS socket over as a plain one.
      const socket = request.socket as TLSSocket;
      names.push(`${String(socket.servername)} ${socket.getPeerX509Certificate()?.subjectAltName ?? 'nobody'}`);
      answer.end('secure');
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    names,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

test('originates TLS with our own certificate and server name, and believes only the root and names it was told', async () => {
  await using server = await startHttps(serverLeaf, { requestCert: true });
  const context = (names: string): Part =>
    upstreamTls({
      sni: 'a.example',
      common_tls_context: {
        tls_certificates: [pair(clientLeaf)],
        validation_context: {
          trusted_ca: { filename: authority.caFile },
          match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: names } }],
        },
      },
    });
  const chain = httpChain([
    { match: { prefix: '/wrong' }, route: { cluster: 'wrong' } },
    { match: { prefix: '/' }, route: { cluster: 'right' } },
  ]);
  await using proxy = await startEmbedded(
    bootstrap(
      [listener('plain', 0, [chain])],
      [cluster('right', server.port, context('a.example')), cluster('wrong', server.port, context('z.example'))],
    ),
  );
  const port = proxy.port('plain');
  assert.equal((await httpCall({ port })).body, 'secure');
  assert.deepEqual(server.names, ['a.example URI:spiffe://mesh/ns/default/sa/client']);
  const refused = await httpCall({ port, path: '/wrong' });
  assert.equal(refused.status, 503);
  assert.equal(server.names.length, 1);
});

test('passes TLS through by server name without ending it, and serves plain HTTP on the same port', async () => {
  await using one = await startHttps(serverLeaf);
  await using two = await startHttps(otherLeaf);
  const chains = [
    tcpChain('one', {}, { filter_chain_match: { server_names: ['a.example'] } }),
    tcpChain('two', {}, { filter_chain_match: { server_names: ['*.b.example'] } }),
    httpChain([hello], {}, { filter_chain_match: { transport_protocol: 'raw_buffer' } }),
  ];
  await using proxy = await startEmbedded(
    bootstrap([listener('mixed', 0, chains, tlsInspector)], [cluster('one', one.port), cluster('two', two.port)]),
  );
  const port = proxy.port('mixed');
  assert.equal((await get({ port })).body, 'secure');
  assert.equal((await get({ port, servername: 'x.b.example' })).body, 'secure');
  assert.deepEqual([one.names, two.names], [['a.example nobody'], ['x.b.example nobody']]);
  assert.equal((await httpCall({ port })).body, 'hello');
  await assert.rejects(get({ port, servername: 'c.example' }), /ECONNRESET|hang up|disconnected|closed/i);
});

test('a key that does not fit its certificate, and a file that is not there, are named', async () => {
  const wrong = { certificate_chain: { filename: serverLeaf.certificateFile }, private_key: { filename: otherLeaf.keyFile } };
  const tls = (certificate: Part): Part => downstreamTls({ common_tls_context: { tls_certificates: [certificate] } });
  const start = (certificate: Part) => startEmbedded(bootstrap([listener('tls', 0, [httpChain([hello], {}, tls(certificate))])], []));
  await assert.rejects(start(wrong), /listener tls: filter_chains\[0\]: transport_socket: tls_certificates\[0\]: .*(mismatch|key)/);
  await assert.rejects(start({ ...wrong, private_key: { filename: '/no/such.key' } }), /private_key: .*\/no\/such\.key/);
});
