// The embedded proxy on a live xDS server: warming, updates in place, refusals, and a control plane that goes and comes back.
import assert from 'node:assert/strict';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type RunningProxy, runProxy } from '#app/proxy.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { XdsResource } from '#envoy/resource.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { cluster, endpoints, listener, MemoryNodeSource, routes } from '#test/support/memory-node-source.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { startXdsServer, type XdsServer } from '#xds/server/server.ts';

async function serve(source: MemoryNodeSource, port = 0): Promise<XdsServer> {
  const started = await startXdsServer({ source, address: '127.0.0.1', port, logger: silentLogger, clock: systemClock });
  if (!started.ok) throw new Error(started.error.reason);
  return started.value;
}

async function startBackend(name: string) {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
  };
  // A TCP server has a port.
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}

type Mesh = {
  readonly source: MemoryNodeSource;
  readonly proxy: RunningProxy;
  readonly xds: XdsServer;
  readonly port: number;
  readonly one: number;
  readonly two: number;
  /** Resources with these in place of the ones of the same type and name. */
  readonly put: (...changes: readonly XdsResource[]) => void;
  readonly drop: (name: string) => void;
  readonly admin: (path: string) => Promise<string>;
};

async function inMesh(run: (mesh: Mesh) => Promise<void>, wait = true): Promise<void> {
  await using one = await startBackend('one');
  await using two = await startBackend('two');
  const port = await freePort();
  const source = new MemoryNodeSource();
  const held = new Map<string, XdsResource>();
  const put = (...changes: readonly XdsResource[]): void => {
    for (const resource of changes) held.set(`${resource.typeUrl} ${resource.name}`, resource);
    source.replace([...held.values()]);
  };
  const drop = (name: string): void => {
    for (const [key, resource] of held) if (resource.name === name) held.delete(key);
    source.replace([...held.values()]);
  };
  if (wait)
    put(
      cluster('one'),
      endpoints('one', [one.port]),
      cluster('two'),
      endpoints('two', [two.port]),
      listener('web', port, 'web-routes'),
      routes('web-routes', { one: 1 }),
    );
  const xds = await serve(source);
  const started = await runProxy({
    source: { kind: 'xds', target: `127.0.0.1:${xds.port}`, node: create(NodeSchema, { id: 'proxy', cluster: 'test' }) },
    logger: silentLogger,
    clock: systemClock,
    admin: { address: '127.0.0.1', port: 0 },
    drainMs: 500,
  });
  if (!started.ok) throw new Error(started.error.join('\n'));
  const proxy = started.value;
  const admin = async (path: string): Promise<string> => (await httpCall({ port: proxy.admin?.port ?? 0, path })).body;
  try {
    if (wait) await proxy.ready;
    await run({ source, proxy, xds, port, one: one.port, two: two.port, put, drop, admin });
  } finally {
    await proxy.close();
    await xds.close();
  }
}

test('goes live when everything is there, and new routes act on the next request of an open connection', () =>
  inMesh(async ({ port, put }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<number | undefined>();
    const call = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const outgoing = request({ host: '127.0.0.1', port, agent }, (answer) => {
          sockets.add(answer.socket.localPort);
          let body = '';
          answer.setEncoding('utf8').on('data', (text: string) => (body += text));
          answer.on('end', () => resolve(body));
        });
        outgoing.on('error', reject);
        outgoing.end();
      });
    assert.equal(await call(), 'one');
    put(routes('web-routes', { two: 1 }));
    await waitUntil('the new route', async () => (await call()) === 'two');
    assert.equal(sockets.size, 1);
    agent.destroy();
  }));

test('waits for endpoints and routes before it listens, and says so', () =>
  inMesh(async ({ proxy, put, port, one, admin }) => {
    put(cluster('one'), listener('web', port, 'web-routes'));
    await waitUntil('a warming listener', async () => (await admin('/config_dump')).includes('"warming_state"'));
    assert.equal(await admin('/ready'), 'INITIALIZING\n');
    await assert.rejects(httpCall({ port }), /ECONNREFUSED/);
    put(routes('web-routes', { one: 1 }));
    put(endpoints('one', [one]));
    await proxy.ready;
    assert.equal((await httpCall({ port })).body, 'one');
    assert.equal(await admin('/ready'), 'LIVE\n');
    assert.match(await admin('/clusters'), new RegExp(`one::127\\.0\\.0\\.1:${one}::health_flags::healthy`));
    assert.equal(await admin('/listeners'), `web::127.0.0.1:${port}\n`);
  }, false));

test('endpoints that come and go act at once; a cluster without any answers 503 UH', () =>
  inMesh(async ({ port, put, one, two }) => {
    put(endpoints('one', [two]));
    await waitUntil('the new endpoint', async () => (await httpCall({ port })).body === 'two');
    put(endpoints('one', []));
    await waitUntil('no endpoint', async () => (await httpCall({ port })).status === 503);
    put(endpoints('one', [one]));
    await waitUntil('the endpoint again', async () => (await httpCall({ port })).body === 'one');
  }));

test('a refused resource names its field in the NACK, and what was good stays in force', () =>
  inMesh(async ({ port, put, xds }) => {
    put(listener('web', port, 'web-routes', { udpListenerConfig: {} }));
    const nack = await waitUntil('the NACK', () =>
      xds.ledger
        .nodes()
        .flatMap(({ types }) => [...types.values()].flatMap((type) => type.nacked ?? []))
        .find(({ error }) => error.includes('udp_listener_config')),
    );
    assert.match(nack.error, /web.*udp_listener_config/);
    assert.equal((await httpCall({ port })).body, 'one');
    const other = await freePort();
    put(listener('web', other, 'web-routes'));
    await waitUntil('the listener at its new port', async () => (await httpCall({ port: other })).body === 'one');
    await waitUntil('the old port to be free', async () =>
      httpCall({ port }).then(
        () => false,
        () => true,
      ),
    );
  }));

test('a listener that is removed stops accepting; a request under way ends', () =>
  inMesh(async ({ port, drop }) => {
    assert.equal((await httpCall({ port })).body, 'one');
    drop('web');
    await waitUntil('the listener to go', async () =>
      httpCall({ port }).then(
        () => false,
        () => true,
      ),
    );
  }));

test('serves on while its control plane is away, and takes news when it is back', () =>
  inMesh(async ({ port, source, xds, put }) => {
    const { port: xdsPort } = xds;
    await xds.close();
    assert.equal((await httpCall({ port })).body, 'one');
    const second = await serve(source, xdsPort);
    put(routes('web-routes', { two: 1 }));
    await waitUntil('news from the second control plane', async () => (await httpCall({ port })).body === 'two');
    await second.close();
  }));
