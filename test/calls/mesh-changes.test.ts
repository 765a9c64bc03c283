// What users write changes again and again while requests flow, a WebSocket and a gRPC stream stay open: rules are re-weighted, renamed, taken away and put
// back, subsets swapped, hosts split off, clusters set anew, services and Sidecars added. Each change acts, no request fails, nothing that is open breaks.
// From YAML through the compiler and xDS, on both data planes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { XdsResource } from '#envoy/resource.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { proxyFromNode } from '#model/proxy-from-node.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot } from '#sources/snapshot.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { grpcClient, openChat, startGrpcEcho } from '#test/support/grpc-echo.ts';
import { listenPorts } from '#test/support/listen-ports.ts';
import { startHttp1Backend } from '#test/support/protocol-backends.ts';
import { RawClient } from '#test/support/raw-tcp.ts';
import { startReplicas } from '#test/support/replicas.ts';
import { waitUntil } from '#test/support/wait-until.ts';

/** Fewer than the thousand that nothing may be dropped in, as each takes a tenth of a second: HEDDLE_PUSHES=1000 makes them all. */
const pushes = Number(process.env['HEDDLE_PUSHES'] ?? 200);

test('changes of what users write drop nothing: embedded proxy', () => run({ kind: 'embedded' }));

envoyTest('changes of what users write drop nothing: Envoy', (binary) => run({ kind: 'envoy', binary }));

type Ports = Readonly<Record<'one' | 'two' | 'ws' | 'grpc', number>>;

const entry = (name: string, protocol: string, endpoints: readonly string[], ports = ''): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.example.com]
  resolution: STATIC
  ports: [{ number: 80, name: main, protocol: ${protocol} }${ports}]
  endpoints: [${endpoints.join(', ')}]
`;

const endpoint = (port: number, version = 'v1'): string => `{ address: 127.0.0.1, ports: { main: ${port} }, labels: { version: ${version} } }`;

const virtualService = (name: string, hosts: string, routes: string, more = ''): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${hosts}], http: [{ ${more}route: [${routes}] }] }
`;

const subset = (host: string, name: string, weight: number): string => `{ destination: { host: ${host}, subset: ${name} }, weight: ${weight} }`;

const destinationRule = (name: string, subsets: readonly string[], policy = ''): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: app.example.com, subsets: [${subsets.join(', ')}]${policy} }
`;

const toApp = '{ destination: { host: app.example.com } }';

/** One way in which users change things, for push `number`. */
const kinds: readonly ((number: number) => readonly string[])[] = [
  // Other weights.
  (number) => [
    destinationRule('app', ['{ name: v1, labels: { version: v1 } }', '{ name: v2, labels: { version: v2 } }']),
    virtualService(
      'app',
      'app.example.com',
      [subset('app.example.com', 'v1', number % 101), subset('app.example.com', 'v2', 100 - (number % 101))].join(),
    ),
  ],
  // Subsets under other names.
  (number) => [
    destinationRule('app', [`{ name: a${number}, labels: { version: v1 } }`, '{ name: v2, labels: { version: v2 } }']),
    virtualService('app', 'app.example.com', [subset('app.example.com', `a${number}`, 50), subset('app.example.com', 'v2', 50)].join()),
  ],
  // Subsets that have swapped what they choose.
  () => [
    destinationRule('app', ['{ name: v1, labels: { version: v2 } }', '{ name: v2, labels: { version: v1 } }']),
    virtualService('app', 'app.example.com', [subset('app.example.com', 'v1', 10), subset('app.example.com', 'v2', 90)].join()),
  ],
  // No rules at all.
  () => [],
  // Rules under other names, and one for two hosts.
  (number) => [virtualService(`app-${number}`, 'app.example.com, marker.example.net', toApp)],
  // Two hosts with rules of their own again.
  (number) => [virtualService(`app-${number}`, 'app.example.com', toApp), virtualService('split', 'marker.example.net', toApp)],
  // Another way to keep connections: the cluster is another one.
  (number) => [destinationRule('app', [], `, trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: ${1000 + number} } } }`)],
  // More services, and one port more of an old one.
  (number) => [
    entry(`extra-${number}`, 'HTTP', [endpoint(1)]),
    entry('more', 'TCP', [endpoint(1)], `, { number: ${9000 + (number % 90)}, name: more, protocol: HTTP }`),
  ],
  // What the client sees of the mesh, said anew.
  (number) => [
    `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: client, namespace: shop }
spec: { egress: [{ hosts: ['./*', 'other-${number}/*'] }] }
`,
  ],
];

/** Compiles one text after the other, as a control plane does: what did not change stays the same. */
class Changes {
  readonly nodeId: string;
  readonly #proxy;
  readonly #memo = new BuildMemo();
  readonly #cache = new CompileCache();
  readonly #lasting: readonly AnyResource[];
  #snapshot: Snapshot | undefined;

  constructor(ports: Ports, outbound: Readonly<Record<string, number>>) {
    const metadata = { HEDDLE_LOOPBACK: { address: '127.0.0.1', inbound: {}, outbound }, HEDDLE_IDENTITY: 'none' };
    const proxy = proxyFromNode('sidecar~127.0.0.1~client.shop~shop.svc.cluster.local', metadata);
    if (!proxy.ok) throw new Error(proxy.error);
    this.#proxy = proxy.value;
    this.nodeId = proxy.value.nodeId;
    const mesh = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "accessLogFile: ''" }
`;
    const services = [
      entry('app', 'HTTP', [endpoint(ports.one), endpoint(ports.two, 'v2')]),
      entry('marker', 'HTTP', [endpoint(ports.one)]),
      entry('ws', 'HTTP', [endpoint(ports.ws)]),
      entry('grpc', 'GRPC', [endpoint(ports.grpc)]),
    ];
    this.#lasting = read([mesh, ...services].join('---'));
  }

  resources(number: number): readonly XdsResource[] {
    const kind = kinds[number % kinds.length];
    const marker = virtualService(
      'marker',
      'marker.example.com',
      '{ destination: { host: marker.example.com } }',
      `headers: { response: { set: { x-push: '${number}' } } }, `,
    );
    const changed = read([...(kind?.(number) ?? []), marker].join('---'));
    this.#snapshot = nextSnapshot(this.#snapshot, [...this.#lasting, ...changed], []);
    const { resources } = new MeshCompiler(buildMesh(this.#snapshot, this.#memo), this.#cache).compile(this.#proxy);
    return [...resources.values()].flatMap((ofType) => [...ofType.values()]);
  }
}

function read(text: string): readonly AnyResource[] {
  return readText('mesh.yaml', text).items.map(({ resource, diagnostics }) => {
    if (resource === undefined) throw new Error(diagnostics.map(({ message }) => message).join());
    return resource;
  });
}

async function run(plane: DataPlane): Promise<void> {
  await using replicas = await startReplicas(2);
  await using tunnelBackend = await startHttp1Backend();
  await using grpcBackend = await startGrpcEcho();
  const [app = 0, marker = 0, ws = 0, grpc = 0] = await listenPorts(4);
  const [one = 0, two = 0] = replicas.ports;
  const outbound = { 'app.example.com:80': app, 'marker.example.com:80': marker, 'ws.example.com:80': ws, 'grpc.example.com:80': grpc };
  const changes = new Changes({ one, two, ws: tunnelBackend.port, grpc: grpcBackend.port }, outbound);
  await withLiveProxy(plane, changes.nodeId, changes.resources(0), async (source) => {
    using calls = new KeptCalls(app, 4);
    using marked = new KeptCalls(marker, 1);
    using tunnel = await openTunnel(ws);
    using client = grpcClient(grpc);
    const chat = openChat(client);
    const failures: string[] = [];
    let running = true;
    let answered = 0;
    const flow = async (): Promise<void> => {
      while (running) {
        const { status, body } = await calls.get('/', { host: 'app.example.com' });
        if (status !== 200) failures.push(`${status} ${body}`);
        answered++;
      }
    };
    const flows = Array.from({ length: 3 }, flow);
    for (let push = 1; push <= pushes; push++) {
      source.replace(changes.resources(push));
      await waitUntil(`push ${push} to act`, async () => (await marked.get('/', { host: 'marker.example.com' })).headers['x-push'] === String(push), {
        everyMs: 1,
      });
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

async function openTunnel(port: number): Promise<RawClient> {
  const client = new RawClient(port);
  const fields = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n';
  client.send(`GET /ws HTTP/1.1\r\nHost: ws.example.com\r\n${fields}\r\n`);
  await client.until('hello;');
  return client;
}
