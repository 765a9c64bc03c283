// Filter chain matching against the real thing: random listeners and connections (plaintext and TLS, with server names and ALPN, from several
// addresses of 127.0.0.0/8), and in each chain a TCP proxy to a backend that says its name as soon as it is reached.
import assert from 'node:assert/strict';
import { connect, createServer, type Server } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { formatConfigError } from '#decide/config-error.ts';
import { extensions } from '#decide/extension.ts';
import { chooseFilterChain, compileListener } from '#decide/listener-table.ts';
import type { ConnectionView } from '#decide/views.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? 20_260_102);
const listenerCount = 16;
const chainCount = 8;

void test(`embedded proxy chooses filter chains as decide does (seed ${seed})`, async () => {
  await compare({ kind: 'embedded' });
});

envoyTest(`Envoy chooses filter chains as decide does (seed ${seed})`, async (binary) => {
  const met = await compare({ kind: 'envoy', binary });
  assert.ok(met.size > chainCount / 2, `only the chains ${[...met].join(', ')} were met`);
});

const cidr = (text: string): JsonObject => ({ address_prefix: text.split('/')[0] ?? '', prefix_len: Number(text.split('/')[1]) });
const optional = <Value>(values: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values });

const chainMatch: fc.Arbitrary<JsonObject> = fc
  .record({
    // Not 0.0.0.0/0: beside a chain without ranges Envoy takes either, by the order of a hash table.
    prefix_ranges: optional(fc.constantFrom('127.0.0.1/32', '127.0.0.0/8', '10.0.0.0/8').map((text) => [cidr(text)])),
    server_names: optional(fc.constantFrom('a.example.com', '*.example.com', '*.com', 'b.org').map((name) => [name])),
    transport_protocol: optional(fc.constantFrom('tls', 'raw_buffer')),
    application_protocols: optional(fc.constantFrom('h2', 'http/1.1', 'istio').map((name) => [name])),
    direct_source_prefix_ranges: optional(fc.constantFrom('127.0.0.2/32', '127.0.0.0/30').map((text) => [cidr(text)])),
    source_type: optional(fc.constantFrom('SAME_IP_OR_LOOPBACK', 'EXTERNAL')),
    source_prefix_ranges: optional(fc.constantFrom('127.0.0.3/32', '127.0.0.2/31').map((text) => [cidr(text)])),
  })
  .map((match) => JSON.parse(JSON.stringify(match)) as JsonObject); // plain JSON, without what is undefined

const chainMatches = fc.uniqueArray(chainMatch, { minLength: chainCount, maxLength: chainCount, selector: (match) => JSON.stringify(match) });

type Client = { readonly from: string; readonly tls?: { readonly serverName: string; readonly alpn: readonly string[] } };

const hello = fc.record({
  serverName: fc.constantFrom('', 'a.example.com', 'x.example.com', 'c.com', 'b.org'),
  alpn: fc.subarray(['istio', 'h2', 'http/1.1']),
});
const client: fc.Arbitrary<Client> = fc
  .tuple(fc.constantFrom('127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.9'), fc.option(hello, { nil: undefined }))
  .map(([from, tls]) => ({ from, ...(tls === undefined ? {} : { tls }) }));

/** The names of the chains that were met. */
async function compare(plane: DataPlane): Promise<ReadonlySet<string>> {
  const listeners = fc.sample(chainMatches, { seed, numRuns: listenerCount });
  const clients = fc.sample(client, { seed, numRuns: 30 });
  const names = Array.from({ length: chainCount }, (_, index) => `chain-${index}`);
  const servers = await Promise.all(names.map(startNamed));
  const met = new Set<string>();
  try {
    const clusters = names.map((name, index) => clusterTo(name, servers[index]));
    const ports = await listenPorts(listenerCount);
    const messages = listeners.map((matches, index) => listenerOf(matches, index, ports[index] ?? 0));
    const resources = messages.map((message) => new XdsResource(typeUrls.listener, message.name, ListenerSchema, message));
    await withLiveProxy(plane, 'sidecar~127.0.0.1~chains.default~default.svc.cluster.local', [...clusters, ...resources], async () => {
      for (const [index, message] of messages.entries()) {
        const compiled = compileListener(message);
        if (!compiled.ok) throw new Error(compiled.error.map(formatConfigError).join('\n'));
        for (const each of clients) {
          const port = ports[index] ?? 0;
          const expected: string = chooseFilterChain(compiled.value, viewOf(each, port))?.name ?? '';
          assert.equal(
            await nameBehind(port, each),
            expected,
            `seed ${seed}, listener ${index}: ${JSON.stringify(each)} ${JSON.stringify(listeners[index])}`,
          );
          met.add(expected);
        }
      }
    });
  } finally {
    for (const server of servers) server.close();
  }
  return met;
}

function viewOf({ from, tls }: Client, port: number): ConnectionView {
  return {
    destinationAddress: '127.0.0.1',
    destinationPort: port,
    sourceAddress: from,
    sourcePort: 1,
    transportProtocol: tls === undefined ? 'raw_buffer' : 'tls',
    ...(tls === undefined || tls.serverName === '' ? {} : { serverName: tls.serverName }),
    applicationProtocols: tls?.alpn ?? [],
  };
}

/** What the backend says, '' where the connection is closed without a word. */
async function nameBehind(port: number, { from, tls }: Client): Promise<string> {
  const first = tls === undefined ? Buffer.from('hello\n') : await clientHello(tls.serverName, tls.alpn);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from });
    let said = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer on ${port}`)));
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve(said);
      else reject(error);
    });
    socket.on('close', () => resolve(said));
    socket.write(first);
  });
}

/** The first bytes that a TLS client sends. */
function clientHello(serverName: string, alpn: readonly string[]): Promise<Buffer> {
  return new Promise((resolve) => {
    const transport = new Duplex({
      read() {},
      write(bytes: Buffer, _encoding, done) {
        resolve(bytes);
        done();
      },
    });
    const socket = connectTls({ socket: transport, ...(serverName === '' ? {} : { servername: serverName }), ALPNProtocols: [...alpn] });
    socket.on('error', () => {});
  });
}

function startNamed(name: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(name));
  });
  return new Promise((resolve) => void server.listen(0, '127.0.0.1', () => resolve(server)));
}

function clusterTo(name: string, server: Server | undefined): XdsResource {
  const address = server?.address();
  const port_value = typeof address === 'object' && address !== null ? address.port : 0;
  const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value } } };
  const json = { name, connect_timeout: '1s', load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] } };
  return new XdsResource(typeUrls.cluster, name, ClusterSchema, fromJson(ClusterSchema, json));
}

function listenerOf(matches: readonly JsonObject[], index: number, port: number) {
  const inspector = { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector' };
  const json = {
    name: `listener-${index}`,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    listener_filters: [{ name: 'tls_inspector', typed_config: inspector }],
    filter_chains: matches.map((filter_chain_match, position) => ({
      name: `chain-${position}`,
      filter_chain_match,
      filters: [
        {
          name: 'tcp',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
            stat_prefix: 'tcp',
            cluster: `chain-${position}`,
          },
        },
      ],
    })),
  };
  return fromJson(ListenerSchema, json, { registry: extensions });
}
