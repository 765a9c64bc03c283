// Clusters that announce the client's connection by the PROXY protocol: what endpoints read first, for HTTP and for bytes, in both versions, on the
// embedded proxy and on a real Envoy.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { type ConnectionEnds, proxyHeader } from '#proxy/upstream/proxy-protocol.ts';
import { bootstrap, cluster, httpChain, listener, type Part, routeTo, tcpChain, typedConfig } from '#test/support/bootstrap-parts.ts';
import { startPlane } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { RawClient, startRawServer } from '#test/support/raw-tcp.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const announcing = (version: 'V1' | 'V2'): Part => ({
  transport_socket: {
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    typed_config: typedConfig('extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport', {
      config: { version },
      transport_socket: {
        name: 'envoy.transport_sockets.raw_buffer',
        typed_config: typedConfig('extensions.transport_sockets.raw_buffer.v3.RawBuffer'),
      },
    }),
  },
});

const request = 'GET / HTTP/1.1\r\nHost: a\r\nx-forwarded-for: 9.9.9.9\r\n\r\n';

async function run(binary: string | undefined): Promise<void> {
  /** What came on each connection. */
  const read: string[] = [];
  await using server = await startRawServer((socket, number) => {
    read[number - 1] = '';
    socket.on('data', (chunk: Buffer) => {
      read[number - 1] += chunk.toString('latin1');
      if (chunk.toString('latin1').endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  const versions = [1, 2] as const;
  const ports = await listenPorts(4);
  const listeners = versions.flatMap((version, index) => [
    listener(`http-${version}`, ports[index] ?? 0, [httpChain([routeTo(`v${version}`)])]),
    listener(`tcp-${version}`, ports[index + 2] ?? 0, [tcpChain(`v${version}`)]),
  ]);
  const clusters = versions.map((version) => cluster(`v${version}`, server.port, announcing(`V${version}`)));
  await using _plane = await startPlane(binary, bootstrap(listeners, clusters));
  const headerOf = (version: 1 | 2, client: RawClient, port: number): string => {
    const ends: ConnectionEnds = {
      sourceIp: '127.0.0.1',
      sourcePort: client.socket.localPort ?? 0,
      destinationIp: '127.0.0.1',
      destinationPort: port,
    };
    return proxyHeader(version, ends).toString('latin1');
  };
  for (const [index, version] of versions.entries()) {
    const port = ports[index] ?? 0;
    for (let visit = 0; visit < 2; visit++) {
      const before = read.length;
      using client = new RawClient(port);
      client.send(request);
      await client.until('ok');
      client.send(request);
      await client.until(/ok[^]*ok/);
      assert.equal(read.length, before + 1, 'a connection for this client alone, for both of its requests');
      const header = headerOf(version, client, port);
      assert.equal(read[before]?.slice(0, header.length), header);
      assert.match(read[before]?.slice(header.length) ?? '', /^GET \/ HTTP\/1\.1\r\n[^]*\r\n\r\nGET \/ HTTP/);
    }
    const tcpPort = ports[index + 2] ?? 0;
    const before = read.length;
    using client = new RawClient(tcpPort);
    await once(client.socket, 'connect');
    const header = headerOf(version, client, tcpPort);
    await waitUntil('the header is there before any byte of the client', () => read[before] === header);
    client.send('bytes');
    await waitUntil('bytes follow', () => read[before] === `${header}bytes`);
  }
}

void test('endpoints are told of the client by the PROXY protocol: embedded proxy', async () => {
  await run(undefined);
});

envoyTest('endpoints are told of the client by the PROXY protocol: Envoy', async (binary) => {
  await run(binary);
});
