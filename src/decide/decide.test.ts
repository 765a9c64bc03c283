import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type Config, compileConfig } from '#decide/config.ts';
import { formatConfigError } from '#decide/config-error.ts';
import { decide } from '#decide/decide.ts';
import type { Call } from '#decide/decision.ts';
import { extensions } from '#decide/extension.ts';
import { isNormal, normalAuthorityOf, normalizePath } from '#decide/path-normal.ts';
import { Trace } from '#decide/trace.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { type ResourceSet, XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { connectionView, type RequestSketch, requestView } from '#test/support/views.ts';

const extension = (name: string, json: JsonObject): JsonObject => ({ name, typed_config: { '@type': `type.googleapis.com/${name}`, ...json } });
const http = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router = extension('envoy.extensions.filters.http.router.v3.Router', {});
const manager = (json: JsonObject): JsonObject => extension(http, { stat_prefix: 's', http_filters: [router], ...json });
const tcpTo = (cluster: string): JsonObject => extension('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 's', cluster });
const denyAll = {
  rules: { action: 'DENY', policies: { everybody: { permissions: [{ any: true }], principals: [{ any: true }] } } },
  stat_prefix: 's',
};
const at = (address: string, port_value: number): JsonObject => ({ socket_address: { address, port_value } });
const rds = { config_source: { ads: {} }, route_config_name: 'routes' };

const listeners: JsonObject[] = [
  { name: 'virtual', address: at('0.0.0.0', 15001), use_original_dst: true, filter_chains: [{ name: 'pass', filters: [tcpTo('passthrough')] }] },
  {
    name: 'any-80',
    address: at('0.0.0.0', 80),
    bind_to_port: false,
    filter_chains: [{ name: 'web', filters: [manager({ rds, normalize_path: true })] }],
  },
  { name: 'one-80', address: at('10.0.0.7', 80), bind_to_port: false, filter_chains: [{ name: 'tcp', filters: [tcpTo('full')] }] },
  {
    name: 'bound',
    address: at('127.0.0.1', 9000),
    filter_chains: [{ name: 'web', filters: [manager({ rds: { ...rds, route_config_name: 'later' } })] }],
  },
  {
    name: 'denied',
    address: at('127.0.0.1', 9001),
    filter_chains: [{ filters: [extension('envoy.extensions.filters.network.rbac.v3.RBAC', denyAll), tcpTo('full')] }],
  },
  {
    name: 'forbidden',
    address: at('127.0.0.1', 9002),
    filter_chains: [
      { filters: [manager({ rds, http_filters: [extension('envoy.extensions.filters.http.rbac.v3.RBAC', { rules: denyAll.rules }), router] })] },
    ],
  },
];

const to = (path: string, action: JsonObject): JsonObject => ({ name: path, match: { path }, ...action });
const routes: JsonObject = {
  name: 'routes',
  virtual_hosts: [
    {
      name: 'v',
      domains: ['example.com'],
      routes: [
        to('/full', { route: { cluster: 'full', prefix_rewrite: '/new', host_rewrite_literal: 'h' } }),
        to('/empty', { route: { cluster: 'empty' } }),
        to('/none', { route: { cluster: 'none', cluster_not_found_response_code: 'NOT_FOUND' } }),
        to('/gone', { direct_response: { status: 410 } }),
        to('/moved', { redirect: { path_redirect: '/there' } }),
      ],
    },
  ],
};

const eds = (name: string): JsonObject => ({ name, type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } } });
const endpoint = (port: number, health_status = 'HEALTHY'): JsonObject => ({ health_status, endpoint: { address: at('10.1.0.1', port) } });
const assignment: JsonObject = { cluster_name: 'full', endpoints: [{ lb_endpoints: [endpoint(1), endpoint(2), endpoint(3, 'UNHEALTHY')] }] };

function configOf(): Config {
  const read = (json: JsonObject) => fromJson(ListenerSchema, json, { registry: extensions });
  const clusters = [eds('full'), eds('empty'), { name: 'passthrough', type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' }];
  const resources: ResourceSet = new Map([
    [
      typeUrls.listener,
      new Map(listeners.map((json) => [String(json['name']), new XdsResource(typeUrls.listener, String(json['name']), ListenerSchema, read(json))])),
    ],
    [
      typeUrls.route,
      new Map([['routes', new XdsResource(typeUrls.route, 'routes', RouteConfigurationSchema, fromJson(RouteConfigurationSchema, routes))]]),
    ],
    [
      typeUrls.cluster,
      new Map(
        clusters.map((json) => [json['name'], new XdsResource(typeUrls.cluster, String(json['name']), ClusterSchema, fromJson(ClusterSchema, json))]),
      ),
    ],
    [
      typeUrls.endpoint,
      new Map([['full', new XdsResource(typeUrls.endpoint, 'full', ClusterLoadAssignmentSchema, fromJson(ClusterLoadAssignmentSchema, assignment))]]),
    ],
  ] as [(typeof typeUrls)[keyof typeof typeUrls], Map<string, XdsResource>][]); // the four schemas differ, a ResourceSet does not ask
  const config = compileConfig(resources);
  if (!config.ok) throw new Error(config.error.map(formatConfigError).join('\n'));
  return config.value;
}

const config = configOf();
const redirected = { acceptedOn: { address: '127.0.0.1', port: 15_001 } };

/** An HTTP call to 10.0.0.1:80 that was redirected to port 15001. */
function httpCallTo(path: string, sketch: RequestSketch = {}): Call {
  return { connection: connectionView(), request: requestView(path, sketch), ...redirected };
}

test('a call that is forwarded knows every step of its way', () => {
  const decision = decide(config, httpCallTo('/full?q'));
  assert.deepEqual(
    [decision.listener, decision.filterChain, decision.routeConfig, decision.virtualHost, decision.route?.name, decision.cluster],
    [...['any-80', 'web', 'routes', 'v', '/full', 'full']],
  );
  const { outcome } = decision;
  assert.ok(outcome.kind === 'forward');
  assert.deepEqual([outcome.path, outcome.authority, outcome.endpoints.map(({ key }) => key)], ['/new?q', 'h', ['10.1.0.1:1', '10.1.0.1:2']]);
});

test('failures say the status, the flag and how far the call came', () => {
  const table: [call: Call, status: number, flag: string, because: RegExp][] = [
    [httpCallTo('/empty'), 503, 'UH', /empty has no healthy endpoint/],
    [httpCallTo('/none'), 404, 'NC', /none is not known/],
    [httpCallTo('/nowhere'), 404, 'NR', /no route of v/],
    [httpCallTo('/full', { authority: 'other' }), 404, 'NR', /no virtual host serves other/],
    [httpCallTo('/gone'), 410, '', /direct response/],
    [httpCallTo('/a/%00'), 400, '', /not valid/],
    [
      { connection: connectionView({ destinationAddress: '127.0.0.1', destinationPort: 9000 }), request: requestView('/') },
      404,
      'NR',
      /later is not known/,
    ],
    [{ connection: connectionView({ destinationAddress: '127.0.0.1', destinationPort: 9001 }) }, 0, 'NR', /RBAC/],
    [
      { connection: connectionView({ destinationAddress: '127.0.0.1', destinationPort: 9002 }), request: requestView('/') },
      403,
      '',
      /denied by everybody/,
    ],
    [{ connection: connectionView({ destinationPort: 9999 }) }, 0, 'NR', /nothing listens/],
  ];
  for (const [call, status, flag, because] of table) {
    const { outcome } = decide(config, call);
    assert.ok(outcome.kind === 'local-reply', JSON.stringify(outcome));
    assert.deepEqual([outcome.status, outcome.flag], [status, flag], outcome.because);
    assert.match(outcome.because, because);
    assert.deepEqual(decide(config, call, new Trace()), decide(config, call), 'a trace changes nothing');
  }
  const moved = decide(config, httpCallTo('/moved')).outcome;
  assert.ok(moved.kind === 'local-reply');
  assert.deepEqual([moved.status, moved.location], [301, 'http://example.com/there']);
});

test('a redirected connection goes to the exact address, then any address, then stays where it came', () => {
  const listenerFor = (destinationAddress: string, destinationPort: number) => {
    return decide(config, { connection: connectionView({ destinationAddress, destinationPort }), ...redirected });
  };
  assert.equal(listenerFor('10.0.0.7', 80).listener, 'one-80');
  assert.equal(listenerFor('10.0.0.8', 80).listener, 'any-80');
  const passed = listenerFor('10.0.0.8', 5432);
  assert.equal(passed.listener, 'virtual');
  assert.ok(passed.outcome.kind === 'tcp');
  assert.deepEqual(
    passed.outcome.endpoints.map(({ key }) => key),
    ['10.0.0.8:5432'],
    'passed through to where it was going',
  );
});

test('paths are normalised as the settings say', () => {
  const base = { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashes: 'keep' } as const;
  const table: [path: string, normal: string][] = [
    ['/a/./b/../c', '/a/c'],
    ['/../a', '/a'],
    ['/a/..', '/'],
    ['/a/.', '/a/'],
    ['//a///b//', '/a/b/'],
    ['/%61%2D%2e%2E', '/a-..'],
    ['/a/%2e%2e/b', '/b'],
    ['/a\\b', '/a/b'],
    ['/a%2Fb', '/a%2Fb'],
    ['/a/../b?x=/../y//z', '/b?x=/../y//z'],
  ];
  for (const [path, normal] of table) assert.deepEqual(normalizePath(path, base), { kind: 'path', path: normal }, path);
  for (const path of ['/', '/a/b.c?x=1', '*']) assert.equal(isNormal(path), true, path);
  const slashes = (pathWithEscapedSlashes: 'reject' | 'unescape-and-redirect' | 'unescape-and-forward') =>
    normalizePath('/a%2fb', { ...base, pathWithEscapedSlashes });
  assert.deepEqual(slashes('reject'), { kind: 'rejected' });
  assert.deepEqual(slashes('unescape-and-redirect'), { kind: 'redirect', path: '/a/b' });
  assert.deepEqual(slashes('unescape-and-forward'), { kind: 'path', path: '/a/b' });
  const off = { normalizePath: false, mergeSlashes: false, pathWithEscapedSlashes: 'keep' } as const;
  assert.deepEqual(normalizePath('/a//../b', off), { kind: 'path', path: '/a//../b' });
});

test('ports are stripped from the authority as the settings say', () => {
  const table: [mode: 'never' | 'matching' | 'any', authority: string, stripped: string][] = [
    ['never', 'a:80', 'a:80'],
    ['matching', 'a:80', 'a'],
    ['matching', 'a:81', 'a:81'],
    ['any', 'a:81', 'a'],
    ['any', '[::1]:81', '[::1]'],
    ['any', '[::1]', '[::1]'],
    ['any', 'a', 'a'],
  ];
  for (const [mode, authority, stripped] of table) assert.equal(normalAuthorityOf(mode, authority, 80), stripped, `${mode} ${authority}`);
});
