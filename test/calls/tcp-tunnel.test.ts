// TCP through an HTTP proxy (tunneling_config): CONNECT and POST, over HTTP/1.1 and HTTP/2, taken and refused, on the embedded proxy and on a real Envoy.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { bootstrap, cluster, fileLog, listener, type Part, tcpChain, upstreamProtocol } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { RawClient } from '#test/support/raw-tcp.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** Says in upper case what it hears, after a first word of its own. */
function shout(stream: Duplex): void {
  stream.write('there\n');
  stream.on('data', (chunk: Buffer) => stream.write(chunk.toString('latin1').toUpperCase()));
  stream.on('end', () => stream.end());
  stream.on('error', () => {});
}

type Proxy = AsyncDisposable & { readonly port: number; readonly asked: readonly string[] };

/** An HTTP proxy that takes what is for `shop`, and refuses the rest with 403. */
async function startHttp1Proxy(): Promise<Proxy> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    response.writeHead(200);
    response.write('there\n');
    request.on('data', (chunk: Buffer) => response.write(chunk.toString('latin1').toUpperCase()));
    request.on('end', () => response.end());
  });
  server.on('connect', (request, socket) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    const takes = request.url?.startsWith('shop') === true;
    socket.write(takes ? 'HTTP/1.1 200 OK\r\n\r\n' : 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    if (takes) shout(socket);
    else socket.end();
  });
  return listening(server, asked);
}

async function startHttp2Proxy(): Promise<Proxy> {
  const asked: string[] = [];
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    asked.push(`${headers[':method']} ${headers[':path'] ?? ''} ${headers[':authority']}`);
    stream.respond({ ':status': 200 });
    shout(stream);
  });
  return listening(server, asked);
}

async function listening(server: Server, asked: readonly string[]): Promise<Proxy> {
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // node answers an AddressInfo for a TCP server that listens.
    port: (server.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

type Case = { readonly name: string; readonly version: 1 | 2; readonly tunnel: Part; readonly asks: string; readonly refused?: boolean };

const cases: readonly Case[] = [
  { name: 'CONNECT by HTTP/1.1', version: 1, tunnel: { hostname: 'shop:80' }, asks: 'CONNECT shop:80 shop:80' },
  { name: 'POST by HTTP/1.1', version: 1, tunnel: { hostname: 'shop:80', use_post: true, post_path: '/tunnel' }, asks: 'POST /tunnel shop:80' },
  { name: 'CONNECT by HTTP/2', version: 2, tunnel: { hostname: 'shop:80' }, asks: 'CONNECT  shop:80' },
  { name: 'POST by HTTP/2', version: 2, tunnel: { hostname: 'shop:80', use_post: true }, asks: 'POST / shop:80' },
  { name: 'a tunnel that is refused', version: 1, tunnel: { hostname: 'bank:80' }, asks: 'CONNECT bank:80 bank:80', refused: true },
];

async function run(binary: string | undefined): Promise<void> {
  await using folder = await temporaryFolder();
  await using http1 = await startHttp1Proxy();
  await using http2 = await startHttp2Proxy();
  const ports = await listenPorts(cases.length);
  const logOf = (index: number): string => join(folder.path, `log-${index}`);
  const listeners = cases.map(({ version, tunnel }, index) => {
    const access_log = [fileLog(logOf(index), '%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT%\n')];
    return listener(`l${index}`, ports[index] ?? 0, [tcpChain(`http${version}`, { tunneling_config: tunnel, access_log })]);
  });
  const clusters = [cluster('http1', http1.port), cluster('http2', http2.port, upstreamProtocol('http2'))];
  await using _plane = await startPlane(binary, bootstrap(listeners, clusters));
  for (const [index, { name, version, asks, refused = false }] of cases.entries()) {
    const proxy = version === 1 ? http1 : http2;
    using client = new RawClient(ports[index] ?? 0);
    if (refused) assert.equal(await client.untilClosed(), '', name);
    else {
      client.send('hello');
      assert.equal(await client.until('HELLO'), 'there\nHELLO', name);
      client.send('x'.repeat(300_000));
      await waitUntil(`${name}: all of it has come back`, () => client.text.length === 'there\nHELLO'.length + 300_000);
      client.socket.end();
      await client.untilClosed();
    }
    assert.equal(proxy.asked.at(-1), asks, name);
    const line = await waitUntil(
      `${name}: a line in the access log`,
      async () => (await readFile(logOf(index), 'utf8').catch(() => '')).trim() || false,
    );
    assert.equal(line.split(' ')[0], refused ? 'UF,URX' : '-', name);
    if (!refused) assert.deepEqual(line.split(' ').slice(1), ['300005', '300011'], name);
  }
}

void test('TCP goes through an HTTP proxy: embedded proxy', async () => {
  await run(undefined);
});

envoyTest('TCP goes through an HTTP proxy: Envoy', async (binary) => {
  await run(binary);
});
