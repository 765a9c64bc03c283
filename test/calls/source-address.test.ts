// What a proxy's own connections come from (cluster_manager.upstream_bind_config): all of them, but those of clusters that say something else, and
// those to Unix sockets. The same on both data planes.
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { bootstrap, cluster, httpChain, listener, type Part, tcpChain } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { RawClient } from '#test/support/raw-tcp.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

test('connections come from the address of the proxy: embedded proxy', () => run(undefined));

envoyTest('connections come from the address of the proxy: Envoy', (binary) => run(binary));

const own = '127.0.0.77';

async function run(binary: string | undefined): Promise<void> {
  await using folder = await temporaryFolder();
  await using tcp = await serve('127.0.0.1', (from) => `${from}\n`);
  await using http = await serve('127.0.0.1', answerTo);
  await using six = await serve('::1', answerTo);
  await using _unix = await serve(join(folder.path, 'sock'), answerTo);
  const [tcpPort = 0, httpPort = 0] = await listenPorts(2);
  const bound = { upstream_bind_config: { source_address: { address: '127.0.0.78', port_value: 0 } } };
  const routes = ['plain', 'bound', 'six', 'unix'].map((name) => ({ match: { prefix: `/${name}` }, route: { cluster: name } }));
  const config = bootstrap(
    [listener('tcp', tcpPort, [tcpChain('tcp')]), listener('http', httpPort, [httpChain(routes)])],
    [
      cluster('tcp', tcp.port),
      cluster('plain', http.port),
      cluster('bound', http.port, bound),
      at('six', { socket_address: { address: '::1', port_value: six.port } }),
      at('unix', { pipe: { path: join(folder.path, 'sock') } }),
    ],
  );
  const manager = {
    upstream_bind_config: {
      source_address: { address: own, port_value: 0 },
      extra_source_addresses: [{ address: { address: '::1', port_value: 0 } }],
    },
  };
  await using _plane = await startPlane(binary, { ...config, cluster_manager: manager });
  using client = new RawClient(tcpPort);
  await client.until(`${own}\n`);
  const get = async (path: string) => (await httpCall({ port: httpPort, path })).body;
  assert.equal(await get('/plain'), own);
  assert.equal(await get('/bound'), '127.0.0.78');
  assert.equal(await get('/six'), '::1');
  assert.equal(await get('/unix'), '');
}

function at(name: string, address: Part): Part {
  return cluster(name, 1, { load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] } });
}

function answerTo(from: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${from.length}\r\nconnection: close\r\n\r\n${from}`;
}

/** Says to each connection where it comes from, and ends it. */
async function serve(host: string, answer: (from: string) => string): Promise<{ readonly port: number } & AsyncDisposable> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(answer(socket.remoteAddress ?? ''));
    socket.resume();
  });
  await new Promise<void>((resolve) => void (host.startsWith('/') ? server.listen(host, resolve) : server.listen(0, host, resolve)));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? (address satisfies AddressInfo).port : 0;
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}
