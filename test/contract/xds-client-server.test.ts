// Our xDS client against our xDS server, the same story in both protocols.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { failed, ok } from '#base/result.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import { cluster, endpoints, listener, MemoryNodeSource, routes } from '#test/support/memory-node-source.ts';
import type { XdsMode } from '#xds/ads-service.ts';
import { AdsClient } from '#xds/client/ads-client.ts';
import type { Rejection, Wanted } from '#xds/client/update.ts';
import { startXdsServer, type XdsServer } from '#xds/server/server.ts';

const nodeId = 'sidecar~127.0.0.1~hello-v1-0.default~default.svc.cluster.local';

type Seen = { readonly updated: readonly string[]; readonly removed: readonly string[] };

/** A client that writes down what it is given, and waits for it. */
class Recorder {
  readonly client: AdsClient;
  readonly seen: { readonly typeUrl: TypeUrl; readonly update: Seen }[] = [];
  readonly reject = new Map<string, string>();
  readonly #waiting = new Set<() => void>();

  constructor(port: number, mode: XdsMode) {
    const node = create(NodeSchema, { id: nodeId });
    this.client = new AdsClient({ target: `127.0.0.1:${port}`, node, mode, logger: silentLogger, clock: systemClock });
    this.client.onStateChange(() => this.#wake());
  }

  subscribe(typeUrl: TypeUrl, names: Wanted) {
    return this.client.subscribe(typeUrl, names, ({ updated, removed }) => {
      this.seen.push({ typeUrl, update: { updated: [...updated.keys()], removed } });
      this.#wake();
      const rejections: Rejection[] = [...updated.keys()].flatMap((resource) => {
        const message = this.reject.get(resource);
        return message === undefined ? [] : [{ resource, message }];
      });
      return rejections.length === 0 ? ok(undefined) : failed(rejections);
    });
  }

  count(typeUrl: TypeUrl): number {
    return this.seen.filter((entry) => entry.typeUrl === typeUrl).length;
  }

  last(typeUrl: TypeUrl): Seen | undefined {
    return this.seen.findLast((entry) => entry.typeUrl === typeUrl)?.update;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

async function serve(source: MemoryNodeSource, port = 0): Promise<XdsServer> {
  const started = await startXdsServer({ source, address: '127.0.0.1', port, logger: silentLogger, clock: systemClock });
  if (!started.ok) throw new Error(started.error.reason);
  return started.value;
}

/** Waits until the ledger says so. */
function untilLedger(server: XdsServer, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (condition()) {
      resolve();
      return;
    }
    const stop = server.ledger.onChange(() => {
      if (!condition()) return;
      stop();
      resolve();
    });
  });
}

for (const mode of ['delta', 'sotw'] as const) {
  suite(`xDS client and server, ${mode}`, () => {
    test('what exists arrives, what changes arrives alone, what goes is said', { timeout: 5000 }, async () => {
      const source = new MemoryNodeSource();
      const [a, b] = [cluster('a'), cluster('b')];
      source.replace([a, b]);
      const server = await serve(source);
      const recorder = new Recorder(server.port, mode);
      recorder.subscribe(typeUrls.cluster, 'all');
      await recorder.until(() => recorder.count(typeUrls.cluster) === 1);
      assert.deepEqual(recorder.last(typeUrls.cluster), { updated: ['a', 'b'], removed: [] });
      source.replace([a, cluster('b', 2000), cluster('c')]);
      await recorder.until(() => recorder.count(typeUrls.cluster) === 2);
      assert.deepEqual(recorder.last(typeUrls.cluster), { updated: ['b', 'c'], removed: [] });
      source.replace([a]);
      await recorder.until(() => recorder.count(typeUrls.cluster) === 3);
      assert.deepEqual(recorder.last(typeUrls.cluster), { updated: [], removed: ['b', 'c'] });
      recorder.client.close();
      await server.close();
    });

    test('names can be added and taken away', { timeout: 5000 }, async () => {
      const source = new MemoryNodeSource();
      source.replace([endpoints('a', [1]), endpoints('b', [2])]);
      const server = await serve(source);
      const recorder = new Recorder(server.port, mode);
      const subscription = recorder.subscribe(typeUrls.endpoint, ['a']);
      await recorder.until(() => recorder.count(typeUrls.endpoint) === 1);
      assert.deepEqual(recorder.last(typeUrls.endpoint)?.updated, ['a']);
      subscription.want(['a', 'b']);
      await recorder.until(() => recorder.count(typeUrls.endpoint) === 2);
      assert.deepEqual(recorder.last(typeUrls.endpoint)?.updated, ['b']);
      subscription.want(['b']);
      source.replace([endpoints('a', [3]), endpoints('b', [4])]);
      await recorder.until(() => recorder.count(typeUrls.endpoint) === 3);
      assert.deepEqual(recorder.last(typeUrls.endpoint)?.updated, ['b']);
      recorder.client.close();
      await server.close();
    });

    test('a subscription without names asks for nothing, until it has some; only the first request names the node', { timeout: 5000 }, async () => {
      const source = new MemoryNodeSource();
      source.replace([cluster('a'), endpoints('a', [1]), endpoints('b', [2])]);
      const server = await serve(source);
      const recorder = new Recorder(server.port, mode);
      const endpointSubscription = recorder.subscribe(typeUrls.endpoint, []);
      recorder.subscribe(typeUrls.cluster, 'all');
      await recorder.until(() => recorder.count(typeUrls.cluster) === 1);
      assert.equal(server.ledger.node(nodeId)?.types.has(typeUrls.endpoint), false);
      endpointSubscription.want(['b']);
      await recorder.until(() => recorder.count(typeUrls.endpoint) === 1);
      assert.deepEqual(recorder.last(typeUrls.endpoint), { updated: ['b'], removed: [] });
      recorder.client.close();
      await server.close();
    });

    test('after a restart of the server with the same state nothing is sent', { timeout: 10_000 }, async () => {
      const source = new MemoryNodeSource();
      const all = [cluster('a'), endpoints('a', [1]), listener('l', 1, 'r'), routes('r', { a: 1 })];
      source.replace(all);
      const first = await serve(source);
      const recorder = new Recorder(first.port, mode);
      recorder.subscribe(typeUrls.cluster, 'all');
      recorder.subscribe(typeUrls.endpoint, ['a']);
      recorder.subscribe(typeUrls.listener, 'all');
      recorder.subscribe(typeUrls.route, ['r']);
      await untilLedger(first, () => [...(first.ledger.node(nodeId)?.types.values() ?? [])].filter(({ state }) => state === 'synced').length === 4);
      await first.close();
      await recorder.until(() => recorder.client.state.failure !== undefined);
      assert.match(recorder.client.state.failure ?? '', /UNAVAILABLE: the control plane is shutting down/);
      const fresh = new MemoryNodeSource();
      fresh.replace([cluster('a'), endpoints('a', [1]), listener('l', 1, 'r'), routes('r', { a: 1 })]);
      const second = await serve(fresh, first.port);
      await untilLedger(second, () => [...(second.ledger.node(nodeId)?.types.values() ?? [])].filter(({ state }) => state === 'synced').length === 4);
      for (const type of second.ledger.node(nodeId)?.types.values() ?? []) assert.equal(type.pushes, 0, type.typeUrl);
      fresh.replace([cluster('a'), endpoints('a', [1]), listener('l', 1, 'r'), routes('r', { a: 2 })]);
      await recorder.until(() => recorder.count(typeUrls.route) === 2);
      assert.equal(recorder.seen.length, 5);
      recorder.client.close();
      await second.close();
    });

    test('a refused resource is written down, kept out until it changes, and does not hold up the others', { timeout: 5000 }, async () => {
      const source = new MemoryNodeSource();
      const good = routes('good', { a: 1 });
      source.replace([good, routes('bad', { a: 1 })]);
      const server = await serve(source);
      const recorder = new Recorder(server.port, mode);
      recorder.reject.set('bad', 'weights make no sense');
      recorder.subscribe(typeUrls.route, ['good', 'bad']);
      const route = () => server.ledger.node(nodeId)?.types.get(typeUrls.route);
      await untilLedger(server, () => route()?.acked !== undefined);
      assert.equal(route()?.state, 'rejected');
      assert.deepEqual(route()?.rejected, ['bad']);
      assert.deepEqual(route()?.nacked?.resources, ['bad']);
      assert.equal(route()?.nacked?.error, 'bad: weights make no sense');
      assert.equal(route()?.nacks, 1);
      recorder.reject.clear();
      source.replace([good, routes('bad', { a: 2 })]);
      await untilLedger(server, () => route()?.state === 'synced');
      assert.equal(route()?.nacks, 1);
      assert.equal(route()?.resources, 2);
      recorder.client.close();
      await server.close();
    });

    test('a refused node gets the reason, and is served once it is known', { timeout: 5000 }, async () => {
      const source = new MemoryNodeSource();
      source.refusal = 'no pod hello-v1-0 in namespace default';
      source.replace([cluster('a')]);
      const server = await serve(source);
      const recorder = new Recorder(server.port, mode);
      recorder.subscribe(typeUrls.cluster, 'all');
      await recorder.until(() => recorder.client.state.failure !== undefined);
      assert.match(recorder.client.state.failure ?? '', /no pod hello-v1-0 in namespace default/);
      source.refusal = undefined;
      await recorder.until(() => recorder.count(typeUrls.cluster) === 1);
      recorder.client.close();
      await server.close();
    });
  });
}
