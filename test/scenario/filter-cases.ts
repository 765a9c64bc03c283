// HTTP filters and what routes say about them, on Envoy and on the embedded proxy alike: faults, CORS, local rate limits, buffers.
import { istioDefaultFormat } from '#telemetry/access-log-format.ts';
import type { BootstrapCase, Call } from '#test/scenario/bootstrap-cases.ts';
import { bootstrap, cluster, downstreamTls, fileLog, httpChain, listener, type Part, typedConfig } from '#test/support/bootstrap-parts.ts';
import type { HttpCall } from '#test/support/http-call.ts';

const names = { cors: 'envoy.filters.http.cors', fault: 'envoy.filters.http.fault', limit: 'envoy.filters.http.local_ratelimit' };
const corsFilter: Part = { name: names.cors, typed_config: typedConfig('extensions.filters.http.cors.v3.Cors') };
const faultFilter = (config: Part = {}): Part => ({
  name: names.fault,
  typed_config: typedConfig('extensions.filters.http.fault.v3.HTTPFault', config),
});
const limitFilter = (config: Part): Part => ({
  name: names.limit,
  typed_config: typedConfig('extensions.filters.http.local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'limit', ...config }),
});
const router: Part = { name: 'envoy.filters.http.router', typed_config: typedConfig('extensions.filters.http.router.v3.Router') };

const fault = (config: Part): Part => ({ [names.fault]: typedConfig('extensions.filters.http.fault.v3.HTTPFault', config) });
const cors = (config: Part): Part => ({ [names.cors]: typedConfig('extensions.filters.http.cors.v3.CorsPolicy', config) });
const off = (name: string): Part => ({ [name]: typedConfig('config.route.v3.FilterConfig', { disabled: true }) });
const share = (numerator: number): Part => ({ numerator, denominator: 'HUNDRED' });
const always: Part = { default_value: share(100) };

const abort = (http_status: number, numerator = 100): Part => ({ abort: { http_status, percentage: share(numerator) } });
const delay = (fixed_delay: string, numerator = 100): Part => ({ delay: { fixed_delay, percentage: share(numerator) } });

const to = (path: string, filters: Part, more: Part = {}): Part => ({
  name: path.slice(1),
  match: { prefix: path },
  route: { cluster: 'backend', timeout: '5s' },
  typed_per_filter_config: filters,
  ...more,
});

function http(label: string, port: number, path: string, more: Partial<HttpCall> & { readonly onlyStatus?: boolean } = {}): Call {
  return { kind: 'http', label, port, path, ...more };
}

const grpc = { 'content-type': 'application/grpc' };

const faultRoutes: readonly Part[] = [
  to('/abort', fault(abort(555))),
  to('/never', fault({ ...abort(555, 0), ...delay('1s', 0) })),
  to('/grpc', fault({ abort: { grpc_status: 14, percentage: share(100) } })),
  to('/delay', fault(delay('0.2s'))),
  to('/both', fault({ ...delay('0.1s'), ...abort(418) })),
  to('/headers', fault({ ...abort(503), headers: [{ name: 'x-fault', string_match: { exact: 'yes' } }] })),
  to('/cluster', fault({ ...abort(503), upstream_cluster: 'backend' })),
  to('/other-cluster', fault({ ...abort(503), upstream_cluster: 'other' })),
  to('/nodes', fault({ ...abort(503), downstream_nodes: ['n1'] })),
  to('/none', fault({ ...abort(503), max_active_faults: 0 })),
  to('/direct', fault(abort(503)), { route: undefined, direct_response: { status: 200, body: { inline_string: 'direct' } } }),
  to('/redirect', fault(abort(503)), { route: undefined, redirect: { path_redirect: '/there' } }),
  to('/off', off(names.fault)),
  to('/weighted', fault(abort(501)), {
    route: {
      weighted_clusters: { clusters: [{ name: 'backend', weight: 1, typed_per_filter_config: fault(abort(502)) }] },
    },
  }),
  { match: { prefix: '/host' }, route: { cluster: 'backend' } },
];

const corsPolicy = (config: Part = {}): Part =>
  cors({
    allow_origin_string_match: [{ exact: 'https://a.example' }, { prefix: 'https://b.' }],
    allow_methods: 'GET,POST',
    allow_headers: 'x-one,x-two',
    expose_headers: 'x-seen',
    max_age: '600',
    allow_credentials: true,
    ...config,
  });

const corsRoutes: readonly Part[] = [
  to('/all', corsPolicy()),
  to('/ignore', corsPolicy({ forward_not_matching_preflights: false })),
  to('/star', corsPolicy({ allow_origin_string_match: [{ safe_regex: { regex: '.*' } }], allow_methods: '*', allow_headers: '*' })),
  to('/private', corsPolicy({ allow_private_network_access: true })),
  to('/partly', cors({ allow_methods: 'PUT' })),
  to('/disabled', corsPolicy({ filter_enabled: { default_value: share(0) } })),
  to('/off', off(names.cors)),
  to('/direct', corsPolicy(), { route: undefined, direct_response: { status: 200, body: { inline_string: 'direct' } } }),
  to('/missing', corsPolicy(), { route: { cluster: 'missing' } }),
  { match: { prefix: '/host' }, route: { cluster: 'backend' } },
];

const preflight = (origin: string, more: Readonly<Record<string, string>> = {}): Partial<HttpCall> => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-mine', ...more },
});

const bucket = (max_tokens: number, fill_interval = '3600s'): Part => ({ max_tokens, tokens_per_fill: 1, fill_interval });
const limit = (config: Part): Part => ({
  [names.limit]: typedConfig('extensions.filters.http.local_ratelimit.v3.LocalRateLimit', {
    stat_prefix: 'limit',
    filter_enabled: always,
    filter_enforced: always,
    ...config,
  }),
});
const byHeader = { request_headers: { header_name: 'x-user', descriptor_key: 'user' } };

const limitRoutes: readonly Part[] = [
  to('/one', limit({ token_bucket: bucket(1), enable_x_ratelimit_headers: 'DRAFT_VERSION_03' })),
  to(
    '/status',
    limit({ token_bucket: bucket(1), status: { code: 503 }, response_headers_to_add: [{ header: { key: 'x-limited', value: '%REQ(:path)%' } }] }),
  ),
  to('/shadow', limit({ token_bucket: bucket(1), filter_enforced: { default_value: share(0) } })),
  to(
    '/shadow-marked',
    limit({
      token_bucket: bucket(1),
      filter_enforced: { default_value: share(0) },
      request_headers_to_add_when_not_enforced: [{ header: { key: 'x-over', value: 'yes' } }],
    }),
  ),
  to('/not-enabled', limit({ token_bucket: bucket(1), filter_enabled: { default_value: share(0) } })),
  to('/exhausted', limit({ token_bucket: bucket(1), rate_limited_as_resource_exhausted: true })),
  to(
    '/users',
    limit({
      token_bucket: bucket(100),
      always_consume_default_token_bucket: false,
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      descriptors: [
        { entries: [{ key: 'user', value: 'ann' }], token_bucket: bucket(1) },
        { entries: [{ key: 'user' }], token_bucket: bucket(2) },
      ],
      rate_limits: [{ actions: [byHeader] }],
    }),
  ),
  to(
    '/rules',
    limit({
      token_bucket: bucket(100),
      descriptors: [
        {
          entries: [
            { key: 'kind', value: 'post' },
            { key: 'q', value: 'yes' },
          ],
          token_bucket: bucket(1),
        },
      ],
    }),
    {
      route: {
        cluster: 'backend',
        rate_limits: [
          {
            actions: [
              {
                header_value_match: {
                  descriptor_key: 'kind',
                  descriptor_value: 'post',
                  headers: [{ name: ':method', string_match: { exact: 'POST' } }],
                },
              },
              {
                query_parameter_value_match: {
                  descriptor_key: 'q',
                  descriptor_value: 'yes',
                  query_parameters: [{ name: 'q', string_match: { exact: '1' } }],
                },
              },
            ],
          },
        ],
      },
    },
  ),
  to(
    '/address',
    limit({
      token_bucket: bucket(100),
      descriptors: [{ entries: [{ key: 'generic_key', value: 'g' }, { key: 'remote_address' }], token_bucket: bucket(1) }],
    }),
    { route: { cluster: 'backend', rate_limits: [{ actions: [{ generic_key: { descriptor_value: 'g' } }, { remote_address: {} }] }] } },
  ),
  { name: 'open', match: { prefix: '/open' }, route: { cluster: 'backend' } },
];

const manager = (routes: readonly Part[], filters: readonly Part[], logFile: string, host: Part = {}): Part => ({
  access_log: [fileLog(logFile, istioDefaultFormat)],
  route_config: { name: 'local', validate_clusters: false, virtual_hosts: [{ name: 'all', domains: ['*'], routes, ...host }] },
  http_filters: [...filters, router],
});

const twice = (label: string, port: number, path: string, more: Partial<HttpCall> = {}): readonly Call[] => [
  http(`${label}, first`, port, path, more),
  http(`${label}, second`, port, path, more),
];

export const filterCases: readonly BootstrapCase[] = [
  {
    name: 'faults',
    bootstrap: ({ ports: [port], backend, logFile }) =>
      bootstrap(
        [
          listener('http', port, [
            httpChain([], manager(faultRoutes, [corsFilter, faultFilter()], logFile, { typed_per_filter_config: fault(abort(599)) })),
          ]),
        ],
        [cluster('backend', backend)],
      ),
    calls: ({ ports: [port] }) => [
      http('abort', port, '/abort'),
      http('abort of a gRPC call', port, '/abort', { method: 'POST', headers: grpc }),
      http('abort with a body under way', port, '/abort', { method: 'POST', body: 'x'.repeat(1000) }),
      http('never', port, '/never'),
      http('gRPC status for a gRPC call', port, '/grpc', { method: 'POST', headers: grpc }),
      http('gRPC status for another', port, '/grpc'),
      http('delay', port, '/delay'),
      http('delay with a body', port, '/delay', { method: 'POST', body: 'x'.repeat(300_000) }),
      http('delay and abort', port, '/both'),
      http('header there', port, '/headers', { headers: { 'x-fault': 'yes' } }),
      http('header missing', port, '/headers'),
      http('this cluster', port, '/cluster'),
      http('another cluster', port, '/other-cluster'),
      http('this node', port, '/nodes', { headers: { 'x-envoy-downstream-service-node': 'n1' } }),
      http('another node', port, '/nodes'),
      http('no faults at once', port, '/none'),
      http('direct response', port, '/direct'),
      http('redirect', port, '/redirect'),
      http('switched off', port, '/off'),
      http('weighted cluster', port, '/weighted'),
      http('virtual host', port, '/host'),
      http('no route', port, '/nowhere'),
    ],
  },
  {
    name: 'a fault of the filter itself, and one that runs only where a route asks for it',
    bootstrap: ({ ports, backend, logFile }) =>
      bootstrap(
        [
          listener('http', ports[0], [httpChain([], manager([to('/own', fault(abort(501))), to('/plain', {})], [faultFilter(abort(500))], logFile))]),
          listener('asked', ports[1], [
            httpChain([], manager([to('/own', fault(abort(501))), to('/plain', {})], [{ ...faultFilter(abort(500)), disabled: true }], logFile)),
          ]),
        ],
        [cluster('backend', backend)],
      ),
    calls: ({ ports }) => [
      http('own', ports[0], '/own'),
      http('plain', ports[0], '/plain'),
      http('no route', ports[0], '/nowhere'),
      http('asked, own', ports[1], '/own'),
      http('asked, plain', ports[1], '/plain'),
    ],
  },
  {
    name: 'CORS',
    bootstrap: ({ ports: [port], backend, logFile }) =>
      bootstrap(
        [
          listener('http', port, [
            httpChain([], manager(corsRoutes, [corsFilter, faultFilter()], logFile, { typed_per_filter_config: corsPolicy() })),
          ]),
        ],
        [cluster('backend', backend)],
      ),
    calls: ({ ports: [port] }) => [
      ...['/all', '/ignore', '/star', '/private', '/partly', '/disabled', '/off', '/direct', '/missing', '/host', '/nowhere'].flatMap((path) => [
        http(`${path} preflight`, port, path, preflight('https://a.example')),
        http(`${path} preflight by prefix`, port, path, preflight('https://b.example', { 'access-control-request-private-network': 'true' })),
        http(`${path} preflight of another`, port, path, preflight('https://c.example')),
        http(`${path} request`, port, path, { headers: { origin: 'https://a.example' } }),
        http(`${path} request of another`, port, path, { headers: { origin: 'https://c.example' } }),
        http(`${path} without origin`, port, path),
        http(`${path} OPTIONS that is no preflight`, port, path, { method: 'OPTIONS', headers: { origin: 'https://a.example' } }),
      ]),
    ],
  },
  {
    name: 'local rate limits',
    bootstrap: ({ ports: [port], backend, logFile }) =>
      bootstrap(
        [listener('http', port, [httpChain([], manager(limitRoutes, [corsFilter, limitFilter({})], logFile))])],
        [cluster('backend', backend)],
      ),
    calls: ({ ports: [port] }) => [
      ...twice('one', port, '/one'),
      ...twice('status', port, '/status'),
      ...twice('shadow', port, '/shadow'),
      ...twice('shadow marked', port, '/shadow-marked'),
      ...twice('not enabled', port, '/not-enabled'),
      ...twice('exhausted', port, '/exhausted', { method: 'POST', headers: grpc }),
      ...twice('ann', port, '/users', { headers: { 'x-user': 'ann' } }),
      ...twice('bob', port, '/users', { headers: { 'x-user': 'bob' } }),
      http('bob, third', port, '/users', { headers: { 'x-user': 'bob' } }),
      http('carol', port, '/users', { headers: { 'x-user': 'carol' } }),
      ...twice('nobody', port, '/users'),
      ...twice('rules', port, '/rules?q=1', { method: 'POST' }),
      ...twice('rules, another query', port, '/rules?q=2', { method: 'POST' }),
      ...twice('rules, another method', port, '/rules?q=1'),
      ...twice('address', port, '/address'),
      http('another address', port, '/address', { headers: { 'x-forwarded-for': '10.1.2.3' } }),
      ...twice('open', port, '/open'),
    ],
  },
  {
    name: 'a buffer limit',
    bootstrap: ({ ports: [port], backend, logFile }) => {
      const buffer: Part = { name: 'buffer', typed_config: typedConfig('extensions.filters.http.buffer.v3.Buffer', { max_request_bytes: 1000 }) };
      const more = (config: Part): Part => ({ buffer: typedConfig('extensions.filters.http.buffer.v3.BufferPerRoute', config) });
      const routes = [to('/more', more({ buffer: { max_request_bytes: 5000 } })), to('/off', more({ disabled: true })), to('/', {})];
      return bootstrap([listener('http', port, [httpChain([], manager(routes, [buffer], logFile))])], [cluster('backend', backend)]);
    },
    calls: ({ ports: [port] }) =>
      ['/', '/more', '/off'].flatMap((path) =>
        [0, 1000, 1001, 5000, 6000].map((size) => http(`${path} ${size}`, port, path, { method: 'POST', body: 'x'.repeat(size) })),
      ),
  },
  {
    name: 'limits of header size and number',
    bootstrap: ({ ports: [port], backend, logFile }) =>
      bootstrap(
        [
          listener('http', port, [
            httpChain([], {
              ...manager([to('/', {})], [], logFile),
              max_request_headers_kb: 8,
              common_http_protocol_options: { max_headers_count: 20 },
            }),
          ]),
        ],
        [cluster('backend', backend)],
      ),
    calls: ({ ports: [port] }) => [
      http('large enough', port, '/', { headers: { 'x-large': 'x'.repeat(7000) } }),
      http('too large', port, '/', { headers: { 'x-large': 'x'.repeat(9000) } }),
      http('enough', port, '/', { headers: Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`x-${index}`, 'y'])) }),
      http('too many', port, '/', { headers: Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`x-${index}`, 'y'])) }),
    ],
  },
  {
    name: 'what is forwarded of client certificates',
    bootstrap: ({ ports, backend, caFile, server }) => {
      const file = (filename: string): Part => ({ filename });
      const tls = downstreamTls({
        require_client_certificate: true,
        common_tls_context: {
          tls_certificates: [{ certificate_chain: file(server.certificateFile), private_key: file(server.keyFile) }],
          validation_context: { trusted_ca: file(caFile) },
        },
      });
      const chain = (manager: Part): Part => httpChain([to('/', {})], manager, tls);
      const details: Part = { subject: true, cert: true, dns: true, uri: true };
      return bootstrap(
        [
          listener('set', ports[0], [chain({ forward_client_cert_details: 'SANITIZE_SET', set_current_client_cert_details: details })]),
          listener('append', ports[1], [chain({ forward_client_cert_details: 'APPEND_FORWARD', set_current_client_cert_details: { uri: true } })]),
          listener('none', ports[2], [chain({})]),
        ],
        [cluster('backend', backend)],
      );
    },
    calls: ({ ports, client }) =>
      [0, 1, 2].map(
        (index): Call => ({ kind: 'https', label: `port ${index}`, port: ports[index] ?? 0, servername: 'a.example', leaf: client, path: '/' }),
      ),
  },
  {
    name: 'gRPC-Web',
    bootstrap: ({ ports: [port], backend, logFile }) => {
      const web: Part = { name: 'envoy.filters.http.grpc_web', typed_config: typedConfig('extensions.filters.http.grpc_web.v3.GrpcWeb') };
      return bootstrap(
        [listener('http', port, [httpChain([], manager([to('/abort', fault(abort(503))), to('/', {})], [web, faultFilter()], logFile))])],
        [cluster('backend', backend)],
      );
    },
    calls: ({ ports: [port] }) => {
      const message = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
      const asText = message.toString('base64');
      const call = (path: string, type: string, body: string | Uint8Array, accept?: string): Call =>
        http(`${path} ${type} ${accept ?? ''}`, port, path, {
          method: 'POST',
          headers: { 'content-type': type, ...(accept === undefined ? {} : { accept }) },
          body,
        });
      return ['/', '/abort'].flatMap((path) => [
        call(path, 'application/grpc-web', message),
        call(path, 'application/grpc-web+proto', message, 'application/grpc-web+proto'),
        call(path, 'application/grpc-web-text', asText),
        call(path, 'application/grpc-web-text+proto', asText, 'application/grpc-web-text'),
        call(path, 'application/grpc', message),
        call(path, 'application/json', '{}'),
      ]);
    },
  },
];
