// Behind a balancer that says who the client is (PROXY protocol): the same header, the same answer on both data planes.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { downstreamTls, httpChain, listener, type Part } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { type Leaf, startAuthority } from '#test/support/certificates.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

test('PROXY headers name the client: embedded proxy', () => run(undefined));

envoyTest('PROXY headers name the client: Envoy', (binary) => run(binary));

const rbac: Part = {
  '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
  rules: {
    policies: {
      peer: policy('/peer', { direct_remote_ip: { address_prefix: '127.0.0.1', prefix_len: 32 } }),
      'not the client': policy('/peer-is-client', { direct_remote_ip: { address_prefix: '203.0.113.7', prefix_len: 32 } }),
      client: policy('/client', { remote_ip: { address_prefix: '203.0.113.7', prefix_len: 32 } }),
      others: policy('/who', { any: true }),
    },
  },
};

function policy(path: string, principal: Part): Part {
  return { permissions: [{ url_path: { path: { exact: path } } }], principals: [principal] };
}

const chain = (extra: Part = {}): Part =>
  httpChain(
    [
      {
        match: { prefix: '/' },
        direct_response: { status: 200 },
        response_headers_to_add: [
          {
            header: {
              key: 'x-seen',
              value: '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS%',
            },
          },
        ],
      },
    ],
    {
      use_remote_address: true,
      http_filters: [
        { name: 'envoy.filters.http.rbac', typed_config: rbac },
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
        },
      ],
    },
    extra,
  );

const filter = (config: Part = {}): Part => ({
  name: 'envoy.filters.listener.proxy_protocol',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', ...config },
});

const inspector: Part = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector' },
};

async function run(binary: string | undefined): Promise<void> {
  await using authority = await startAuthority();
  const leaf = await authority.issue('edge', ['DNS:edge.example.com']);
  const [required = 0, optional = 0, secure = 0] = await listenPorts(3);
  const listeners = [
    listener('required', required, [chain()], { listener_filters: [filter()], listener_filters_timeout: '1s' }),
    listener('optional', optional, [chain()], { listener_filters: [filter({ allow_requests_without_proxy_protocol: true })] }),
    listener('secure', secure, [chain({ ...tlsOf(leaf), filter_chain_match: { server_names: ['edge.example.com'] } })], {
      listener_filters: [filter(), inspector],
    }),
  ];
  await using _ = await startPlane(binary, { static_resources: { listeners } });
  const client = 'PROXY TCP4 203.0.113.7 198.51.100.1 5000 443\r\n';
  const version2 = Buffer.from('0d0a0d0a000d0a515549540a2111000fcb007107c6336401138801bb040000', 'hex');
  const version6 = 'PROXY TCP6 2001:db8::7 2001:db8::1 5000 443\r\n';

  const seen = '200 203.0.113.7:5000 127.0.0.1 198.51.100.1:443';
  assert.equal(await ask(required, client, '/who'), seen);
  assert.equal(await ask(required, version2, '/who'), seen);
  assert.equal(await ask(required, version6, '/who'), '200 [2001:db8::7]:5000 127.0.0.1 [2001:db8::1]:443');
  assert.equal(await ask(optional, client, '/who'), seen);
  assert.match(await ask(optional, '', '/who'), new RegExp(`^200 127\\.0\\.0\\.1:\\d+ 127\\.0\\.0\\.1 127\\.0\\.0\\.1:${optional}$`));
  assert.match(
    await ask(required, 'PROXY UNKNOWN\r\n', '/who'),
    new RegExp(`^200 127\\.0\\.0\\.1:\\d+ 127\\.0\\.0\\.1 127\\.0\\.0\\.1:${required}$`),
  );
  assert.equal(await ask(required, '', '/who'), 'closed', 'nobody says who the client is');
  assert.equal(await ask(required, 'PROXY TCP4 nobody 198.51.100.1 5000 443\r\n', '/who'), 'closed');

  assert.match(await ask(required, client, '/peer'), /^200 /, 'who connects is the balancer');
  assert.match(await ask(required, client, '/peer-is-client'), /^403 /);
  assert.match(await ask(required, client, '/client'), /^200 /);
  assert.match(await ask(required, 'PROXY TCP4 203.0.113.8 198.51.100.1 5000 443\r\n', '/client'), /^403 /);

  assert.equal(await ask(secure, client, '/who', authority.ca), seen, 'the header stands before the ClientHello');
}

function tlsOf({ certificateFile, keyFile }: Leaf): Part {
  const certificate = { certificate_chain: { filename: certificateFile }, private_key: { filename: keyFile } };
  return downstreamTls({ common_tls_context: { tls_certificates: [certificate] } });
}

/** Status and x-seen of one request behind `header`, over TLS where `ca` is given; 'closed' where no answer comes. */
async function ask(port: number, header: string | Buffer, path: string, ca?: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  if (header.length > 0) socket.write(header);
  const stream: Socket = ca === undefined ? socket : connectTls({ socket, ca, servername: 'edge.example.com' });
  stream.write(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  let text = '';
  await new Promise<void>((resolve) => {
    stream.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\r\n\r\n')) resolve();
    });
    stream.once('close', () => resolve()).once('error', () => resolve());
  });
  stream.destroy();
  if (text === '') return 'closed';
  return `${/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]} ${/^x-seen: (.*)\r$/m.exec(text)?.[1]}`;
}
