// What routes do to a request on its way and to the response on its way back: a table of routes, sent through a real Envoy and the embedded
// proxy to the same backend. Path and host must be what decide says, and all headers alike on both.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { formatConfigError } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import { isNormal, normalizePath, type PathRules } from '#decide/path-normal.ts';
import { rewriteHost, rewritePath } from '#decide/rewrite.ts';
import { compileRouteTable } from '#decide/route-table.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { type BackendAnswer, Backends } from '#test/calls/backends.ts';
import { comparable, type LiveAnswer } from '#test/calls/live-calls.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

type Case = {
  readonly name: string;
  readonly route: JsonObject;
  readonly match?: JsonObject;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

const set = (key: string, value: string, append_action = 'OVERWRITE_IF_EXISTS_OR_ADD', extra: JsonObject = {}): JsonObject => ({
  header: { key, value },
  append_action,
  ...extra,
});
const everything = { prefix: '/' };
const toBackend = { cluster: 'backend' };

const cases: readonly Case[] = [
  { name: 'plain', route: { route: toBackend }, path: '/a?b=1' },
  { name: 'prefix rewrite', match: { prefix: '/old/' }, route: { route: { ...toBackend, prefix_rewrite: '/' } }, path: '/old/x?q' },
  { name: 'prefix rewrite to the same', match: { prefix: '/a' }, route: { route: { ...toBackend, prefix_rewrite: '/a' } }, path: '/a/b' },
  { name: 'path rewrite', match: { path: '/old' }, route: { route: { ...toBackend, prefix_rewrite: '/new' } }, path: '/old?q=1' },
  { name: 'separated prefix', match: { path_separated_prefix: '/old' }, route: { route: { ...toBackend, prefix_rewrite: '/n' } }, path: '/old/x' },
  { name: 'regex match', match: { safe_regex: { regex: '/o.*' } }, route: { route: { ...toBackend, prefix_rewrite: '/n' } }, path: '/old/x?q=1' },
  {
    name: 'regex rewrite',
    route: { route: { ...toBackend, regex_rewrite: { pattern: { regex: '^/([^/]+)/(.*)$' }, substitution: '/\\2/of/\\1' } } },
    path: '/a/b?c',
  },
  {
    name: 'regex rewrite everywhere',
    route: { route: { ...toBackend, regex_rewrite: { pattern: { regex: 'x+' }, substitution: '-' } } },
    path: '/axbxx',
  },
  { name: 'host', route: { route: { ...toBackend, host_rewrite_literal: 'new.example' } } },
  { name: 'host and forwarded', route: { route: { ...toBackend, host_rewrite_literal: 'new.example', append_x_forwarded_host: true } } },
  {
    name: 'forwarded appended',
    route: { route: { ...toBackend, host_rewrite_literal: 'new.example', append_x_forwarded_host: true } },
    headers: { 'x-forwarded-host': 'first.example' },
  },
  { name: 'host from header', route: { route: { ...toBackend, host_rewrite_header: 'x-h' } }, headers: { 'x-h': 'from-header' } },
  { name: 'host from no header', route: { route: { ...toBackend, host_rewrite_header: 'x-h' } } },
  {
    name: 'host from path',
    route: { route: { ...toBackend, host_rewrite_path_regex: { pattern: { regex: '^/([^/]+)/.*' }, substitution: '\\1.example' } } },
    path: '/me/x',
  },
  {
    name: 'header modes',
    route: {
      route: toBackend,
      request_headers_to_remove: ['x-gone'],
      request_headers_to_add: [
        set('x-add', '2', 'APPEND_IF_EXISTS_OR_ADD'),
        set('x-keep', '2', 'ADD_IF_ABSENT'),
        set('x-new', '1', 'ADD_IF_ABSENT'),
        set('x-over', '2'),
        set('x-none', '1', 'OVERWRITE_IF_EXISTS'),
        set('x-some', '2', 'OVERWRITE_IF_EXISTS'),
        set('x-empty', ''),
        set('x-kept-empty', '', 'APPEND_IF_EXISTS_OR_ADD', { keep_empty_value: true }),
      ],
    },
    headers: { 'x-gone': '1', 'x-add': '1', 'x-keep': '1', 'x-over': '1', 'x-some': '1' },
  },
  {
    name: 'header formats',
    route: {
      name: 'named',
      route: toBackend,
      request_headers_to_add: [
        set('x-path', '%REQ(:PATH)% %REQ(:METHOD)% %REQ(X-NO?X-A)% %REQ(x-no)% 100%%'),
        set('x-short', '%REQ(x-a):2%'),
        set('x-proto', '%PROTOCOL%'),
        set('x-route', '%ROUTE_NAME%'),
        set('x-from', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%'),
        set('x-to', '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%'),
        set('x-cluster', '%UPSTREAM_CLUSTER%'),
      ],
      response_headers_to_add: [set('x-code', '%RESPONSE_CODE%'), set('x-type', '%RESP(content-type)%'), set('x-asked', '%REQ(x-a)%')],
    },
    headers: { 'x-a': 'value' },
  },
  {
    name: 'response headers',
    route: {
      route: toBackend,
      response_headers_to_remove: ['connection', 'x-none'],
      response_headers_to_add: [set('content-type', 'application/json'), set('x-added', 'yes', 'APPEND_IF_EXISTS_OR_ADD')],
    },
  },
  {
    name: 'weighted cluster headers',
    route: {
      route: {
        weighted_clusters: {
          clusters: [{ name: 'backend', weight: 1, request_headers_to_add: [set('x-level', 'cluster')], host_rewrite_literal: 'by.cluster' }],
        },
      },
      request_headers_to_add: [set('x-level', 'route')],
    },
  },
  {
    name: 'hosts of weighted cluster and route',
    route: {
      route: { weighted_clusters: { clusters: [{ name: 'backend', weight: 1, host_rewrite_literal: 'by.cluster' }] }, host_rewrite_header: 'x-h' },
    },
    headers: { 'x-h': 'by.route' },
  },
  { name: 'dot segments', route: { route: toBackend }, path: '/a/./b/../c' },
  { name: 'above the root', route: { route: toBackend }, path: '/../a' },
  { name: 'last dots', route: { route: toBackend }, path: '/a/b/..' },
  { name: 'last dot', route: { route: toBackend }, path: '/a/b/.' },
  { name: 'slashes', route: { route: toBackend }, path: '//a///b//' },
  { name: 'escapes', route: { route: toBackend }, path: '/%61%2d%2E%7e%20%c3%A9%2F%5c/x' },
  { name: 'escaped dots', route: { route: toBackend }, path: '/a/%2e%2E/b' },
  { name: 'backslashes', route: { route: toBackend }, path: '/a\\b\\..\\c' },
  { name: 'query untouched', route: { route: toBackend }, path: '/a/../b?x=/../y//z%61' },
];

const rules: PathRules = { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashes: 'keep' };
const hostOf = (index: number) => `case-${index}.example`;

const routes: JsonObject = {
  name: 'cases',
  virtual_hosts: cases.map(({ name, match = everything, route }, index) => ({
    name: name === '' ? String(index) : name,
    domains: [hostOf(index)],
    routes: [{ match, ...route }],
  })),
};

void test('routes forward as decide says: embedded proxy', async () => {
  await run({ kind: 'embedded' });
});

envoyTest('routes forward as decide says: Envoy, and the embedded proxy alike', async (binary) => {
  const [envoy, embedded] = [await run({ kind: 'envoy', binary }), await run({ kind: 'embedded' })];
  for (const [index, { name }] of cases.entries()) {
    const [one, other] = [envoy[index], embedded[index]];
    if (one !== undefined && other !== undefined) assert.deepEqual(comparable(other), comparable(one), name);
  }
});

async function run(plane: DataPlane): Promise<readonly LiveAnswer[]> {
  await using backends = new Backends();
  const backendPort = await backends.start('backend', 'only');
  const [port = 0] = await listenPorts(1);
  const answers: LiveAnswer[] = [];
  await withLiveProxy(plane, 'sidecar~127.0.0.1~cases.default~default.svc.cluster.local', [clusterTo(backendPort), listenerOn(port)], async () => {
    for (const [index, { path = '/', headers = {}, name }] of cases.entries()) {
      const answer = await httpCall({ port, path, headers: { ...headers, host: hostOf(index) } });
      const backend = answer.headers['content-type'] === 'application/json' ? (JSON.parse(answer.body) as BackendAnswer) : undefined; // our own backend's
      const found = backend === undefined ? { status: answer.status } : { path: backend.path, authority: backend.authority };
      assert.deepEqual(found, expected(index), `${name} on ${plane.kind}: ${answer.body}`);
      answers.push({ answer, backend });
    }
  });
  return answers;
}

/** Path and host at the backend, or the status of a refusal. */
function expected(index: number): { path: string; authority: string } | { status: number } {
  const { path = '/', headers = {} } = cases[index] ?? {};
  const table = compileRouteTable(fromJson(RouteConfigurationSchema, routes));
  if (!table.ok) throw new Error(table.error.map(formatConfigError).join('\n'));
  const normal = isNormal(path) ? ({ kind: 'path', path } as const) : normalizePath(path, rules);
  if (normal.kind !== 'path') return { status: 400 };
  const request = { method: 'GET', scheme: 'http', authority: hostOf(index), path: normal.path, header: (name: string) => headers[name] };
  const decision = table.value.decide(request, 0);
  if (decision.kind !== 'forward') return { status: 404 };
  return {
    path: rewritePath(decision.action, normal.path),
    authority: rewriteHost(decision.action, request) ?? decision.target.hostRewrite ?? request.authority,
  };
}

function clusterTo(port: number): XdsResource {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  const json = {
    name: 'backend',
    connect_timeout: '1s',
    load_assignment: { cluster_name: 'backend', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
  return new XdsResource(typeUrls.cluster, 'backend', ClusterSchema, fromJson(ClusterSchema, json));
}

function listenerOn(port: number): XdsResource {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'cases',
    route_config: routes,
    normalize_path: true,
    merge_slashes: true,
    http_filters: [{ name: 'router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }],
  };
  const json = {
    name: 'cases',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  return new XdsResource(typeUrls.listener, 'cases', ListenerSchema, fromJson(ListenerSchema, json, { registry: extensions }));
}
