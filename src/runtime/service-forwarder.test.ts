// Pods without a sidecar where Services have no address: their connections go from a local port to the endpoints in turn.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { calledHosts } from '#runtime/called-host.ts';
import { loopbackNetwork } from '#runtime/loopback-network.ts';
import { planPods } from '#runtime/pod-plan.ts';
import { PortAllocator } from '#runtime/port-allocator.ts';
import { ServiceForwarder } from '#runtime/service-forwarder.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const calls = [
  { hostname: 'shop.default.svc.cluster.local', name: 'shop', ports: [{ name: 'http', number: 80 }] },
  { hostname: 'api.example.com', name: 'api.example.com', ports: [{ name: 'http', number: 80 }] },
];

const service = `apiVersion: v1
kind: Service
metadata: { name: shop, namespace: default }
spec: { selector: { app: shop }, ports: [{ name: http, port: 80 }] }
`;

const slice = (port: number, ready: boolean): string => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: shop-${port}, namespace: default, labels: { kubernetes.io/service-name: shop } }
addressType: IPv4
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: ${ready} } }]
ports: [{ name: http, port: ${port} }]
`;

/** Says its name when it has heard the other one out. */
async function startEndpoint(name: string): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let heard = '';
    socket.setEncoding('utf8').on('data', (part: string) => (heard += part));
    socket.on('end', () => socket.end(`${name} heard ${heard}`));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // A server that listens on TCP has such an address.
  const { port } = server.address() as { readonly port: number };
  return { port, [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))) };
}

async function say(port: number, words: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(words);
  try {
    return await text(socket);
  } catch (error) {
    // What Node's sockets fail with.
    return (error as NodeJS.ErrnoException).code ?? 'no code';
  }
}

test('each ready endpoint in turn, both ways until both have ended, and a reset where there is none', async () => {
  await using one = await startEndpoint('one');
  await using two = await startEndpoint('two');
  using allocator = new PortAllocator({ random: Math.random });
  await using forwarder = new ServiceForwarder(allocator);
  const ways = await forwarder.open('default', calls);
  assert.deepEqual([...ways.keys()], ['shop.default.svc.cluster.local:80']);
  const port = ways.get('shop.default.svc.cluster.local:80') ?? 0;
  assert.equal(await say(port, 'hi'), 'ECONNRESET');
  forwarder.take(resourcesOf(service + slice(one.port, true) + slice(two.port, true)));
  assert.deepEqual([await say(port, 'a'), await say(port, 'b'), await say(port, 'c')], ['one heard a', 'two heard b', 'one heard c']);
  forwarder.take(resourcesOf(service + slice(one.port, false) + slice(two.port, true)));
  assert.deepEqual([await say(port, 'd'), await say(port, 'e')], ['two heard d', 'two heard e']);
  assert.equal((await forwarder.open('default', calls)).get('shop.default.svc.cluster.local:80'), port, 'the same for every pod');
});

test('a pod that refuses a sidecar in loopback mode is reached directly, and reaches Services of its namespace and nothing else', async () => {
  using allocator = new PortAllocator({ random: Math.random });
  await using network = loopbackNetwork(allocator);
  const pod = `---
apiVersion: v1
kind: Pod
metadata: { name: old, labels: { sidecar.istio.io/inject: "false" } }
spec: { containers: [{ name: old, image: old, command: [run], ports: [{ containerPort: 8080 }] }] }
`;
  const entry = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api }
spec: { hosts: [api.example.com], ports: [{ number: 80, name: http, protocol: HTTP }] }
`;
  const { resources } = snapshotOf(resourcesOf(service, pod, entry));
  const plan = planPods(resources, []).pods.get('default/old');
  assert.ok(plan !== undefined);
  const attached = await network.attach(plan, calledHosts('default', resources, 'cluster.local'), {});
  assert.ok(attached.ok);
  const { hasProxy, ports, reach, detach } = attached.value;
  assert.deepEqual([hasProxy, ports.httpProxy, ports.outbound], [false, undefined, {}]);
  assert.equal(ports.inbound[8080]?.listen, ports.inbound[8080]?.app);
  assert.equal(reach('shop.default.svc.cluster.local', 80)?.address, '127.0.0.1');
  assert.equal(reach('api.example.com', 80), undefined);
  await detach();
});

test('a port that somebody else has taken meanwhile keeps nobody from the Service: the next one who asks gets another', async () => {
  const other = createServer();
  await once(other.listen(0, '127.0.0.1'), 'listening');
  // A server that listens on TCP has such an address.
  const { port: taken } = other.address() as { readonly port: number };
  const ports = [taken, 0];
  const back: number[] = [];
  const allocator = { take: async () => ports.shift() ?? 0, giveBack: (all: Iterable<number>) => void back.push(...all) };
  await using forwarder = new ServiceForwarder(allocator);
  try {
    await assert.rejects(forwarder.open('default', calls), { code: 'EADDRINUSE' });
    assert.deepEqual(back, [taken]);
    assert.equal((await forwarder.open('default', calls)).size, 1);
  } finally {
    other.close();
  }
});
