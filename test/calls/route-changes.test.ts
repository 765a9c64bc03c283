// Routes change a thousand times while requests flow, a WebSocket and a gRPC stream stay open: weights, names of virtual hosts, hosts split off and
// put back, faults and CORS on other hosts. Each change acts, no request fails, nothing that is open breaks. On both data planes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DescMessage, fromJson, type JsonObject, type MessageShape } from '@bufbuild/protobuf';
import { extensions } from '#decide/extension.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { grpcClient, openChat, startGrpcEcho } from '#test/support/grpc-echo.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { startHttp1Backend } from '#test/support/protocol-backends.ts';
import { RawClient } from '#test/support/raw-tcp.ts';
import { startReplicas } from '#test/support/replicas.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const pushes = 1000;

const typed = (name: string, json: JsonObject = {}): JsonObject => ({ '@type': `type.googleapis.com/envoy.${name}`, ...json });
const http2: JsonObject = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('extensions.upstreams.http.v3.HttpProtocolOptions', {
      explicit_http_config: { http2_protocol_options: {} },
    }),
  },
};

function resource<Schema extends DescMessage>(typeUrl: TypeUrl, schema: Schema, json: JsonObject & { readonly name: string }): XdsResource {
  const message: MessageShape<Schema> = fromJson(schema, json, { registry: extensions });
  return new XdsResource(typeUrl, json.name, schema, message);
}

function clusterOf(name: string, ports: readonly number[], more: JsonObject = {}): XdsResource {
  const lb_endpoints = ports.map((port) => ({ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }));
  return resource(typeUrls.cluster, ClusterSchema, {
    name,
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints }] },
    ...more,
  });
}

function listenerOf(port: number): XdsResource {
  const manager = typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'changes',
    rds: { config_source: { ads: {}, resource_api_version: 'V3' }, route_config_name: 'changes' },
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    http_filters: [
      { name: 'envoy.filters.http.cors', typed_config: typed('extensions.filters.http.cors.v3.Cors') },
      { name: 'envoy.filters.http.fault', typed_config: typed('extensions.filters.http.fault.v3.HTTPFault') },
      { name: 'envoy.filters.http.router', typed_config: typed('extensions.filters.http.router.v3.Router') },
    ],
  });
  return resource(typeUrls.listener, ListenerSchema, {
    name: 'changes',
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  });
}

/** The routes of push `number`, which every answer names. */
function routesOf(number: number): XdsResource {
  const route = (more: JsonObject = {}): JsonObject => ({
    match: { prefix: '/' },
    route: {
      weighted_clusters: {
        clusters: [
          { name: 'one', weight: number % 101 },
          { name: 'two', weight: 101 - (number % 101) },
        ],
      },
      timeout: '0s',
    },
    response_headers_to_add: [{ header: { key: 'x-push', value: String(number) } }],
    ...more,
  });
  const other: JsonObject = {
    typed_per_filter_config: {
      'envoy.filters.http.fault': typed('extensions.filters.http.fault.v3.HTTPFault', {
        abort: { http_status: 500 + (number % 90), percentage: { numerator: 100 } },
      }),
      'envoy.filters.http.cors': typed('extensions.filters.http.cors.v3.CorsPolicy', { allow_methods: `M${number}` }),
    },
  };
  const isSplit = number % 3 === 0;
  const own = { name: `own-${number % 7}`, domains: ['app.example', ...(isSplit ? [] : ['other.example'])], routes: [route()] };
  const split = isSplit ? [{ name: 'split', domains: ['other.example'], routes: [route(other)] }] : [];
  const open = {
    name: `open-${number % 5}`,
    domains: ['*'],
    routes: [
      { match: { prefix: '/test.Echo' }, route: { cluster: 'grpc', timeout: '0s' } },
      { match: { prefix: '/' }, route: { cluster: 'tunnel', timeout: '0s' } },
    ],
  };
  return resource(typeUrls.route, RouteConfigurationSchema, { name: 'changes', virtual_hosts: [own, ...split, open] });
}

async function openTunnel(port: number): Promise<RawClient> {
  const client = new RawClient(port);
  client.send(
    'GET /ws HTTP/1.1\r\nHost: ws.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await client.until('hello;');
  return client;
}

async function run(plane: DataPlane): Promise<void> {
  await using replicas = await startReplicas(2);
  await using tunnelBackend = await startHttp1Backend();
  await using grpcBackend = await startGrpcEcho();
  const [port = 0] = await listenPorts(1);
  const [one = 0, two = 0] = replicas.ports;
  const lasting = [
    listenerOf(port),
    clusterOf('one', [one]),
    clusterOf('two', [two]),
    clusterOf('tunnel', [tunnelBackend.port]),
    clusterOf('grpc', [grpcBackend.port], http2),
  ];
  await withLiveProxy(plane, 'sidecar~127.0.0.1~changes.default~default.svc.cluster.local', [...lasting, routesOf(0)], async (source) => {
    using calls = new KeptCalls(port, 4);
    using tunnel = await openTunnel(port);
    using client = grpcClient(port);
    const chat = openChat(client);
    const failures: string[] = [];
    let running = true;
    let answered = 0;
    let newest = -1;
    const flow = async (): Promise<void> => {
      while (running) {
        const { status, body, headers } = await calls.get('/', { host: 'app.example' });
        if (status !== 200) failures.push(`${status} ${body}`);
        newest = Math.max(newest, Number(headers['x-push'] ?? -1));
        answered++;
      }
    };
    const flows = Array.from({ length: 4 }, flow);
    for (let push = 1; push <= pushes; push++) {
      source.replace([...lasting, routesOf(push)]);
      await waitUntil(`push ${push} to act`, () => newest >= push, { everyMs: 1 });
      if (push % 50 !== 0) continue;
      tunnel.send(`t${push};`);
      await tunnel.until(`T${push};`);
      assert.equal(await chat.say(`c${push}`), `re:c${push}`);
    }
    running = false;
    await Promise.all(flows);
    assert.deepEqual(failures, []);
    assert.equal(await chat.end(), 0);
    assert.equal(tunnel.closed, false);
    assert.ok(answered >= pushes && replicas.all.every(({ requests }) => requests > 0), `${answered} answers`);
  });
}

void test('a thousand changes of routes drop nothing: embedded proxy', async () => {
  await run({ kind: 'embedded' });
});

envoyTest('a thousand changes of routes drop nothing: Envoy', async (binary) => {
  await run({ kind: 'envoy', binary });
});
