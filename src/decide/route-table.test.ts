import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { formatConfigError } from '#decide/config-error.ts';
import { applyHeaderOperations } from '#decide/header-apply.ts';
import { rewriteHost, rewritePath } from '#decide/rewrite.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import { compileRouteTable, type RouteTable } from '#decide/route-table.ts';
import { Trace } from '#decide/trace.ts';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { connectionView, type RequestSketch, requestView } from '#test/support/views.ts';

function tableOf(config: JsonObject): RouteTable {
  const table = compileRouteTable(fromJson(RouteConfigurationSchema, { name: 'r', ...config }));
  if (!table.ok) throw new Error(table.error.map(formatConfigError).join('\n'));
  return table.value;
}

function oneHost(routes: JsonObject[], host: JsonObject = {}, config: JsonObject = {}): RouteTable {
  return tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes, ...host }], ...config });
}

function errorsOf(config: JsonObject): string[] {
  const table = compileRouteTable(fromJson(RouteConfigurationSchema, { name: 'r', ...config }));
  return table.ok ? [] : table.error.map(formatConfigError);
}

function forwardOf(decision: RouteDecision) {
  assert.equal(decision.kind, 'forward');
  if (decision.kind !== 'forward') throw new Error('unreachable');
  return decision;
}

const everything = { prefix: '/' };
const toC = { cluster: 'c' };

test('virtual hosts: exact, longest suffix, longest prefix, then any, whatever the case', () => {
  const domains = ['foo.com', '*.foo.com', '*-bar.foo.com', 'foo.*', 'foo.b*', '*', 'port.com:81', '[::1]:80'];
  const table = tableOf({
    virtual_hosts: domains.map((domain) => ({ name: domain, domains: [domain], routes: [{ match: everything, route: toC }] })),
  });
  const expected: [authority: string, host: string][] = [
    ['foo.com', 'foo.com'],
    ['FOO.com', 'foo.com'],
    ['a.foo.com', '*.foo.com'],
    ['a-bar.foo.com', '*-bar.foo.com'],
    ['.foo.com', '*'],
    ['foo.org', 'foo.*'],
    ['foo.biz', 'foo.b*'],
    ['other', '*'],
    ['foo.com:80', 'foo.*'],
    ['port.com:81', 'port.com:81'],
    ['[::1]:80', '[::1]:80'],
    ['', '*'],
  ];
  for (const [authority, host] of expected)
    assert.equal(forwardOf(table.decide(requestView('/', { authority }), 0)).route.virtualHost, host, authority);
});

test('ports in the authority can be ignored', () => {
  const table = tableOf({
    ignore_port_in_host_matching: true,
    virtual_hosts: [{ name: 'v', domains: ['a.com', '[::1]'], routes: [{ match: everything, route: toC }] }],
  });
  for (const authority of ['a.com', 'a.com:8080', '[::1]', '[::1]:99'])
    assert.equal(table.decide(requestView('/', { authority }), 0).kind, 'forward', authority);
  assert.equal(table.decide(requestView('/', { authority: 'b.com' }), 0).kind, 'no-virtual-host');
});

test('path tests see the path without query and fragment', () => {
  const table: [match: JsonObject, path: string, matches: boolean][] = [
    [{ prefix: '/a' }, '/ab?x', true],
    [{ prefix: '/a?' }, '/a?', false],
    [{ path: '/a' }, '/a?x=1', true],
    [{ path: '/a' }, '/a#f', true],
    [{ path: '/a' }, '/a/', false],
    [{ path: '/A', case_sensitive: false }, '/a', true],
    [{ prefix: '/A', case_sensitive: false }, '/ab', true],
    [{ path_separated_prefix: '/a' }, '/a', true],
    [{ path_separated_prefix: '/a' }, '/a/b', true],
    [{ path_separated_prefix: '/a' }, '/ab', false],
    [{ safe_regex: { regex: '/a.*' } }, '/ab?y', true],
    [{ safe_regex: { regex: '/a' } }, '/ab', false],
  ];
  for (const [match, path, matches] of table) {
    const decision = oneHost([{ match, route: toC }]).decide(requestView(path), 0);
    assert.equal(decision.kind, matches ? 'forward' : 'no-route', `${JSON.stringify(match)} on ${path}`);
  }
});

test('CONNECT, gRPC and runtime fractions', () => {
  const connect = oneHost([{ match: { connect_matcher: {} }, route: toC }]);
  assert.equal(connect.decide(requestView('', { method: 'CONNECT' }), 0).kind, 'forward');
  assert.equal(connect.decide(requestView('/'), 0).kind, 'no-route');
  assert.equal(oneHost([{ match: everything, route: toC }]).decide(requestView('', { method: 'CONNECT' }), 0).kind, 'no-route');
  const grpc = oneHost([{ match: { ...everything, grpc: {} }, route: toC }]);
  const kinds = ['application/grpc', 'application/grpc+proto', 'application/grpc-web', 'text/plain'].map((type) => {
    return grpc.decide(requestView('/', { headers: { 'content-type': type } }), 0).kind;
  });
  assert.deepEqual(kinds, ['forward', 'forward', 'no-route', 'no-route']);
  const share = oneHost([{ match: { ...everything, runtime_fraction: { default_value: { numerator: 25, denominator: 'HUNDRED' } } }, route: toC }]);
  assert.deepEqual(
    [0.24, 0.25].map((random) => share.decide(requestView('/'), random).kind),
    ['forward', 'no-route'],
  );
});

test('weights share the requests out; a target without weight gets none', () => {
  const clusters = [
    { name: 'none', weight: 0 },
    { name: 'a', weight: 90 },
    { name: 'b', weight: 10 },
  ];
  const table = oneHost([{ match: everything, route: { weighted_clusters: { clusters } } }]);
  const at = (random: number) => forwardOf(table.decide(requestView('/'), random)).target.cluster;
  assert.deepEqual([0, 0.5, 0.899, 0.9, 0.9999].map(at), ['a', 'a', 'a', 'b', 'b']);
  assert.equal(table.decide(requestView('/'), 0.1), table.decide(requestView('/'), 0.2), 'decisions are made once and shared');
});

test('a header may name the cluster', () => {
  const table = oneHost([{ match: everything, route: { cluster_header: 'X-Cluster' } }]);
  assert.equal(forwardOf(table.decide(requestView('/', { headers: { 'x-cluster': 'a,b' } }), 0)).target.cluster, 'a');
  assert.equal(forwardOf(table.decide(requestView('/'), 0)).target.cluster, '');
});

test('require_tls redirects what came without', () => {
  const all = oneHost([{ match: everything, route: toC }], { require_tls: 'ALL' });
  const plain = all.decide(requestView('/a?b', { authority: 'x.com' }), 0);
  assert.deepEqual(plain, { kind: 'tls-redirect', virtualHost: 'v', location: 'https://x.com/a?b' });
  assert.equal(all.decide(requestView('/', { headers: { 'x-forwarded-proto': 'https' } }), 0).kind, 'forward');
  const external = oneHost([{ match: everything, route: toC }], { require_tls: 'EXTERNAL_ONLY' });
  assert.equal(external.decide(requestView('/', { headers: { 'x-envoy-internal': 'true' } }), 0).kind, 'forward');
  assert.equal(external.decide(requestView('/'), 0).kind, 'tls-redirect');
});

test('redirects write the Location as Envoy does', () => {
  const table: [redirect: JsonObject, match: JsonObject, request: RequestSketch & { path: string }, location: string][] = [
    [{ https_redirect: true }, everything, { path: '/a?q', authority: 'h.com:80' }, 'https://h.com/a?q'],
    [{ https_redirect: true }, everything, { path: '/', authority: 'h.com:8080' }, 'https://h.com:8080/'],
    [{ https_redirect: true, port_redirect: 8443 }, everything, { path: '/', authority: 'h.com:8080' }, 'https://h.com:8443/'],
    [{ scheme_redirect: 'HTTPS', host_redirect: 'n.com' }, everything, { path: '/x' }, 'https://n.com/x'],
    [{ host_redirect: 'n.com', strip_query: true }, everything, { path: '/x?y' }, 'http://n.com/x'],
    [{ path_redirect: '/new' }, everything, { path: '/x?y' }, 'http://example.com/new?y'],
    [{ path_redirect: '/new?z' }, everything, { path: '/x?y' }, 'http://example.com/new?z'],
    [{ path_redirect: '/new', strip_query: true }, everything, { path: '/x?y' }, 'http://example.com/new'],
    [{ prefix_rewrite: '/n' }, { prefix: '/old' }, { path: '/old/x?y' }, 'http://example.com/n/x?y'],
    [{ regex_rewrite: { pattern: { regex: '/(.*)' }, substitution: '/z/\\1' } }, everything, { path: '/a?y' }, 'http://example.com/z/a?y'],
    [{ host_redirect: 'n.com' }, everything, { path: '/', authority: '[::1]:80' }, 'http://n.com/'],
  ];
  for (const [redirect, match, { path, ...sketch }, location] of table) {
    const decision = oneHost([{ match, redirect }]).decide(requestView(path, sketch), 0);
    assert.ok(decision.kind === 'redirect');
    const { scheme, authority } = requestView(path, sketch);
    assert.equal(decision.action.location(scheme, authority, path), location, JSON.stringify(redirect));
    assert.equal(decision.action.status, 301);
  }
});

test('paths and hosts are rewritten', () => {
  const rewritten = (match: JsonObject, route: JsonObject, path: string) => {
    return rewritePath(forwardOf(oneHost([{ match, route: { ...toC, ...route } }]).decide(requestView(path), 0)).action, path);
  };
  assert.equal(rewritten({ prefix: '/old/' }, { prefix_rewrite: '/' }, '/old/x?q'), '/x?q');
  assert.equal(rewritten({ path: '/old' }, { prefix_rewrite: '/new' }, '/old?q'), '/new?q');
  assert.equal(rewritten({ safe_regex: { regex: '/o.*' } }, { prefix_rewrite: '/new' }, '/old/x?q'), '/new?q');
  assert.equal(rewritten(everything, { regex_rewrite: { pattern: { regex: '^/a/(\\w+)' }, substitution: '/\\1/a' } }, '/a/b?q=/a/c'), '/b/a?q=/a/c');
  assert.equal(rewritten(everything, {}, '/x'), '/x');
  const host = (route: JsonObject, headers = {}) => {
    const request = requestView('/p/q', { headers });
    const { action } = forwardOf(oneHost([{ match: everything, route: { ...toC, ...route } }]).decide(request, 0));
    return rewriteHost(action, request);
  };
  assert.equal(host({}), undefined);
  assert.equal(host({ host_rewrite_literal: 'new' }), 'new');
  assert.equal(host({ host_rewrite_header: 'x-h' }, { 'x-h': 'from-header' }), 'from-header');
  assert.equal(host({ host_rewrite_header: 'x-h' }), undefined);
  assert.equal(host({ host_rewrite_path_regex: { pattern: { regex: '^/(\\w+)/.*' }, substitution: '\\1.com' } }), 'p.com');
});

test("header changes run in Envoy's order, level by level", () => {
  const level = (name: string) => ({
    request_headers_to_add: [{ header: { key: 'X-Level', value: name }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }],
  });
  const weighted = { weighted_clusters: { clusters: [{ name: 'c', weight: 1, ...level('cluster') }] } };
  const applied = (mostSpecificWins: boolean) => {
    const config = { ...level('config'), most_specific_header_mutations_wins: mostSpecificWins };
    const table = oneHost([{ match: everything, route: weighted, ...level('route') }], level('host'), config);
    const headers = ['x-level', 'sent', 'x-other', '1', 'x-level', 'again'];
    const { target, route } = forwardOf(table.decide(requestView('/'), 0));
    applyHeaderOperations(target.requestHeaders, headers, {
      request: requestView('/'),
      connection: connectionView(),
      protocol: 'HTTP/1.1',
      routeName: route.name,
      virtualHost: route.virtualHost,
    });
    return headers;
  };
  assert.deepEqual(applied(false), ['x-level', 'config', 'x-other', '1']);
  assert.deepEqual(applied(true), ['x-level', 'cluster', 'x-other', '1']);
});

test('header values, modes and removals', () => {
  const add = (key: string, value: string, mode = 'APPEND_IF_EXISTS_OR_ADD', extra = {}) => ({
    header: { key, value },
    append_action: mode,
    ...extra,
  });
  const route = {
    match: everything,
    route: toC,
    request_headers_to_remove: ['X-Gone'],
    request_headers_to_add: [
      add('x-gone', 'back'),
      add('a', '2'),
      add('b', '2', 'ADD_IF_ABSENT'),
      add('c', '1', 'ADD_IF_ABSENT'),
      add('d', '2', 'OVERWRITE_IF_EXISTS'),
      add('e', '1', 'OVERWRITE_IF_EXISTS'),
      add('f', 'at %REQ(:path)% from %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% 100%% %REQ(x-no?a):1%'),
      add('g', '%REQ(x-no)%'),
      add('h', '', 'APPEND_IF_EXISTS_OR_ADD', { keep_empty_value: true }),
      add('i', ''),
    ],
  };
  const decision = forwardOf(oneHost([route]).decide(requestView('/'), 0));
  const headers = ['x-gone', '1', 'a', '1', 'b', '1', 'd', '1'];
  const request = requestView('/p', { headers: { a: 'xyz' } });
  const view = { request, connection: connectionView(), protocol: 'HTTP/1.1', routeName: '', virtualHost: '' };
  applyHeaderOperations(decision.target.requestHeaders, headers, view);
  assert.deepEqual(headers, [
    ...['a', '1', 'b', '1', 'd', '2', 'x-gone', 'back', 'a', '2', 'c', '1'],
    ...['f', 'at /p from 10.0.0.9 100% x', 'h', ''],
  ]);
});

test('timeouts, retries and statuses have the defaults of Envoy', () => {
  const bare = forwardOf(oneHost([{ match: everything, route: toC }]).decide(requestView('/'), 0)).action;
  assert.deepEqual([bare.timeoutMs, bare.idleTimeoutMs, bare.retry, bare.clusterNotFoundStatus], [15_000, undefined, undefined, 503]);
  const retry_policy = { retry_on: '5xx,connect-failure', num_retries: 3, per_try_timeout: '2s', retry_back_off: { base_interval: '0.01s' } };
  const route = { ...toC, timeout: '0s', idle_timeout: '1.5s', cluster_not_found_response_code: 'NOT_FOUND', retry_policy };
  const full = forwardOf(oneHost([{ match: everything, route }]).decide(requestView('/'), 0)).action;
  assert.deepEqual([full.timeoutMs, full.idleTimeoutMs, full.clusterNotFoundStatus], [0, 1500, 404]);
  assert.deepEqual([...(full.retry?.on ?? [])], ['5xx', 'connect-failure']);
  assert.deepEqual([full.retry?.numRetries, full.retry?.perTryTimeoutMs, full.retry?.baseIntervalMs, full.retry?.maxIntervalMs], [3, 2000, 10, 100]);
  const inherited = oneHost([{ match: everything, route: toC }], { retry_policy: { retry_on: 'reset' } });
  assert.deepEqual([...(forwardOf(inherited.decide(requestView('/'), 0)).action.retry?.on ?? [])], ['reset']);
});

test('a trace names what was tried, why it failed, and ends in what was chosen', () => {
  const routes = [
    { name: 'user', match: { prefix: '/', headers: [{ name: 'x-user', string_match: { exact: 'jason' } }] }, route: toC },
    { name: 'api', match: { prefix: '/api/' }, route: toC },
    { name: 'rest', match: everything, route: { cluster: 'd' } },
  ];
  const trace = new Trace();
  oneHost(routes).decide(requestView('/reviews'), 0, trace);
  assert.deepEqual(
    trace.steps.map(({ stage, name, outcome, because }) => [stage, name, outcome, because].join('; ')),
    [
      'virtual host; v; chosen; domain *: authority is example.com',
      'route; user; rejected; header x-user is jason: it is missing',
      'route; api; rejected; prefix /api/: path is /reviews',
      'route; rest; chosen; prefix /',
      'cluster; d; chosen; the only target of the route',
    ],
  );
});

test('what cannot be honoured is an error that names the field', () => {
  const host = (routes: JsonObject[], extra: JsonObject = {}) => ({ virtual_hosts: [{ name: 'v', domains: ['a'], routes, ...extra }] });
  const table: [config: JsonObject, error: RegExp][] = [
    [
      host([{ match: { safe_regex: { regex: '(' } }, route: toC }]),
      /^r: virtual_hosts\[0\]\.routes\[0\]\.match\.safe_regex\.regex: not an RE2 expression/,
    ],
    [
      host([{ match: everything, route: { cluster: 'c', hedge_policy: { initial_requests: 2 } } }]),
      /routes\[0\]\.route\.hedge_policy: not supported/,
    ],
    [host([{ match: everything }]), /routes\[0\]: one of route, redirect/],
    [host([{ route: toC }]), /routes\[0\]\.match: a match is required/],
    [host([{ match: everything, route: toC }], { domains: ['a', 'A'] }), /domains\[1\]: domain A stands twice/],
    [
      host([{ match: everything, route: { weighted_clusters: { clusters: [{ name: 'a', weight: 0 }] } } }]),
      /weighted_clusters: the sum of the weights/,
    ],
    [
      host([{ match: everything, route: toC, request_headers_to_add: [{ header: { key: 'a', value: '%NO_SUCH%' } }] }]),
      /header\.value: format command %NO_SUCH%/,
    ],
    [
      host([{ match: everything, route: toC, request_headers_to_add: [{ header: { key: ':path', value: '/' } }] }]),
      /header\.key: :path may not be set/,
    ],
    [
      host([{ match: everything, route: { ...toC, prefix_rewrite: '/', regex_rewrite: { pattern: { regex: 'a' }, substitution: '' } } }]),
      /exclude each other/,
    ],
    [host([{ match: everything, direct_response: { status: 99 } }]), /direct_response\.status/],
    [host([{ match: everything, route: toC }], { cors: {} }), /virtual_hosts\[0\]\.cors: not supported/],
  ];
  for (const [config, error] of table) assert.match(errorsOf(config).join('\n'), error);
});
