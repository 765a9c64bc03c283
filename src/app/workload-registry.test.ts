// Workloads outside a cluster that register themselves: what becomes of a WorkloadGroup when a proxy connects, and when it leaves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { type ControlPlane, startControlPlane } from '#app/control-plane.ts';
import { MeshSource } from '#app/mesh-source.ts';
import { WorkloadRegistry } from '#app/workload-registry.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { ok } from '#base/result.ts';
import { LocalitySchema, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { allServices } from '#model/service.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { resourcesOf } from '#test/support/snapshots.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { AdsClient } from '#xds/client/ads-client.ts';
import type { LedgerView, NodeSync } from '#xds/server/ledger.ts';

const service = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: vm, namespace: shop }
spec:
  hosts: [vm.shop.svc.cluster.local]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  resolution: STATIC
  workloadSelector: { labels: { app: vm } }`;

const group = `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: machines, namespace: shop }
spec:
  metadata: { labels: { app: vm, tier: old } }
  template: { serviceAccount: vm, labels: { app: template, from: template }, ports: { http: 9090 }, network: away, locality: r1/z1 }`;

const id = (ip: string): string => `sidecar~${ip}~machine.shop~shop.svc.cluster.local`;

function node(ip: string, metadata: JsonObject = {}) {
  return create(NodeSchema, { id: id(ip), metadata: { AUTO_REGISTER_GROUP: 'machines', NAMESPACE: 'shop', ...metadata } });
}

/** A registry over resources, with a ledger that a test writes. */
function registryOf(clock: HandClock, ...documents: readonly string[]) {
  const files = new MemorySource(resourcesOf(...documents));
  const registry = new WorkloadRegistry(files, clock);
  const nodes = new MeshSource(registry.source, silentLogger);
  const serving = registry.serving(nodes);
  const listeners = new Set<(node: NodeSync) => void>();
  const ledger: Pick<LedgerView, 'onChange'> = {
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  registry.follow(ledger);
  const tell = (nodeId: string, connected: boolean): void => {
    for (const listener of listeners) listener({ nodeId, connected, mode: 'delta', connectedAtMs: 0, types: new Map() });
  };
  const endpoints = () =>
    allServicesOf(nodes)
      .find(({ hostname }) => hostname === 'vm.shop.svc.cluster.local')
      ?.endpoints.map(({ address, port }) => `${address}:${port}`) ?? [];
  return { files, registry, nodes, serving, tell, endpoints };
}

function allServicesOf(nodes: MeshSource) {
  return [...allServices(nodes.mesh)];
}

test('a proxy that names its group has an entry of it, labels and all', () => {
  const clock = new HandClock();
  const { nodes, serving, endpoints } = registryOf(clock, service, group);
  assert.deepEqual(endpoints(), []);
  const given = serving.resourcesFor(node('10.0.0.7', { LABELS: { tier: 'new' } }));
  assert.ok(given.ok);
  assert.ok(given.value.get(typeUrls.cluster)?.has('inbound|9090||'), 'and is told what comes in');
  assert.deepEqual(endpoints(), ['10.0.0.7:9090']);
  const entry = nodes.mesh.workloadEntries.get('shop/machines-10.0.0.7');
  assert.deepEqual(entry?.labels, { app: 'vm', from: 'template', tier: 'new' });
  assert.deepEqual([entry.serviceAccount, entry.network, entry.annotations['istio.io/autoRegistrationGroup']], ['vm', 'away', 'machines']);
  assert.ok(
    serving.resourcesFor(create(NodeSchema, { ...node('10.0.0.8', { NETWORK: 'near' }), locality: create(LocalitySchema, { region: 'r2' }) })).ok,
  );
  const second = nodes.mesh.workloadEntries.get('shop/machines-10.0.0.8-near');
  assert.deepEqual([second?.network, second?.locality?.region], ['near', 'r2']);
});

test('it has it until ten seconds after it left, unless it comes back', () => {
  const clock = new HandClock();
  const { serving, tell, endpoints, registry } = registryOf(clock, service, group);
  const one = node('10.0.0.7');
  assert.ok(serving.resourcesFor(one).ok);
  tell(one.id, true);
  tell(one.id, false);
  clock.advance(9_000);
  assert.deepEqual(endpoints(), ['10.0.0.7:9090']);
  tell(one.id, true);
  clock.advance(60_000);
  assert.deepEqual(endpoints(), ['10.0.0.7:9090']);
  tell(one.id, false);
  clock.advance(10_000);
  assert.deepEqual(endpoints(), []);
  assert.ok(serving.resourcesFor(one).ok, 'and may register again');
  assert.deepEqual(endpoints(), ['10.0.0.7:9090']);
  tell(one.id, false);
  registry[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});

test('a proxy that probes its app is an endpoint from when it says that the app is well, and only while it is', () => {
  const { serving, endpoints } = registryOf(new HandClock(), service, group);
  const probed = { PROXY_CONFIG: { readinessProbe: { tcpSocket: { port: 80 } } } };
  const one = node('10.0.0.7', probed);
  assert.ok(serving.resourcesFor(one).ok);
  assert.deepEqual(endpoints(), []);
  serving.health?.(one, { well: true });
  assert.deepEqual(endpoints(), ['10.0.0.7:9090']);
  serving.health?.(node('10.0.0.7', { ...probed, HEDDLE_SECRETS: 'none' }), { well: false, reason: 'says somebody' });
  assert.deepEqual(endpoints(), ['10.0.0.7:9090'], 'who has not proved to be the node says nothing about it');
  serving.health?.(one, { well: false, reason: 'GET / answered 500' });
  assert.deepEqual(endpoints(), []);
  const early = node('10.0.0.8', probed);
  serving.health?.(early, { well: true });
  assert.ok(serving.resourcesFor(early).ok);
  assert.deepEqual(endpoints(), ['10.0.0.8:9090'], 'what was said before it was registered counts');
});

test('one that said that it is not well has nothing to come back to: it goes when it leaves', () => {
  const { serving, tell, nodes } = registryOf(new HandClock(), service, group);
  const one = node('10.0.0.7');
  assert.ok(serving.resourcesFor(one).ok);
  serving.health?.(one, { well: false, reason: 'the workload leaves' });
  tell(one.id, false);
  assert.equal(nodes.mesh.workloadEntries.has('shop/machines-10.0.0.7'), false);
});

test('who was invited into a group takes the name of nobody who is there', () => {
  const pod = `
apiVersion: v1
kind: Pod
metadata: { name: taken, namespace: shop }
spec: { containers: [{ name: app, image: app }] }`;
  const { serving, tell } = registryOf(new HandClock(), service, group, pod);
  const member = (ip: string, name = 'machine') =>
    create(NodeSchema, { ...node(ip, { HEDDLE_MEMBER: 'true' }), id: id(ip).replace('machine', name) });
  const why = (one: ReturnType<typeof node>): string => {
    const given = serving.resourcesFor(one);
    return given.ok ? 'served' : given.error;
  };
  assert.match(why(member('10.0.0.7', 'taken')), /there is a workload shop\/taken already/);
  assert.equal(why(member('10.0.0.7')), 'served');
  assert.equal(why(member('10.0.0.7')), 'served');
  assert.match(why(member('10.0.0.8')), /there is a workload shop\/machine already/);
  tell(id('10.0.0.7'), false);
  assert.equal(why(member('10.0.0.8')), 'served');
});

test('a group that is not there, or is for another service account, refuses the proxy', () => {
  const { serving, endpoints } = registryOf(new HandClock(), service, group);
  const why = (metadata: JsonObject): string => {
    const given = serving.resourcesFor(node('10.0.0.7', metadata));
    return given.ok ? 'served' : given.error;
  };
  assert.match(why({ AUTO_REGISTER_GROUP: 'others' }), /there is no WorkloadGroup shop\/others/);
  assert.match(why({ NAMESPACE: 'elsewhere' }), /there is no WorkloadGroup elsewhere\/machines/);
  assert.match(why({ SERVICE_ACCOUNT: 'admin' }), /its service account is admin, and that of WorkloadGroup shop\/machines is vm/);
  assert.match(why({ HEDDLE_LOOPBACK: 'nonsense' }), /HEDDLE_LOOPBACK/);
  assert.deepEqual(endpoints(), []);
  assert.equal(why({ SERVICE_ACCOUNT: 'vm' }), 'served');
});

test('an entry of a user by the same name counts, and files go on to be followed', () => {
  const written = `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: machines-10.0.0.7, namespace: shop }
spec: { address: 10.0.0.99, labels: { app: vm } }`;
  const { files, serving, endpoints } = registryOf(new HandClock(), service, group, written);
  assert.ok(serving.resourcesFor(node('10.0.0.7')).ok);
  assert.deepEqual(endpoints(), ['10.0.0.99:8080']);
  files.remove('WorkloadEntry/shop/machines-10.0.0.7');
  assert.deepEqual(endpoints(), ['10.0.0.7:9090']);
});

test('others are told over xDS of a workload that registers', { timeout: 10_000 }, async () => {
  await using source = new MemorySource(resourcesOf(service, group));
  const started = await startControlPlane({ source, address: '127.0.0.1', port: 0, logger: silentLogger, clock: systemClock });
  assert.ok(started.ok);
  await using controlPlane = started.value;
  const clientOf = (metadata: JsonObject, ip: string) =>
    new AdsClient({
      target: `127.0.0.1:${controlPlane.port}`,
      node: create(NodeSchema, { id: id(ip), metadata: { NAMESPACE: 'shop', ...metadata } }),
      logger: silentLogger,
      clock: systemClock,
    });
  const cluster = 'outbound|80||vm.shop.svc.cluster.local';
  const seen = Promise.withResolvers<string>();
  await using caller = clientOf({}, '10.0.0.1');
  caller.subscribe(typeUrls.endpoint, [cluster], ({ updated }) => {
    for (const { endpoints } of updated.values()) {
      const host = endpoints[0]?.lbEndpoints[0]?.hostIdentifier;
      const address = host?.case === 'endpoint' ? host.value.address?.address : undefined;
      if (address?.case === 'socketAddress') seen.resolve(address.value.address);
    }
    return ok(undefined);
  });
  await using machine = clientOf({ AUTO_REGISTER_GROUP: 'machines' }, '10.0.0.7');
  machine.subscribe(typeUrls.cluster, 'all', () => ok(undefined));
  assert.equal(await seen.promise, '10.0.0.7');
});

test('what a client says of its health is said again on each new stream, behind its first requests', { timeout: 20_000 }, async () => {
  await using source = new MemorySource(resourcesOf(service, group));
  const options = { source, address: '127.0.0.1', logger: silentLogger, clock: systemClock };
  const first = await startControlPlane({ ...options, port: 0 });
  assert.ok(first.ok);
  const { port } = first.value;
  const metadata = { AUTO_REGISTER_GROUP: 'machines', NAMESPACE: 'shop', PROXY_CONFIG: { readinessProbe: { tcpSocket: { port: 80 } } } };
  const told = create(NodeSchema, { id: id('10.0.0.7'), metadata });
  await using machine = new AdsClient({ target: `127.0.0.1:${port}`, node: told, logger: silentLogger, clock: systemClock });
  machine.subscribe(typeUrls.cluster, 'all', () => ok(undefined));
  machine.reportHealth('starting');
  const isEndpoint = (controlPlane: ControlPlane): boolean =>
    [...allServices(controlPlane.mesh())].some(({ endpoints }) => endpoints.some(({ address }) => address === '10.0.0.7'));
  await waitUntil('it is registered', () => first.value.mesh().workloadEntries.has('shop/machines-10.0.0.7'));
  assert.equal(isEndpoint(first.value), false);
  machine.reportHealth();
  await waitUntil('it is an endpoint', () => isEndpoint(first.value));
  await first.value.close();
  const second = await startControlPlane({ ...options, port });
  assert.ok(second.ok);
  await using again = second.value;
  await waitUntil('it is an endpoint again', () => isEndpoint(again));
});
