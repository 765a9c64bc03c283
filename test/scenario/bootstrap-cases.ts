// Bootstraps that Envoy and the embedded proxy must run alike, each with calls. Ports come in; nothing here knows which proxy will run it.
import { istioDefaultFormat } from '#telemetry/access-log-format.ts';
import {
  address,
  bootstrap,
  cluster,
  downstreamTls,
  fileLog,
  httpChain,
  listener,
  type Part,
  routeTo,
  tcpChain,
  tlsInspector,
  typedConfig,
  upstreamProtocol,
} from '#test/support/bootstrap-parts.ts';
import type { Leaf } from '#test/support/certificates.ts';
import type { HttpCall } from '#test/support/http-call.ts';

/** What the cases are made for: where the proxy listens, what stands behind it, where it logs. */
export type Setting = {
  readonly ports: readonly [number, number, number, number];
  readonly backend: number;
  readonly refused: number;
  readonly logFile: string;
  readonly caFile: string;
  readonly server: Leaf;
  readonly client: Leaf;
};

export type BootstrapCase = {
  readonly name: string;
  readonly bootstrap: (setting: Setting) => Part;
  readonly calls: (setting: Setting) => readonly Call[];
};

export type Call =
  /** `onlyStatus`: status and body are compared, header fields are not. */
  | ({ readonly kind: 'http'; readonly label: string; readonly onlyStatus?: boolean } & HttpCall)
  | {
      readonly kind: 'https';
      readonly label: string;
      readonly port: number;
      readonly servername: string;
      readonly leaf?: Leaf;
      readonly path: string;
    }
  /** Sends bytes, ends, and takes all that comes back. */
  | { readonly kind: 'tcp'; readonly label: string; readonly port: number; readonly send: string };

const router: Part = { name: 'envoy.filters.http.router', typed_config: typedConfig('extensions.filters.http.router.v3.Router') };

function http(label: string, port: number, path: string, more: Partial<HttpCall> & { readonly onlyStatus?: boolean } = {}): Call {
  return { kind: 'http', label, port, path, ...more };
}

const routes: readonly Part[] = [
  { match: { path: '/exact' }, direct_response: { status: 202, body: { inline_string: 'exact' } } },
  { name: 'rewritten', match: { prefix: '/api/' }, route: { cluster: 'backend', prefix_rewrite: '/v1/', timeout: '5s' } },
  { match: { safe_regex: { regex: '/re/[0-9]+' } }, route: { cluster: 'backend', host_rewrite_literal: 'other.example' } },
  {
    match: { prefix: '/header', headers: [{ name: 'x-user', string_match: { exact: 'jason' } }] },
    direct_response: { status: 200, body: { inline_string: 'jason' } },
  },
  {
    match: { prefix: '/query', query_parameters: [{ name: 'v', string_match: { prefix: '2' } }] },
    direct_response: { status: 200, body: { inline_string: 'two' } },
  },
  { match: { prefix: '/old' }, redirect: { path_redirect: '/new', https_redirect: true, response_code: 'FOUND' } },
  {
    match: { prefix: '/weights' },
    route: {
      weighted_clusters: {
        clusters: [
          { name: 'refused', weight: 0 },
          { name: 'backend', weight: 100 },
        ],
      },
    },
  },
  {
    match: { prefix: '/headers' },
    route: { cluster: 'backend' },
    request_headers_to_add: [{ header: { key: 'x-added', value: 'from %REQ(:path)%' } }],
    request_headers_to_remove: ['x-gone'],
    response_headers_to_add: [{ header: { key: 'x-back', value: 'yes' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }],
    response_headers_to_remove: ['x-backend'],
  },
  { match: { prefix: '/slow' }, route: { cluster: 'backend', timeout: '0.3s' } },
  { match: { prefix: '/refused' }, route: { cluster: 'refused' } },
  { match: { prefix: '/empty' }, route: { cluster: 'empty' } },
  { match: { prefix: '/missing' }, route: { cluster: 'missing' } },
  { match: { prefix: '/dns' }, route: { cluster: 'dns' } },
];

const clusters = (setting: Setting): readonly Part[] => [
  cluster('backend', setting.backend),
  cluster('refused', setting.refused),
  { name: 'empty', load_assignment: { cluster_name: 'empty' } },
  {
    name: 'dns',
    type: 'STRICT_DNS',
    dns_lookup_family: 'V4_ONLY',
    load_assignment: {
      cluster_name: 'dns',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'localhost', port_value: setting.backend } } } }] }],
    },
  },
];

export const bootstrapCases: readonly BootstrapCase[] = [
  {
    name: 'routes, rewrites, headers, weights, redirects and local replies',
    bootstrap: (setting) => {
      const manager = {
        access_log: [fileLog(setting.logFile, istioDefaultFormat)],
        route_config: {
          name: 'local',
          validate_clusters: false,
          virtual_hosts: [
            {
              name: 'named',
              domains: ['named.example', '*.wild.example'],
              routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'named' } } }],
            },
            { name: 'all', domains: ['*'], routes },
          ],
        },
      };
      return bootstrap([listener('http', setting.ports[0], [httpChain([], manager)])], clusters(setting));
    },
    calls: ({ ports: [port] }) => [
      http('exact path', port, '/exact'),
      http('prefix rewrite', port, '/api/x?q=1'),
      http('regex and host rewrite', port, '/re/12'),
      http('regex does not match a part', port, '/re/12x'),
      http('header', port, '/header', { headers: { 'x-user': 'jason' } }),
      http('header missing', port, '/header'),
      http('query parameter', port, '/query?a=1&v=20'),
      http('redirect', port, '/old?x=1', { headers: { host: 'site.example:8080' } }),
      http('weights', port, '/weights'),
      http('headers added and removed', port, '/headers', { headers: { 'x-gone': '1', 'x-kept': '2' } }),
      http('post with body', port, '/api/post', { method: 'POST', body: 'x'.repeat(100_000) }),
      http('head', port, '/api/head', { method: 'HEAD' }),
      http('timeout', port, '/slow'),
      http('connection refused', port, '/refused'),
      http('no endpoint', port, '/empty'),
      http('missing cluster', port, '/missing'),
      http('no route', port, '/nowhere'),
      http('host', port, '/', { headers: { host: 'named.example' } }),
      http('wildcard host with port', port, '/', { headers: { host: 'a.wild.example:80' } }),
      http('upstream status', port, '/api/status/418'),
      http('DNS cluster', port, '/dns'),
    ],
  },
  {
    name: 'connection manager settings: server name, request ids, forwarded headers, JSON log, local reply format',
    bootstrap: (setting) => {
      const manager = {
        server_name: 'istio-envoy',
        use_remote_address: true,
        xff_num_trusted_hops: 0,
        always_set_request_id_in_response: false,
        preserve_external_request_id: true,
        normalize_path: true,
        merge_slashes: true,
        access_log: [
          {
            name: 'envoy.access_loggers.file',
            typed_config: typedConfig('extensions.access_loggers.file.v3.FileAccessLog', {
              path: setting.logFile,
              log_format: {
                json_format: {
                  code: '%RESPONSE_CODE%',
                  path: '%REQ(:PATH)%',
                  flags: '%RESPONSE_FLAGS%',
                  agent: '%REQ(USER-AGENT)%',
                  both: '%PROTOCOL%/%REQ(:METHOD)%',
                  none: '%REQ(x-none)%',
                  details: '%RESPONSE_CODE_DETAILS%',
                },
              },
            }),
            filter: {
              or_filter: {
                filters: [
                  { status_code_filter: { comparison: { op: 'GE', value: { default_value: 400, runtime_key: 'x' } } } },
                  { response_flag_filter: { flags: ['NR'] } },
                ],
              },
            },
          },
        ],
        local_reply_config: {
          mappers: [
            {
              filter: { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 404, runtime_key: 'y' } } } },
              status_code: 410,
              body_format_override: { json_format: { status: '%RESPONSE_CODE%', cause: '%RESPONSE_CODE_DETAILS%' } },
              headers_to_add: [{ header: { key: 'x-mapped', value: 'yes' } }],
            },
          ],
        },
      };
      const only = [
        { match: { path: '/a/b' }, route: { cluster: 'backend' } },
        { match: { path: '/ok' }, direct_response: { status: 200, body: { inline_string: 'ok' } } },
      ];
      return bootstrap([listener('http', setting.ports[0], [httpChain(only, manager)])], clusters(setting));
    },
    calls: ({ ports: [port] }) => [
      http('normalized path', port, '/x/../a//b'),
      http('not logged', port, '/ok'),
      http('mapped local reply', port, '/nowhere'),
      http('kept request id', port, '/a/b', { headers: { 'x-request-id': 'given', 'x-forwarded-for': '1.2.3.4' } }),
    ],
  },
  {
    name: 'HTTP RBAC, and a chain of filters',
    bootstrap: (setting) => {
      const policies = {
        readers: {
          permissions: [
            { and_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'GET' } } }, { url_path: { path: { prefix: '/open' } } }] } },
          ],
          principals: [{ any: true }],
        },
        admins: { permissions: [{ any: true }], principals: [{ header: { name: 'x-role', string_match: { exact: 'admin' } } }] },
        local: {
          permissions: [{ url_path: { path: { exact: '/local' } } }],
          principals: [{ direct_remote_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } }],
        },
      };
      const rbac = {
        name: 'envoy.filters.http.rbac',
        typed_config: typedConfig('extensions.filters.http.rbac.v3.RBAC', { rules: { action: 'ALLOW', policies } }),
      };
      const manager = {
        http_filters: [rbac, router],
        access_log: [fileLog(setting.logFile, '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n')],
      };
      return bootstrap([listener('http', setting.ports[0], [httpChain([routeTo('backend')], manager)])], clusters(setting));
    },
    calls: ({ ports: [port] }) => [
      http('allowed by path', port, '/open/1'),
      http('denied by method', port, '/open/1', { method: 'POST' }),
      http('denied by path', port, '/closed'),
      http('allowed by header', port, '/closed', { headers: { 'x-role': 'admin' } }),
      http('allowed by address', port, '/local'),
    ],
  },
  {
    name: 'TLS from files, client certificates, server names, TCP and network RBAC',
    bootstrap: (setting) => {
      const files = [{ certificate_chain: { filename: setting.server.certificateFile }, private_key: { filename: setting.server.keyFile } }];
      const simple = downstreamTls({ common_tls_context: { tls_certificates: files, alpn_protocols: ['h2', 'http/1.1'] } });
      const mutual = downstreamTls({
        require_client_certificate: true,
        common_tls_context: { tls_certificates: files, validation_context: { trusted_ca: { filename: setting.caFile } } },
      });
      const log = {
        access_log: [fileLog(setting.logFile, '%REQUESTED_SERVER_NAME% %DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_TLS_VERSION% %RESPONSE_CODE%\n')],
      };
      const deny = {
        name: 'envoy.filters.network.rbac',
        typed_config: typedConfig('extensions.filters.network.rbac.v3.RBAC', {
          stat_prefix: 'rbac',
          rules: { action: 'DENY', policies: { all: { permissions: [{ destination_port: setting.ports[3] }], principals: [{ any: true }] } } },
        }),
      };
      const denied = tcpChain('backend');
      // A chain is an object of our own making with a list of filters.
      const deniedFilters = [deny, ...(denied['filters'] as readonly Part[])];
      return bootstrap(
        [
          listener(
            'named',
            setting.ports[0],
            [
              httpChain([routeTo('backend')], log, { filter_chain_match: { server_names: ['a.example'] }, ...simple }),
              httpChain([routeTo('backend')], log, { filter_chain_match: { server_names: ['b.example'] }, ...mutual }),
            ],
            tlsInspector,
          ),
          listener('tcp', setting.ports[1], [tcpChain('backend')]),
          listener('tcp-refused', setting.ports[2], [tcpChain('refused')]),
          listener('tcp-denied', setting.ports[3], [{ filters: deniedFilters }]),
        ],
        clusters(setting),
      );
    },
    calls: ({ ports, client }) => [
      { kind: 'https', label: 'by server name', port: ports[0], servername: 'a.example', path: '/one' },
      { kind: 'https', label: 'mutual', port: ports[0], servername: 'b.example', leaf: client, path: '/two' },
      { kind: 'https', label: 'mutual without certificate', port: ports[0], servername: 'b.example', path: '/three' },
      { kind: 'https', label: 'no chain', port: ports[0], servername: 'c.example', path: '/four' },
      { kind: 'tcp', label: 'raw', port: ports[1], send: 'GET /raw HTTP/1.1\r\nhost: raw\r\nconnection: close\r\n\r\n' },
      { kind: 'tcp', label: 'refused', port: ports[2], send: 'x' },
      { kind: 'tcp', label: 'denied', port: ports[3], send: 'GET / HTTP/1.1\r\nhost: raw\r\n\r\n' },
    ],
  },
  {
    name: 'admin address, camelCase names, HTTP/2 upstream with prior knowledge, two listeners',
    bootstrap: (setting) => ({
      admin: { address: address(setting.ports[2]) },
      node: { id: 'camel', cluster: 'camel' },
      layeredRuntime: { layers: [{ name: 'static', staticLayer: { 'some.key': 1 } }] },
      staticResources: {
        listeners: [
          listener('one', setting.ports[0], [httpChain([routeTo('backend')])]),
          listener('two', setting.ports[1], [httpChain([routeTo('same')])]),
        ],
        clusters: [cluster('backend', setting.backend), cluster('same', setting.backend, upstreamProtocol('same'))],
      },
    }),
    calls: ({ ports }) => [
      http('one', ports[0], '/a'),
      http('two', ports[1], '/b'),
      http('ready', ports[2], '/ready', { onlyStatus: true }),
      http('admin needs POST', ports[2], '/quitquitquit', { onlyStatus: true }),
      http('no such admin page', ports[2], '/no/such/page', { onlyStatus: true }),
    ],
  },
];
