// The first configuration of a proxy: whatever happens to the first streams, and in whatever order, it comes.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type ProxyOptions, type RunningProxy, runProxy } from '#app/proxy.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { DeltaDiscoveryRequest } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { readBootstrap } from '#proxy/bootstrap.ts';
import { parseBootstrap } from '#proxy/bootstrap-text.ts';
import { httpChain, listener as staticListener } from '#test/support/bootstrap-parts.ts';
import { FakeAdsServer } from '#test/support/fake-ads-server.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { cluster, endpoints, listener, MemoryNodeSource, routes } from '#test/support/memory-node-source.ts';
import { startXdsServer } from '#xds/server/server.ts';

const limit = { timeout: 10_000 };

async function startBackend() {
  const server = createServer((_request, response) => response.end('one'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
  };
  // A TCP server has a port.
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}

async function start(options: Pick<ProxyOptions, 'source' | 'dns'>): Promise<RunningProxy> {
  const started = await runProxy({ ...options, logger: silentLogger, clock: systemClock, drainMs: 100, random: () => 0 });
  if (!started.ok) throw new Error(started.error.join('\n'));
  return started.value;
}

/** What a server does besides answering, told of each request in order; true: it has answered, in its way. */
type Trouble = (server: FakeAdsServer, request: DeltaDiscoveryRequest, requests: number) => boolean;

/** Does it once, when a request for the type comes. */
function once(typeUrl: string, act: (server: FakeAdsServer, answer: () => void) => void): Trouble {
  let isDone = false;
  return (server, request) => {
    if (isDone || request.typeUrl !== typeUrl || request.responseNonce !== '') return false;
    isDone = true;
    act(server, () => server.send({ typeUrl, nonce: 'first' }));
    return true;
  };
}

const troubles: Readonly<Record<string, () => Trouble>> = {
  'nothing goes wrong': () => () => false,
  'the stream breaks before anything was answered': () => once(typeUrls.cluster, (server) => server.breakStream()),
  'the stream breaks when listeners are asked for': () => once(typeUrls.listener, (server) => server.breakStream()),
  'the stream breaks when endpoints are asked for': () => once(typeUrls.endpoint, (server) => server.breakStream()),
  'the stream breaks when routes are asked for': () => once(typeUrls.route, (server) => server.breakStream()),
  'four streams break, one after the other': () => {
    let streams = 0;
    return (server, { node }) => {
      if (node === undefined || streams === 4) return false;
      streams += 1;
      server.breakStream();
      return true;
    };
  },
  'an answer cannot be read': () => once(typeUrls.listener, (server) => server.sendBytes(new Uint8Array([10, 200]))),
  'an answer of a known type cannot be read': () =>
    once(typeUrls.cluster, (server) => {
      const type = Buffer.from(typeUrls.cluster);
      server.sendBytes(Buffer.concat([Buffer.from([0x22, type.length]), type, Buffer.from([0x12, 200])]));
    }),
};

/** Serves `all` to whoever asks, unless there is trouble; ends with the server. */
async function serve(server: FakeAdsServer, all: readonly XdsResource[], trouble: Trouble): Promise<void> {
  for (let requests = 1; ; requests++) {
    const request = await server.next();
    if (trouble(server, request, requests)) continue;
    const { typeUrl, resourceNamesSubscribe: names } = request;
    if (names.length === 0) continue;
    const wanted = all.filter((one) => one.typeUrl === typeUrl && (names.includes('*') || names.includes(one.name)));
    const resources = wanted.map(({ name, version, bytes }) => ({ name, version, resource: { typeUrl, value: bytes } }));
    server.send({ typeUrl, nonce: String(requests), resources });
  }
}

for (const withNames of [false, true]) {
  for (const [name, trouble] of Object.entries(troubles)) {
    test(`the first configuration comes, ${withNames ? 'the table of names too, ' : ''}where ${name}`, limit, async () => {
      await using backend = await startBackend();
      await using server = await FakeAdsServer.start();
      const port = await freePort();
      const all = [cluster('one'), endpoints('one', [backend.port]), listener('web', port, 'web-routes'), routes('web-routes', { one: 1 })];
      void serve(server, all, trouble());
      const node = create(NodeSchema, { id: 'sidecar~127.0.0.1~web.default~default.svc.cluster.local' });
      const dns = { dns: { listen: { address: '127.0.0.1', port: 0 }, upstream: undefined } };
      await using proxy = await start({ source: { kind: 'xds', target: `127.0.0.1:${server.port}`, node }, ...(withNames && dns) });
      await proxy.ready;
      assert.equal((await httpCall({ port })).body, 'one');
    });
  }
}

test('a first answer that is empty is followed by what there is a moment later', limit, async () => {
  await using backend = await startBackend();
  await using server = await FakeAdsServer.start();
  const port = await freePort();
  const all = [cluster('one'), endpoints('one', [backend.port]), listener('web', port, 'web-routes'), routes('web-routes', { one: 1 })];
  const late = all.filter(({ typeUrl }) => typeUrl === typeUrls.cluster || typeUrl === typeUrls.listener);
  const proved = Promise.withResolvers<void>();
  const acks = new Set<string>();
  void serve(server, all, (_server, { typeUrl, responseNonce, resourceNamesSubscribe: [first] }) => {
    if (first === '*') server.send({ typeUrl, nonce: 'empty' });
    if (responseNonce === 'empty') acks.add(typeUrl);
    if (acks.size === 2) proved.resolve();
    return first === '*';
  });
  const node = create(NodeSchema, { id: 'n' });
  await using proxy = await start({ source: { kind: 'xds', target: `127.0.0.1:${server.port}`, node } });
  await Promise.all([proxy.ready, proved.promise]);
  for (const { typeUrl, name, version, bytes } of late) {
    server.send({ typeUrl, nonce: name, resources: [{ name, version, resource: { typeUrl, value: bytes } }] });
  }
  for (let body = ''; body !== 'one'; ) {
    body = await httpCall({ port }).then(
      (answer) => answer.body,
      () => new Promise((resolve) => setImmediate(resolve, '')),
    );
  }
});

test('what clusters and listeners of a bootstrap name is asked for over its stream', limit, async () => {
  await using backend = await startBackend();
  const source = new MemoryNodeSource();
  source.replace([endpoints('one', [backend.port]), routes('web-routes', { one: 1 })]);
  const xds = await startXdsServer({ source, address: '127.0.0.1', port: 0, logger: silentLogger, clock: systemClock });
  if (!xds.ok) throw new Error(xds.error.reason);
  const port = await freePort();
  const ads = { ads: {}, resource_api_version: 'V3' };
  const socket = { address: { socket_address: { address: '127.0.0.1', port_value: xds.value.port } } };
  const text = JSON.stringify({
    node: { id: 'n', cluster: 'test' },
    dynamic_resources: { ads_config: { api_type: 'DELTA_GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] } },
    static_resources: {
      clusters: [
        { name: 'xds', load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: socket }] }] } },
        { name: 'one', type: 'EDS', eds_cluster_config: { eds_config: ads } },
      ],
      listeners: [
        staticListener('web', port, [httpChain([], { route_config: undefined, rds: { route_config_name: 'web-routes', config_source: ads } })]),
      ],
    },
  });
  const message = await parseBootstrap(text, 'bootstrap');
  if (!message.ok) throw new Error(message.error);
  const bootstrap = readBootstrap(message.value);
  if (!bootstrap.ok) throw new Error(bootstrap.error.join('\n'));
  try {
    await using proxy = await start({ source: { kind: 'bootstrap', bootstrap: bootstrap.value } });
    await proxy.ready;
    assert.equal((await httpCall({ port })).body, 'one');
  } finally {
    await xds.value.close();
  }
});
