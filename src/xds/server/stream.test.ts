// Any history must end well, and never break traffic on its way: an Envoy-like client is driven through random changes, delays and
// refusals, in both protocols. It answers a cluster update only when its clusters have endpoints, and subscribes to endpoints by them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { ResourceSet, XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import { cluster, endpoints, routes } from '#test/support/memory-node-source.ts';
import type { XdsMode } from '#xds/ads-service.ts';
import type { Push } from '#xds/server/framing.ts';
import { Ledger } from '#xds/server/ledger.ts';
import { beginDelta, beginSotw, continueDelta, continueSotw } from '#xds/server/request.ts';
import { NodeStream } from '#xds/server/stream.ts';

/** A state of the mesh: clusters with a generation each, and for two route configurations a cluster to send to. */
type State = { readonly clusters: ReadonlyMap<string, number>; readonly to: readonly [string, string]; readonly bad: boolean };

/** A route configuration with this cluster in it is refused. */
const poison = 'poison';

function resourcesOf({ clusters, to, bad }: State): ResourceSet {
  const byName = (list: readonly XdsResource[]) => new Map(list.map((resource) => [resource.name, resource]));
  const names = [...clusters.keys()];
  return new Map<TypeUrl, ReadonlyMap<string, XdsResource>>([
    [typeUrls.cluster, byName([...clusters].map(([name, generation]) => cluster(name, 1000 + generation)))],
    [typeUrls.endpoint, byName(names.map((name) => endpoints(name, [1])))],
    [typeUrls.route, byName([routes('r0', { [to[0]]: 1, ...(bad ? { [poison]: 1 } : {}) }), routes('r1', { [to[1]]: 1 })])],
  ]);
}

const states: fc.Arbitrary<State> = fc
  .record({
    clusters: fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(1)), { minLength: 1, selector: ([name]) => name }),
    to: fc.tuple(fc.nat(3), fc.nat(3)),
    bad: fc.boolean(),
  })
  .map(({ clusters, to, bad }) => {
    const at = (index: number) => clusters[index % clusters.length]?.[0] ?? 'a';
    return { clusters: new Map(clusters), to: [at(to[0]), at(to[1])], bad };
  });

type Step = { readonly kind: 'change'; readonly state: State } | { readonly kind: 'read'; readonly responses: number };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    states.map((state): Step => ({ kind: 'change', state })),
    fc.integer({ min: 1, max: 4 }).map((responses): Step => ({ kind: 'read', responses })),
  ),
  { maxLength: 30 },
);

class ModelClient {
  readonly held = new Map<TypeUrl, Map<string, XdsResource>>(Object.values(typeUrls).map((typeUrl) => [typeUrl, new Map()]));
  readonly #mode: XdsMode;
  readonly #stream: NodeStream;
  readonly #wire: Push[] = [];
  readonly #warming = new Set<string>();
  readonly #unanswered = new Map<TypeUrl, number>();
  /** The cluster update that is answered when all is warm. */
  #heldBack: Push | undefined;
  #subscribed: readonly string[] = [];
  #lastNonce = new Map<TypeUrl, string>();

  constructor(mode: XdsMode, first: ResourceSet) {
    this.#mode = mode;
    const send = (push: Push) => {
      const open = (this.#unanswered.get(push.typeUrl) ?? 0) + 1;
      assert.equal(open, 1, `two responses of ${push.typeUrl} under way`);
      this.#unanswered.set(push.typeUrl, open);
      this.#wire.push(push);
      return true;
    };
    // Patience never ends here: whoever waits must have a reason that goes away by itself.
    const clock = { ...systemClock, after: () => () => {} };
    this.#stream = new NodeStream({ nodeId: 'n', mode, ledger: new Ledger(clock), logger: silentLogger, clock, send }, first);
    this.#request(typeUrls.cluster, [], []);
    this.#request(typeUrls.route, ['r0', 'r1'], []);
  }

  desire(resources: ResourceSet): void {
    this.#stream.desire(resources);
  }

  /** Reads and answers the next response; false where there is none. */
  read(): boolean {
    const push = this.#wire.shift();
    if (push === undefined) return false;
    this.#lastNonce.set(push.typeUrl, push.nonce);
    if (push.typeUrl === typeUrls.cluster) this.#takeClusters(push);
    else if (push.typeUrl === typeUrls.endpoint) this.#takeEndpoints(push);
    else this.#takeRoutes(push);
    return true;
  }

  #of(typeUrl: TypeUrl): Map<string, XdsResource> {
    const held = this.held.get(typeUrl);
    assert.ok(held !== undefined);
    return held;
  }

  #takeClusters(push: Push): void {
    const held = this.#of(typeUrls.cluster);
    const gone =
      this.#mode === 'delta' ? push.removed : [...held.keys()].filter((name) => !push.resources.some((resource) => resource.name === name));
    for (const name of gone) {
      for (const route of this.#of(typeUrls.route).values()) assert.ok(!namesIn(route).has(name), `${name} is taken from under ${route.name}`);
      held.delete(name);
      this.#warming.delete(name);
    }
    for (const resource of push.resources) {
      if (held.get(resource.name)?.version !== resource.version) this.#warming.add(resource.name);
      held.set(resource.name, resource);
    }
    this.#heldBack = push;
    const names = [...held.keys()];
    const [added, removed] = [names.filter((name) => !this.#subscribed.includes(name)), this.#subscribed.filter((name) => !names.includes(name))];
    this.#subscribed = names;
    for (const name of removed) this.#of(typeUrls.endpoint).delete(name);
    if (added.length > 0 || removed.length > 0) this.#request(typeUrls.endpoint, added, removed);
    this.#answerWhenWarm();
  }

  #takeEndpoints(push: Push): void {
    for (const resource of push.resources) if (this.#subscribed.includes(resource.name)) this.#of(typeUrls.endpoint).set(resource.name, resource);
    for (const name of [...push.resources.map((resource) => resource.name), ...push.removed]) this.#warming.delete(name);
    this.#answer(push);
    this.#answerWhenWarm();
  }

  #takeRoutes(push: Push): void {
    const bad = push.resources.filter((resource) => namesIn(resource).has(poison));
    for (const route of push.resources) {
      if (bad.includes(route)) continue;
      for (const name of namesIn(route))
        assert.ok(this.#of(typeUrls.cluster).has(name) && !this.#warming.has(name), `${route.name} names ${name} too early`);
      this.#of(typeUrls.route).set(route.name, route);
    }
    this.#answer(push, bad.length === 0 ? undefined : bad.map(({ name }) => `${name}: poisoned`).join('; '));
  }

  #answerWhenWarm(): void {
    if (this.#heldBack === undefined || this.#warming.size > 0) return;
    const push = this.#heldBack;
    this.#heldBack = undefined;
    this.#answer(push);
  }

  #answer(push: Push, error?: string): void {
    this.#unanswered.set(push.typeUrl, 0);
    const errorDetail = error === undefined ? {} : { errorDetail: { code: 3, message: error } };
    this.#send(push.typeUrl, [], [], { responseNonce: push.nonce, ...errorDetail });
  }

  #request(typeUrl: TypeUrl, added: readonly string[], removed: readonly string[]): void {
    this.#send(typeUrl, added, removed, this.#mode === 'sotw' ? { responseNonce: this.#lastNonce.get(typeUrl) ?? '' } : {});
  }

  #send(
    typeUrl: TypeUrl,
    added: readonly string[],
    removed: readonly string[],
    answer: { responseNonce?: string; errorDetail?: { message: string } },
  ): void {
    if (this.#mode === 'delta') {
      const request = create(DeltaDiscoveryRequestSchema, {
        typeUrl,
        resourceNamesSubscribe: [...added],
        resourceNamesUnsubscribe: [...removed],
        ...answer,
      });
      this.#stream.receive(
        typeUrl,
        (state) => beginDelta(state, request),
        (state) => continueDelta(state, request),
      );
      return;
    }
    const names = typeUrl === typeUrls.cluster ? [] : typeUrl === typeUrls.route ? ['r0', 'r1'] : [...this.#subscribed];
    const request = create(DiscoveryRequestSchema, { typeUrl, resourceNames: names, ...answer });
    this.#stream.receive(
      typeUrl,
      (state, desired) => beginSotw(state, request, desired),
      (state) => continueSotw(state, request),
    );
  }
}

/** The clusters that a route configuration made by `routes` sends to. */
function namesIn(resource: XdsResource): ReadonlySet<string> {
  const text = JSON.stringify(resource.message, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  return new Set(['a', 'b', 'c', 'd', poison].filter((name) => text.includes(`"name":"${name}"`)));
}

function versions(resources: ReadonlyMap<string, XdsResource> | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries([...(resources?.values() ?? [])].map(({ name, version }): [string, string] => [name, version]).sort());
}

for (const mode of ['delta', 'sotw'] as const) {
  test(`${mode}: whatever happens, the client ends with the newest state and never misses a cluster that it needs`, () => {
    fc.assert(
      fc.property(states, steps, states, (first, history, last) => {
        const client = new ModelClient(mode, resourcesOf({ ...first, bad: false }));
        for (const step of history) {
          if (step.kind === 'change') client.desire(resourcesOf(step.state));
          else for (let count = 0; count < step.responses; count++) client.read();
        }
        const end = resourcesOf({ ...last, bad: false });
        client.desire(end);
        for (let count = 0; client.read(); count++) assert.ok(count < 1000, 'no end of responses');
        for (const typeUrl of [typeUrls.cluster, typeUrls.endpoint, typeUrls.route]) {
          assert.deepEqual(versions(client.held.get(typeUrl)), versions(end.get(typeUrl)), typeUrl);
        }
      }),
      { numRuns: 400 },
    );
  });
}
