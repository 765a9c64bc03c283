import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistry, fromJson, type JsonObject } from '@bufbuild/protobuf';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { formatConfigError } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import type { HttpManagerEntry, ListenerEntry } from '#decide/listener-entry.ts';
import { chooseFilterChain, compileListener } from '#decide/listener-table.ts';
import { Trace } from '#decide/trace.ts';
import type { ConnectionView } from '#decide/views.ts';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { connectionView } from '#test/support/views.ts';

const tcp = {
  name: 'tcp',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', stat_prefix: 's', cluster: 'c' },
};
const address = { socket_address: { address: '0.0.0.0', port_value: 15001 } };

function compile(json: JsonObject) {
  return compileListener(fromJson(ListenerSchema, { name: 'l', address, ...json }, { registry: createRegistry(extensions, EmptySchema) }));
}

function listenerOf(json: JsonObject): ListenerEntry {
  const listener = compile(json);
  if (!listener.ok) throw new Error(listener.error.map(formatConfigError).join('\n'));
  return listener.value;
}

function chains(matches: Readonly<Record<string, JsonObject>>, extra: JsonObject = {}): ListenerEntry {
  return listenerOf({
    filter_chains: Object.entries(matches).map(([name, filter_chain_match]) => ({ name, filter_chain_match, filters: [tcp] })),
    ...extra,
  });
}

const cidr = (text: string) => ({ address_prefix: text.split('/')[0] ?? '', prefix_len: Number(text.split('/')[1]) });

test('each criterion prefers the most specific value, in the documented order', () => {
  const listener = chains({
    any: {},
    port: { destination_port: 80 },
    wide: { prefix_ranges: [cidr('10.0.0.0/8')] },
    narrow: { prefix_ranges: [cidr('10.0.0.0/24')] },
    sni: { server_names: ['a.example.com'] },
    wildcard: { server_names: ['*.example.com'] },
    tls: { transport_protocol: 'tls' },
    tlsH2: { transport_protocol: 'tls', application_protocols: ['h2'] },
    h2: { application_protocols: ['h2'] },
    local: { source_type: 'SAME_IP_OR_LOOPBACK' },
    from: { source_prefix_ranges: [cidr('172.16.0.0/12')] },
    fromPort: { source_prefix_ranges: [cidr('172.16.0.0/12')], source_ports: [7] },
  });
  const there = { destinationAddress: '192.168.0.1', destinationPort: 9 };
  const table: [connection: Partial<ConnectionView>, chain: string][] = [
    [{ destinationPort: 80 }, 'port'],
    [{ destinationPort: 81 }, 'narrow'],
    [{ destinationPort: 81, destinationAddress: '10.9.9.9' }, 'wide'],
    [there, 'any'],
    [{ ...there, serverName: 'a.example.com' }, 'sni'],
    [{ ...there, serverName: 'b.c.example.com' }, 'wildcard'],
    [{ ...there, serverName: 'example.com' }, 'any'],
    [{ ...there, transportProtocol: 'tls' }, 'tls'],
    [{ ...there, transportProtocol: 'tls', applicationProtocols: ['h2', 'http/1.1'] }, 'tlsH2'],
    [{ ...there, transportProtocol: 'tls', applicationProtocols: ['http/1.1'] }, 'tls'],
    [{ ...there, applicationProtocols: ['h2'] }, 'h2'],
    [{ ...there, sourceAddress: '127.0.0.1' }, 'local'],
    [{ ...there, sourceAddress: '192.168.0.1' }, 'local'],
    [{ ...there, sourceAddress: '172.16.1.1' }, 'from'],
    [{ ...there, sourceAddress: '172.16.1.1', sourcePort: 7 }, 'fromPort'],
  ];
  for (const [connection, chain] of table)
    assert.equal(chooseFilterChain(listener, connectionView(connection))?.name, chain, JSON.stringify(connection));
});

test('there is no way back from a more specific match that fails later; the default chain takes it', () => {
  const matches = { port: { destination_port: 80, transport_protocol: 'tls' }, any: {} };
  assert.equal(chooseFilterChain(chains(matches), connectionView({ destinationPort: 80 })), undefined);
  const withDefault = chains(matches, { default_filter_chain: { name: 'default', filters: [tcp] } });
  const trace = new Trace();
  assert.equal(chooseFilterChain(withDefault, connectionView({ destinationPort: 80 }), trace)?.name, 'default');
  assert.deepEqual(
    trace.steps.map(({ name, outcome }) => `${name} ${outcome}`),
    ['any rejected', 'port rejected', 'default chosen'],
  );
});

test('an HTTP connection manager has the defaults of Envoy', () => {
  const manager = managerOf({});
  assert.deepEqual(
    [
      manager.serverName,
      manager.streamIdleTimeoutMs,
      manager.idleTimeoutMs,
      manager.requestTimeoutMs,
      manager.maxRequestHeadersKb,
      manager.maxHeadersCount,
    ],
    ['envoy', 300_000, 3_600_000, 0, 60, 100],
  );
  assert.deepEqual([manager.generateRequestId, manager.useRemoteAddress, manager.stripPort, manager.routes.kind], [true, false, 'never', 'inline']);
  assert.deepEqual(
    manager.httpFilters.map(({ kind }) => kind),
    ['router'],
  );
  const set = managerOf({
    server_name: 'istio-envoy',
    use_remote_address: true,
    strip_any_host_port: true,
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: { uri: true },
    upgrade_configs: [{ upgrade_type: 'WebSocket' }],
    http_protocol_options: { accept_http_10: true },
    stream_idle_timeout: '0s',
  });
  assert.deepEqual(
    [set.serverName, set.useRemoteAddress, set.stripPort, set.forwardClientCert, set.acceptHttp10, set.streamIdleTimeoutMs],
    [...['istio-envoy', true, 'any', 'sanitize-set', true, 0]],
  );
  assert.deepEqual([...set.upgradeTypes], [['websocket', true]]);
});

const router = { name: 'envoy.filters.http.router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } };

function httpChain(json: JsonObject): JsonObject {
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 's',
    route_config: { name: 'inline' },
    http_filters: [router],
    ...json,
  };
  return { filters: [{ name: 'http', typed_config }] };
}

function managerOf(json: JsonObject): HttpManagerEntry {
  const [filter] = listenerOf({ filter_chains: [httpChain(json)] }).filterChains[0]?.filters ?? [];
  assert.ok(filter?.kind === 'http');
  return filter.manager;
}

test('what cannot be honoured is an error that names the field', () => {
  const lua = { name: 'lua', typed_config: { '@type': 'type.googleapis.com/google.protobuf.Empty' } };
  const table: [json: JsonObject, error: RegExp][] = [
    [{ filter_chains: [] }, /l: filter_chains: a listener needs a filter chain/],
    [
      { filter_chains: [{ filters: [tcp] }, { filters: [tcp] }] },
      /filter_chains\[1\]\.filter_chain_match: overlaps with filter_chains\[0\]: any connection/,
    ],
    [
      {
        filter_chains: [
          { filters: [tcp], filter_chain_match: { server_names: ['a', 'b'] } },
          { filters: [tcp], filter_chain_match: { server_names: ['c', 'b'] } },
        ],
      },
      /overlaps with filter_chains\[0\]: server name b/,
    ],
    [{ filter_chains: [{ filters: [tcp], filter_chain_match: { server_names: ['a*b'] } }] }, /server_names\[0\]: a\*b: a wildcard/],
    [
      { filter_chains: [{ filters: [tcp], filter_chain_match: { prefix_ranges: [{ address_prefix: 'x' }] } }] },
      /prefix_ranges\[0\]: x\/0 is not an IP range/,
    ],
    [{ filter_chains: [{ filters: [tcp], use_proxy_proto: true }] }, /filter_chains\[0\]\.use_proxy_proto: not supported/],
    [{ filter_chains: [httpChain({ http_filters: [] })] }, /http_filters: the last HTTP filter must be the router/],
    [
      { filter_chains: [httpChain({ codec_type: 'HTTP3' })] },
      /typed_config\.codec_type: HTTP3 is not supported by this proxy \(known: AUTO, HTTP1, HTTP2\)/,
    ],
    [
      { filter_chains: [httpChain({ http_filters: [lua, router] })] },
      /http_filters\[0\]\.typed_config: extension google\.protobuf\.Empty is not supported/,
    ],
    [
      { filter_chains: [httpChain({ route_config: { virtual_hosts: [{ name: 'v', domains: ['*'], cors: {} }] } })] },
      /typed_config\.route_config\.virtual_hosts\[0\]\.cors/,
    ],
    [
      { address: { pipe: { path: '' } }, filter_chains: [{ filters: [tcp] }] },
      /address: a socket address with a port, or a pipe with a path, is required/,
    ],
    [{ address: { pipe: { path: '@x', mode: 0o600 } }, filter_chains: [{ filters: [tcp] }] }, /address\.pipe\.mode: an abstract socket has none/],
    [{ address: { pipe: { path: '/x', mode: 0o1777 } }, filter_chains: [{ filters: [tcp] }] }, /address\.pipe\.mode: must be at most 0777/],
    [{ filter_chains: [{ filters: [tcp, tcp] }] }, /filters\[0\]: a filter that ends the connection must be the last/],
  ];
  for (const [json, error] of table) {
    const result = compile(json);
    assert.match(result.ok ? '' : result.error.map(formatConfigError).join('\n'), error);
  }
});

test('TLS of a listener: certificates, roots and names as data', () => {
  const file = (filename: string) => ({ filename });
  const transport_socket = {
    name: 'tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      require_client_certificate: true,
      common_tls_context: {
        alpn_protocols: ['h2', 'http/1.1'],
        tls_certificates: [{ certificate_chain: file('/c.pem'), private_key: file('/k.pem') }],
        validation_context: { trusted_ca: file('/ca.pem'), match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://a/' } }] },
      },
    },
  };
  const tls = listenerOf({ filter_chains: [{ filters: [tcp], transport_socket }] }).filterChains[0]?.tls;
  assert.deepEqual(tls?.certificates, [{ kind: 'pair', chain: { kind: 'file', path: '/c.pem' }, key: { kind: 'file', path: '/k.pem' } }]);
  assert.deepEqual([tls.requireClientCertificate, tls.alpn, tls.validation.trustedCa], [true, ['h2', 'http/1.1'], { kind: 'file', path: '/ca.pem' }]);
  assert.deepEqual(
    tls.validation.subjectAltNames.map(({ type, matches }) => [type, matches('spiffe://a/b')]),
    [['uri', true]],
  );
});
