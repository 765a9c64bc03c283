import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { compileConfig } from '#decide/config.ts';
import { formatConfigError } from '#decide/config-error.ts';
import { decide } from '#decide/decide.ts';
import type { Decision } from '#decide/decision.ts';
import { extensions } from '#decide/extension.ts';
import { Trace, type TraceStep } from '#decide/trace.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { type ResourceSet, XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import { connectionView, type RequestSketch, requestView } from '#test/support/views.ts';

const typed = (name: string, json: JsonObject = {}): JsonObject => ({ '@type': `type.googleapis.com/envoy.${name}`, ...json });
const address = { socket_address: { address: '127.0.0.1', port_value: 80 } };
const share = (numerator: number): JsonObject => ({ numerator, denominator: 'HUNDRED' });
const fault = (json: JsonObject): JsonObject => ({ fault: typed('extensions.filters.http.fault.v3.HTTPFault', json) });
const abort = (http_status: number): JsonObject => fault({ abort: { http_status, percentage: share(100) } });
const config = (json: JsonObject): JsonObject => ({ fault: typed('config.route.v3.FilterConfig', json) });
const denyAll = { action: 'DENY', policies: { nobody: { permissions: [{ any: true }], principals: [{ any: true }] } } };

type Setup = {
  readonly route?: JsonObject;
  readonly host?: JsonObject;
  readonly table?: JsonObject;
  readonly cluster?: JsonObject;
  readonly filters?: readonly JsonObject[];
};

const standard: readonly JsonObject[] = [
  { name: 'cors', typed_config: typed('extensions.filters.http.cors.v3.Cors') },
  { name: 'fault', typed_config: typed('extensions.filters.http.fault.v3.HTTPFault') },
];

const per = (filters: JsonObject | undefined): JsonObject => (filters === undefined ? {} : { typed_per_filter_config: filters });

function listenerOf({ route, host, table, cluster, filters = standard }: Setup): JsonObject {
  const clusters = [{ name: 'backend', weight: 1, ...per(cluster) }];
  const manager = typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 's',
    http_filters: [...filters, { name: 'router', typed_config: typed('extensions.filters.http.router.v3.Router') }],
    route_config: {
      name: 'routes',
      ...per(table),
      virtual_hosts: [
        {
          name: 'host',
          domains: ['*'],
          ...per(host),
          routes: [{ name: 'route', match: { prefix: '/' }, route: { weighted_clusters: { clusters } }, ...per(route) }],
        },
      ],
    },
  });
  return { name: 'listener', address, filter_chains: [{ name: 'chain', filters: [{ name: 'http', typed_config: manager }] }] };
}

function decided(setup: Setup, sketch: RequestSketch = {}, random = 0): Decision & { readonly steps: readonly TraceStep[] } {
  const backend = { name: 'backend', load_assignment: { cluster_name: 'backend', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] } };
  const listener = new XdsResource(
    typeUrls.listener,
    'listener',
    ListenerSchema,
    fromJson(ListenerSchema, listenerOf(setup), { registry: extensions }),
  );
  const resources: ResourceSet = new Map<TypeUrl, ReadonlyMap<string, XdsResource>>([
    [typeUrls.listener, new Map([['listener', listener]])],
    [typeUrls.cluster, new Map([['backend', new XdsResource(typeUrls.cluster, 'backend', ClusterSchema, fromJson(ClusterSchema, backend))]])],
  ]);
  const compiled = compileConfig(resources);
  if (!compiled.ok) throw new Error(compiled.error.map(formatConfigError).join('\n'));
  const trace = new Trace();
  const call = { connection: connectionView({ destinationAddress: '127.0.0.1' }), request: requestView('/', sketch), random };
  const decision = decide(compiled.value, call, trace);
  assert.deepEqual(decision, decide(compiled.value, call));
  return { ...decision, steps: trace.steps };
}

const statusOf = (setup: Setup): number | 'forward' => {
  const { outcome } = decided(setup);
  return outcome.kind === 'local-reply' ? outcome.status : 'forward';
};

test('a filter that answers is named, with its flag and why', () => {
  const { outcome, filter, route, steps } = decided({ route: abort(503) });
  assert.deepEqual(outcome, { kind: 'local-reply', status: 503, flag: 'FI', because: 'fault filter abort' });
  assert.deepEqual([filter, route?.name], ['fault', 'route']);
  assert.deepEqual(steps.at(-1), {
    stage: 'filter',
    name: 'fault',
    outcome: 'rejected',
    because: 'the request ends with status 503, as 100 % of requests do',
  });
});

test('a delay is told, and what follows it is decided as well', () => {
  const delay = { delay: { fixed_delay: '2s', percentage: share(50) } };
  const { outcome, delayMs, steps } = decided({ route: fault(delay) });
  assert.deepEqual([outcome.kind, delayMs], ['forward', 2000]);
  assert.ok(steps.some(({ stage, because }) => stage === 'filter' && because === 'the request waits for 2000 ms, as 50 % of requests do'));
  assert.equal(decided({ route: fault(delay) }, {}, 0.5).delayMs, undefined);
  const both = decided({ route: fault({ ...delay, abort: { http_status: 418, percentage: share(50) } }) });
  assert.deepEqual([both.delayMs, both.outcome.kind === 'local-reply' && both.outcome.status], [2000, 418]);
});

test('the most specific level wins: weighted cluster, route, virtual host, route configuration, filter', () => {
  const own = {
    filters: [
      { name: 'fault', typed_config: typed('extensions.filters.http.fault.v3.HTTPFault', { abort: { http_status: 505, percentage: share(100) } }) },
    ],
  };
  assert.deepEqual(
    [
      statusOf(own),
      statusOf({ ...own, table: abort(504) }),
      statusOf({ ...own, table: abort(504), host: abort(503) }),
      statusOf({ ...own, host: abort(503), route: abort(502) }),
      statusOf({ ...own, route: abort(502), cluster: abort(501) }),
    ],
    [505, 504, 503, 502, 501],
  );
});

test('a level may switch a filter off, or on again, and one that is off by itself runs only where a route asks for it', () => {
  assert.equal(statusOf({ host: abort(503), route: config({ disabled: true }) }), 'forward');
  assert.equal(statusOf({ host: config({ disabled: true }), route: abort(503) }), 503);
  assert.equal(statusOf({ host: abort(503), route: config({}) }), 503);
  const inner = typed('extensions.filters.http.fault.v3.HTTPFault', { abort: { http_status: 500, percentage: share(100) } });
  assert.equal(statusOf({ route: config({ config: inner }) }), 500);
  const asleep = standard.map((filter) => ({ ...filter, disabled: true }));
  assert.deepEqual([statusOf({ filters: asleep }), statusOf({ filters: asleep, route: abort(503) })], ['forward', 503]);
});

test('a preflight is answered by the cors filter, a denied request by the rbac filter, with its route known', () => {
  const cors = typed('extensions.filters.http.cors.v3.CorsPolicy', { allow_origin_string_match: [{ exact: 'https://a.example' }] });
  const preflight = decided(
    { route: { cors } },
    { method: 'OPTIONS', headers: { origin: 'https://a.example', 'access-control-request-method': 'GET' } },
  );
  assert.deepEqual([preflight.filter, preflight.outcome.kind === 'local-reply' && preflight.outcome.status], ['cors', 200]);
  const filters = [{ name: 'rbac', typed_config: typed('extensions.filters.http.rbac.v3.RBAC', { rules: denyAll }) }];
  const denied = decided({ filters });
  assert.deepEqual([denied.filter, denied.rbac, denied.route?.name], ['rbac', { allowed: false, policy: 'nobody' }, 'route']);
  const open = { rbac: typed('extensions.filters.http.rbac.v3.RBACPerRoute') };
  assert.equal(statusOf({ filters, route: open }), 'forward');
});
