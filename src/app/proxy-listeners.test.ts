// Listeners of the embedded proxy while things change: chains exchanged under open connections, draining, limits.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { proxyParts } from '#app/proxy-parts.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { compileCluster } from '#decide/cluster.ts';
import { extensions } from '#decide/extension.ts';
import { compileListener } from '#decide/listener-table.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { SecretStore } from '#proxy/tls/secret-store.ts';
import { bootstrap, cluster, httpChain, listener, type Part, tcpChain, typedConfig } from '#test/support/bootstrap-parts.ts';
import { startEmbedded } from '#test/support/embedded-proxy.ts';
import { freePort } from '#test/support/free-port.ts';
import { waitUntil } from '#test/support/wait-until.ts';

function parts(drainMs = 200) {
  return proxyParts({
    logger: silentLogger,
    explainsDenials: false,
    clock: systemClock,
    random: Math.random,
    fillRandom: () => {},
    secrets: new SecretStore([]),
    connectionLimit: Number.POSITIVE_INFINITY,
    drainMs,
  });
}

async function apply(running: ReturnType<typeof parts>, part: Part): Promise<void> {
  // A part is JSON by construction.
  const message = fromJson(ListenerSchema, part as JsonValue, { registry: extensions });
  const entry = compileListener(message);
  assert.ok(entry.ok);
  const applied = await running.listeners.apply(message, entry.value);
  assert.ok(applied.ok, applied.ok ? '' : applied.error);
}

const says = (text: string): Part => ({ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: text } } });

type Answer = { readonly body: string; readonly port: number | undefined; readonly connection: string | undefined };

function call(port: number, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, agent }, (answer) => {
      const { localPort } = answer.socket;
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.on('end', () => resolve({ body, port: localPort, connection: answer.headers.connection }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

test('a changed chain takes new connections; an open one says goodbye after its next answer, and none is dropped', async () => {
  const running = parts();
  const port = await freePort();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await apply(running, listener('web', port, [httpChain([says('old')])]));
  const first = await call(port, agent);
  await apply(running, listener('web', port, [httpChain([says('new')])]));
  const second = await call(port, agent);
  const third = await call(port, agent);
  assert.deepEqual([first.body, second.body, third.body], ['old', 'old', 'new']);
  assert.equal(second.port, first.port);
  assert.equal(second.connection, 'close');
  assert.notEqual(third.port, first.port);
  // The same content again changes nothing for anybody.
  await apply(running, listener('web', port, [httpChain([says('new')])]));
  const fourth = await call(port, agent);
  assert.equal(fourth.port, third.port);
  agent.destroy();
  await running.listeners.drain(AbortSignal.timeout(500));
});

test('a raw connection goes on when its chain is replaced, and is cut only at the deadline of a removed listener', async () => {
  const server = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const running = parts();
  // A TCP server has a port; a part is JSON by construction.
  const entry = compileCluster(fromJson(ClusterSchema, cluster('echo', (server.address() as AddressInfo).port) as JsonValue));
  assert.ok(entry.ok);
  running.clusters.set(entry.value);
  const port = await freePort();
  await apply(running, listener('tcp', port, [tcpChain('echo')]));
  const socket = connect({ port, host: '127.0.0.1' });
  assert.equal(await ask(socket, 'one'), 'one');
  await apply(running, listener('tcp', port, [tcpChain('echo', { idle_timeout: '60s' })]));
  assert.equal(await ask(socket, 'two'), 'two');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  running.listeners.remove('tcp');
  assert.equal(await ask(socket, 'three'), 'three');
  await closed;
  await running.listeners.drain(AbortSignal.timeout(500));
  running.clusters.destroy();
  server.close();
});

function ask(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (bytes: Buffer) => resolve(bytes.toString()));
    socket.write(text);
  });
}

test('a connection of a chain that was replaced is cut when its time is over, others go on', async () => {
  const echo = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const running = parts(50);
  // A TCP server has a port; a part is JSON by construction.
  const entry = compileCluster(fromJson(ClusterSchema, cluster('echo', (echo.address() as AddressInfo).port) as JsonValue));
  assert.ok(entry.ok);
  running.clusters.set(entry.value);
  const port = await freePort();
  const opened = async (): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    assert.equal(await ask(socket, 'one'), 'one');
    return socket;
  };
  const web = (text: string): Part => httpChain([says(text)], {}, { filter_chain_match: { transport_protocol: 'tls' } });
  await apply(running, listener('tcp', port, [tcpChain('echo'), web('old')]));
  const old = await opened();
  const closed = new Promise((resolve) => old.once('close', resolve));
  await apply(running, listener('tcp', port, [tcpChain('echo', { idle_timeout: '60s' }), web('old')]));
  const next = await opened();
  await apply(running, listener('tcp', port, [tcpChain('echo', { idle_timeout: '60s' }), web('new')]));
  await closed;
  assert.equal(await ask(next, 'two'), 'two');
  next.destroy();
  await running.listeners.drain(AbortSignal.timeout(500));
  running.clusters.destroy();
  echo.close();
});

test('connections of a listener that is gone last no longer than the proxy', async () => {
  const running = parts(3_600_000);
  const echo = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  // A TCP server has a port.
  const target = (echo.address() as AddressInfo).port;
  const compiled = compileCluster(fromJson(ClusterSchema, cluster('echo', target) as JsonValue));
  assert.ok(compiled.ok);
  running.clusters.set(compiled.value);
  const port = await freePort();
  await apply(running, listener('raw', port, [tcpChain('echo')]));
  const socket = connect(port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.once('close', resolve).on('error', () => {}));
  await new Promise((resolve) => socket.once('data', resolve).write('hello'));
  running.listeners.remove('raw');
  await running.listeners.drain(AbortSignal.abort());
  await closed;
  running.clusters.destroy();
  echo.close();
});

test('connections beyond the limit are closed at once, and taken again when others have ended', async () => {
  const limit = typedConfig('extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig', {
    max_active_downstream_connections: 1,
  });
  const overload = {
    overload_manager: { resource_monitors: [{ name: 'envoy.resource_monitors.global_downstream_max_connections', typed_config: limit }] },
  };
  await using proxy = await startEmbedded(bootstrap([listener('web', 0, [httpChain([says('hi')])])], [], overload));
  const port = proxy.port('web');
  const one = new Agent({ keepAlive: true, maxSockets: 1 });
  const two = new Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal((await call(port, one)).body, 'hi');
  await assert.rejects(call(port, two), /hang up|ECONNRESET/);
  one.destroy();
  await waitUntil('room for another', async () => (await call(port, two)).body === 'hi');
  two.destroy();
});

test('a listener serves at its further addresses, and at none of them where one cannot be had', async (context) => {
  const running = parts();
  const also = (address: string, port: number) => ({ address: { socket_address: { address, port_value: port } } });
  const dual = (port: number, ...addresses: readonly string[]): Part => ({
    ...listener('dual', port, [httpChain([says('both')])]),
    address: { socket_address: { address: '0.0.0.0', port_value: port } },
    additional_addresses: addresses.map((address) => also(address, port)),
  });
  const port = await freePort();
  await apply(running, dual(port, '::'));
  const answers = await Promise.all(
    ['127.0.0.1', '::1'].map(async (host) => (await fetch(`http://${host.includes(':') ? `[${host}]` : host}:${port}/`)).text()),
  );
  assert.deepEqual(answers, ['both', 'both']);
  const other = await freePort();
  const message = fromJson(ListenerSchema, { ...dual(other, '203.0.113.7'), name: 'half' } as JsonValue, { registry: extensions });
  const entry = compileListener(message);
  assert.ok(entry.ok);
  const applied = await running.listeners.apply(message, entry.value);
  assert.match(applied.ok ? '' : applied.error, /^203\.0\.113\.7:\d+ cannot be bound: .*EADDRNOTAVAIL/);
  const refused = connect({ port: other, host: '127.0.0.1' });
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
  context.after(() => running.listeners.drain(AbortSignal.abort()));
});
