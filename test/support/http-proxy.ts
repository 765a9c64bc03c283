// The embedded proxy's HTTP core on one port, without bootstrap, TLS and xDS: an Envoy HttpConnectionManager and Clusters as JSON in (the same
// text that a real Envoy takes), a listening port out. For tests and measurements of the core itself.
import { randomFillSync } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { type Clock, systemClock } from '#base/clock.ts';
import { compileCluster } from '#decide/cluster.ts';
import { Problems } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import { compileHttpManager } from '#decide/http-manager.ts';
import { compileRouteTable, type RouteTable } from '#decide/route-table.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { describeConnection } from '#proxy/downstream-connection.ts';
import { buildHttpHandler } from '#proxy/http/handler.ts';
import { RateLimitStates } from '#proxy/http/rate-limit-states.ts';
import { RequestIds } from '#proxy/http/request-id.ts';
import { DateField } from '#proxy/http/response-headers.ts';
import { FieldNames } from '#proxy/http1/field-names.ts';
import { http1ServerCodec } from '#proxy/http1/server.ts';
import { WriteBatch } from '#proxy/http1/write-batch.ts';
import { http2PoolFactory } from '#proxy/http2/pool.ts';
import { TimerWheel } from '#proxy/timer-wheel.ts';
import { bytePoolFactory } from '#proxy/upstream/byte-pool.ts';
import { Clusters } from '#proxy/upstream/clusters.ts';
import { connectPlain } from '#proxy/upstream/connect.ts';
import { http1PoolFactory } from '#proxy/upstream/http1-pool-factory.ts';
import type { AccessLog } from '#telemetry/access-log.ts';
import type { AccessRecord } from '#telemetry/access-record.ts';

export type HttpProxy = AsyncDisposable & {
  readonly port: number;
  readonly clusters: Clusters;
  /** One per finished request, in the order of their ends. */
  readonly records: AccessRecord[];
  /** Resolves when so many records are there. */
  readonly recorded: (count: number) => Promise<readonly AccessRecord[]>;
  readonly setRoutes: (routes: JsonObject) => void;
};

export type HttpProxySetup = {
  readonly routes: JsonObject;
  readonly clusters: readonly JsonObject[];
  /** Fields of HttpConnectionManager besides routes and filters. */
  readonly manager?: JsonObject;
  readonly filters?: readonly JsonObject[];
  readonly log?: AccessLog;
  readonly clock?: Clock;
  readonly random?: () => number;
};

const routerFilter: JsonObject = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
};

/** A STATIC cluster with these ports of 127.0.0.1 as endpoints. */
export function staticCluster(name: string, ports: readonly number[], more: JsonObject = {}): JsonObject {
  const endpoints = ports.map((port) => ({ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }));
  return { name, type: 'STATIC', connect_timeout: '1s', load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] }, ...more };
}

/** A route configuration with one virtual host for all domains. */
export function oneHost(routes: readonly JsonObject[], more: JsonObject = {}): JsonObject {
  return { name: 'test', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [...routes], ...more }] };
}

export async function startHttpProxy(setup: HttpProxySetup): Promise<HttpProxy> {
  const clock = setup.clock ?? systemClock;
  const random = setup.random ?? Math.random;
  const wheel = new TimerWheel(clock, 5);
  const shared = { names: new FieldNames(), batch: new WriteBatch(), wheel };
  const clusters = new Clusters(
    { http1: http1PoolFactory(connectPlain, shared), http2: http2PoolFactory(connectPlain), bytes: bytePoolFactory(connectPlain) },
    { clock, random },
  );
  for (const json of setup.clusters) {
    const entry = compileCluster(fromJson(ClusterSchema, json, { registry: extensions }));
    if (!entry.ok) throw new Error(entry.error.map(({ field, message }) => `${field}: ${message}`).join('; '));
    clusters.set(entry.value);
  }
  const runtime = { clock, wheel, random, ids: new RequestIds(randomFillSync), date: new DateField(clock), clusters, limits: new RateLimitStates() };
  const routes = { current: compileRoutes(setup.routes) };
  const { records, log, recorded } = recorder(setup.log);
  const entry = managerEntry(setup);
  const handler = buildHttpHandler(runtime, entry, routes, log);
  if (!handler.ok) throw new Error(handler.error);
  const codec = http1ServerCodec(entry, shared);
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    codec(socket, describeConnection(socket, ++connections, ''), handler.value);
  });
  const port = await listen(server);
  return {
    port,
    clusters,
    records,
    recorded,
    setRoutes: (json) => {
      routes.current = compileRoutes(json);
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      clusters.destroy();
      await closed;
    },
  };
}

function managerEntry(setup: HttpProxySetup): ReturnType<typeof compileHttpManager> {
  const json: JsonObject = {
    stat_prefix: 'test',
    route_config: setup.routes,
    http_filters: [...(setup.filters ?? []), routerFilter],
    ...setup.manager,
  };
  const problems = new Problems('test');
  const entry = compileHttpManager(fromJson(HttpConnectionManagerSchema, json, { registry: extensions }), 'manager', problems);
  if (problems.errors.length > 0) throw new Error(problems.errors.map(({ field, message }) => `${field}: ${message}`).join('; '));
  return entry;
}

function compileRoutes(json: JsonObject): RouteTable {
  const table = compileRouteTable(fromJson(RouteConfigurationSchema, json, { registry: extensions }));
  if (!table.ok) throw new Error(table.error.map(({ field, message }) => `${field}: ${message}`).join('; '));
  return table.value;
}

function recorder(next: AccessLog | undefined): Pick<HttpProxy, 'records' | 'recorded'> & { readonly log: AccessLog } {
  const records: AccessRecord[] = [];
  const waiting: { readonly count: number; readonly resolve: (records: readonly AccessRecord[]) => void }[] = [];
  const log: AccessLog = next ?? {
    write: (record) => {
      records.push(record);
      for (const [index, { count, resolve }] of [...waiting.entries()].toReversed()) {
        if (records.length < count) continue;
        waiting.splice(index, 1);
        resolve(records);
      }
    },
  };
  const recorded = (count: number): Promise<readonly AccessRecord[]> =>
    records.length >= count ? Promise.resolve(records) : new Promise((resolve) => waiting.push({ count, resolve }));
  return { records, recorded, log };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // node answers an AddressInfo for a TCP server that listens.
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
