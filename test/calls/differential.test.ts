// decide against the real thing: random route configurations and requests, the same ones for decide and for a live Envoy (and the embedded
// proxy). The seed is in the title of a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { formatConfigError, Problems } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import { authorize, compileRules } from '#decide/rbac.ts';
import { rbacSubject } from '#decide/rbac-subject.ts';
import { compileRouteTable, type RouteTable } from '#decide/route-table.ts';
import type { RequestView } from '#decide/views.ts';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RBACSchema } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { rbacRules } from '#test/calls/random-policies.ts';
import { type RandomRequest, randomRequest, routeConfiguration } from '#test/calls/random-routes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? 20_260_101);
const [configurations, requestsEach, rulesEach] = [12, 60, 40];

void test(`embedded proxy routes as decide does (seed ${seed})`, async () => {
  await compareRoutes({ kind: 'embedded' });
});

envoyTest(`Envoy routes as decide does (seed ${seed})`, async (binary) => {
  const met = await compareRoutes({ kind: 'envoy', binary });
  // Random data that never meets a route would prove nothing.
  assert.ok(met.answered > 150 && met.redirected > 20 && met.missed > 20, JSON.stringify(met));
});

void test(`embedded proxy authorises as decide does (seed ${seed})`, async () => {
  await compareRbac({ kind: 'embedded' });
});

envoyTest(`Envoy authorises as decide does (seed ${seed})`, async (binary) => {
  const met = await compareRbac({ kind: 'envoy', binary });
  assert.ok(met.allowed > 100 && met.denied > 100, JSON.stringify(met));
});

const requests = fc.sample(randomRequest, { seed, numRuns: requestsEach });

async function compareRoutes(plane: DataPlane): Promise<{ answered: number; redirected: number; missed: number }> {
  const met = { answered: 0, redirected: 0, missed: 0 };
  const configs = fc.sample(routeConfiguration, { seed, numRuns: configurations });
  const listeners = configs.map((config) => ({ config, filters: [] }));
  await withListeners(plane, listeners, async (index, port) => {
    const table = tableOf(configs[index] ?? {});
    for (const request of requests) {
      const expected = expectation(table, request);
      const { method, path, authority, headers } = request;
      const answer = await httpCall({ port, method, path, headers: { ...headers, host: authority } });
      const body = method === 'HEAD' || answer.status !== 200 ? undefined : answer.body;
      const found = { status: answer.status, location: answer.headers['location'], body };
      assert.deepEqual(found, expected, `seed ${seed}, configuration ${index}: ${JSON.stringify(request)}`);
      if (expected.status === 200) met.answered += 1;
      else if (expected.location === undefined) met.missed += 1;
      else met.redirected += 1;
    }
  });
  return met;
}

async function compareRbac(plane: DataPlane): Promise<{ allowed: number; denied: number }> {
  const met = { allowed: 0, denied: 0 };
  const rules = fc.sample(rbacRules('http', 3, 'ALLOW', 'DENY'), { seed, numRuns: rulesEach });
  const answering = {
    name: 'r',
    virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }] }],
  };
  const listeners = rules.map((json) => {
    const typed_config = { '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC', rules: json };
    return { config: answering, filters: [{ name: 'rbac', typed_config }] };
  });
  await withListeners(plane, listeners, async (index, port) => {
    const compiled = compileRules(fromJson(RBACSchema, rules[index] ?? {}, { registry: extensions }), '', new Problems(''));
    for (const request of requests.slice(0, 20)) {
      const { method, path, authority, headers } = request;
      const connection = {
        destinationAddress: '127.0.0.1',
        destinationPort: port,
        sourceAddress: '127.0.0.1',
        sourcePort: 1,
        transportProtocol: 'raw_buffer' as const,
        applicationProtocols: [],
      };
      const verdict = authorize(compiled, rbacSubject(connection, viewOf(request)));
      const answer = await httpCall({ port, method, path, headers: { ...headers, host: authority } });
      const why = `seed ${seed}, rules ${index}: ${JSON.stringify(request)} ${JSON.stringify(rules[index])}`;
      assert.equal(answer.status, verdict.allowed ? 200 : 403, why);
      if (verdict.allowed) met.allowed += 1;
      else met.denied += 1;
    }
  });
  return met;
}

type RandomListener = { readonly config: JsonObject; readonly filters: readonly JsonObject[] };

/** One proxy with a listener for each configuration; `calls` runs for one after the other. */
async function withListeners(
  plane: DataPlane,
  listeners: readonly RandomListener[],
  calls: (index: number, port: number) => Promise<void>,
): Promise<void> {
  const ports = await listenPorts(listeners.length);
  const resources = listeners.map((listener, index) => listenerFor(listener, `l${index}`, ports[index] ?? 0));
  await withLiveProxy(plane, 'sidecar~127.0.0.1~random.default~default.svc.cluster.local', resources, async () => {
    for (const [index, port] of ports.entries()) await calls(index, port);
  });
}

function tableOf(config: JsonObject): RouteTable {
  const table = compileRouteTable(fromJson(RouteConfigurationSchema, config));
  if (!table.ok) throw new Error(table.error.map(formatConfigError).join('\n'));
  return table.value;
}

function viewOf({ method, authority, path, headers }: RandomRequest): RequestView {
  const fields = (name: string): readonly string[] => [headers[name] ?? []].flat();
  return { method, scheme: 'http', authority, path, header: (name) => (name in headers ? fields(name).join(',') : undefined), headerFields: fields };
}

function expectation(table: RouteTable, request: RandomRequest) {
  const { method, authority, path } = request;
  const decision = table.decide(viewOf(request), 0);
  switch (decision.kind) {
    case 'direct-response':
      return {
        status: decision.action.status,
        location: undefined,
        body: method === 'HEAD' ? undefined : new TextDecoder().decode(decision.action.body),
      };
    case 'redirect':
      return { status: decision.action.status, location: decision.action.location('http', authority, path), body: undefined };
    case 'no-route':
    case 'no-virtual-host':
      return { status: 404, location: undefined, body: undefined };
    case 'forward':
    case 'tls-redirect':
      throw new Error('there is no such route in the configuration');
  }
}

function listenerFor({ config, filters }: RandomListener, name: string, port: number): XdsResource {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: name,
    route_config: config,
    http_filters: [...filters, { name: 'router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }],
  };
  const json = {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  return new XdsResource(typeUrls.listener, name, ListenerSchema, fromJson(ListenerSchema, json, { registry: extensions }));
}
