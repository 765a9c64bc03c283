import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DownloadOptions, KeyAddress } from '#app/key-download.ts';
import { MeshSource } from '#app/mesh-source.ts';
import { TokenKeyStore } from '#app/token-key-store.ts';
import { keysOfNobody } from '#base/json-web-keys.ts';
import { silentLogger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { create } from '#envoy/create.ts';
import { type Node, NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { resourcesOf } from '#test/support/snapshots.ts';
import { jwksOf, namedKey } from '#test/support/token-signer.ts';

const gateway =
  'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: edge, namespace: istio-system }\nspec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }';
const policy = (...rules: readonly string[]): string =>
  `apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: users, namespace: istio-system }\nspec: { jwtRules: [${rules.join(', ')}] }`;
const byUri = '{ issuer: users, jwksUri: "https://keys.example.com/users" }';
const byDiscovery = '{ issuer: "https://accounts.example.com" }';

/** Fetches that a test answers by hand. */
class Fetches {
  readonly asked: (Pick<DownloadOptions, 'signal' | 'locate'> & {
    readonly address: KeyAddress;
    readonly answer: (result: Result<string, string>) => void;
  })[] = [];

  readonly fetch = (address: KeyAddress, { signal, locate }: DownloadOptions): Promise<Result<string, string>> => {
    const { promise, resolve } = Promise.withResolvers<Result<string, string>>();
    this.asked.push({ address, signal, ...(locate !== undefined && { locate }), answer: resolve });
    return promise;
  };

  /** Answers the fetch asked last, and waits until the answer was taken. */
  async answer(result: Result<string, string>): Promise<void> {
    this.asked.at(-1)?.answer(result);
    await Promise.resolve();
    await Promise.resolve();
  }
}

function stage(...rules: readonly string[]) {
  const clock = new HandClock();
  const fetches = new Fetches();
  const keys = new TokenKeyStore({ clock, logger: silentLogger, random: () => 0.5, fetch: fetches.fetch });
  const source = new MemorySource(resourcesOf(gateway, policy(...rules)));
  const nodes = new MeshSource(source, silentLogger, keys);
  let changes = 0;
  nodes.onChange(() => changes++);
  const node: Node = create(NodeSchema, {
    id: 'router~10.0.0.1~edge.istio-system~istio-system.svc.cluster.local',
    metadata: { LABELS: { istio: 'ingressgateway' } },
  });
  const told = (): string => {
    const resources = nodes.resourcesFor(node);
    assert.ok(resources.ok);
    return Buffer.concat([...(resources.value.get(typeUrls.listener)?.values() ?? [])].map(({ bytes }) => bytes)).toString('latin1');
  };
  return { clock, fetches, source, nodes, told, changes: () => changes, stop: () => (nodes[Symbol.dispose](), keys[Symbol.dispose]()) };
}

const [first, second] = [jwksOf(namedKey('a')), jwksOf(namedKey('b'))];

test('keys are fetched for those who name them, and proxies are told as soon as they are there', async () => {
  const { fetches, told, changes, stop } = stage(byUri);
  assert.deepEqual(
    fetches.asked.map(({ address }) => address),
    [{ kind: 'uri', uri: 'https://keys.example.com/users' }],
  );
  assert.ok(told().includes(keysOfNobody), 'without keys nobody is believed');
  await fetches.answer(ok(first));
  assert.equal(changes(), 1);
  assert.ok(told().includes(first) && !told().includes(keysOfNobody));
  stop();
});

test('keys are fetched again after twenty minutes, and only another set is told', async () => {
  const { clock, fetches, told, changes, stop } = stage(byUri);
  await fetches.answer(ok(first));
  clock.advance(20 * 60_000);
  assert.equal(fetches.asked.length, 2);
  await fetches.answer(ok(first));
  assert.equal(changes(), 1);
  clock.advance(20 * 60_000);
  await fetches.answer(ok(second));
  assert.equal(changes(), 2);
  assert.ok(told().includes(second));
  stop();
});

test('the last good keys stay in force when a fetch fails, and the policy says so', async () => {
  const { clock, fetches, nodes, told, stop } = stage(byUri);
  await fetches.answer(ok(first));
  clock.advance(20 * 60_000);
  await fetches.answer(failed('keys.example.com answers with 500'));
  assert.ok(told().includes(first));
  const [finding] = nodes.diagnostics().filter(({ code }) => code === 'HDL0101');
  assert.equal(finding?.severity, 'warning');
  assert.match(finding?.message ?? '', /the last ones stay in force/);
  assert.equal(finding?.at?.line, 9, 'the line of the policy’s rules');
  clock.advance(60_000);
  assert.equal(fetches.asked.length, 3, 'it is asked again soon');
  await fetches.answer(ok(second));
  assert.ok(told().includes(second));
  assert.deepEqual(
    nodes.diagnostics().filter(({ code }) => code === 'HDL0101'),
    [],
  );
  stop();
});

test('keys that could not be had for a week are given up', async () => {
  const { clock, fetches, told, stop } = stage(byUri);
  await fetches.answer(ok(first));
  for (let hours = 0; hours < 7 * 24 + 1; hours++) {
    clock.advance(3_600_000);
    await fetches.answer(failed('gone'));
  }
  assert.ok(told().includes(keysOfNobody));
  stop();
});

test('without any keys it is asked again and again, at growing distances', async () => {
  const { clock, fetches, nodes, stop } = stage(byDiscovery);
  const [finding] = (await fetches.answer(failed('no answer in time')), nodes.diagnostics().filter(({ code }) => code === 'HDL0101'));
  assert.equal(finding?.severity, 'error');
  assert.match(finding?.message ?? '', /every token of this issuer is refused/);
  for (const seconds of [1, 2, 4, 8]) {
    const before = fetches.asked.length;
    clock.advance(seconds * 1000 - 1);
    assert.equal(fetches.asked.length, before);
    clock.advance(1);
    assert.equal(fetches.asked.length, before + 1);
    await fetches.answer(failed('no answer in time'));
  }
  assert.deepEqual(fetches.asked.at(-1)?.address, { kind: 'discovery', issuer: 'https://accounts.example.com' });
  stop();
});

test('who does not answer within the time of the rule is given up', async () => {
  const { clock, fetches, stop } = stage('{ issuer: users, jwksUri: "https://keys.example.com/users", timeout: 2s }');
  clock.advance(1999);
  assert.equal(fetches.asked[0]?.signal.aborted, false);
  clock.advance(1);
  assert.equal(fetches.asked[0]?.signal.aborted, true);
  stop();
});

test('keys that nobody names any more are not fetched, and no timer stays', async () => {
  const { clock, fetches, source, stop } = stage(byUri, byDiscovery);
  assert.equal(fetches.asked.length, 2);
  source.upsert(...resourcesOf(policy(byDiscovery)));
  assert.equal(fetches.asked[0]?.signal.aborted, true);
  await fetches.answer(ok(first));
  clock.advance(20 * 60_000);
  assert.equal(fetches.asked.length, 3);
  stop();
  assert.equal(clock.pending, 0);
});

test('an issuer in the mesh is asked where its pod is, and at once when it comes', async () => {
  const { clock, fetches, source, stop } = stage('{ issuer: users, jwksUri: "http://issuer.default.svc.cluster.local/keys" }');
  assert.equal(fetches.asked[0]?.locate?.('issuer.default.svc.cluster.local', 80), undefined);
  await fetches.answer(failed('there is no such host'));
  const [service, slice] = [
    'apiVersion: v1\nkind: Service\nmetadata: { name: issuer }\nspec: { ports: [{ name: http, port: 80, targetPort: 8080 }] }',
    'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: issuer, labels: { kubernetes.io/service-name: issuer } }\naddressType: IPv4\nports: [{ name: http, port: 8080 }]\nendpoints: [{ addresses: [10.1.2.3], conditions: { ready: true } }]',
  ];
  source.upsert(...resourcesOf(service ?? ''));
  assert.equal(fetches.asked.length, 1);
  source.upsert(...resourcesOf(slice ?? ''));
  assert.equal(fetches.asked.length, 2);
  assert.deepEqual(fetches.asked[1]?.locate?.('issuer.default.svc.cluster.local', 80), { address: '10.1.2.3', port: 8080 });
  await fetches.answer(ok(first));
  source.upsert(...resourcesOf(policy('{ issuer: users, jwksUri: "http://issuer.default.svc.cluster.local/keys", timeout: 1s }')));
  assert.equal(fetches.asked.length, 2);
  stop();
  assert.equal(clock.pending, 0);
});

test('a mesh without policies about tokens sets no timer', () => {
  const clock = new HandClock();
  const keys = new TokenKeyStore({ clock, logger: silentLogger, random: () => 0 });
  keys.follow({ requestAuthentications: [], services: new Map() });
  assert.equal(clock.pending, 0);
  keys[Symbol.dispose]();
});

test('an issuer that starts with the mesh is waited for, asked nowhere else, and told of once where it does not come', async () => {
  const { clock, fetches, source, nodes, changes, stop } = stage();
  const findings = (): readonly string[] => nodes.diagnostics().flatMap(({ code, message }) => (code === 'HDL0101' ? [message] : []));
  source.upsert(
    ...resourcesOf(
      'apiVersion: v1\nkind: Service\nmetadata: { name: issuer }\nspec: { selector: { app: issuer }, ports: [{ name: http, port: 80, targetPort: 8080 }] }',
      // Nobody knows its address yet: the model makes one up, where somebody else may answer.
      'apiVersion: v1\nkind: Pod\nmetadata: { name: issuer, labels: { app: issuer } }\nspec: { containers: [{ name: issuer, image: "issuer:1" }] }',
      policy('{ issuer: users, jwksUri: "http://issuer.default.svc.cluster.local/keys" }'),
    ),
  );
  const before = changes();
  clock.advance(4999);
  assert.deepEqual([fetches.asked.length, findings(), changes()], [0, [], before]);
  clock.advance(1);
  assert.equal(changes(), before + 1);
  assert.deepEqual(findings(), [
    'RequestAuthentication istio-system/users: no keys (Service default/issuer has no endpoint that is ready), so every token of this issuer is refused',
  ]);
  const slice = (ready: boolean): string =>
    `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: issuer, labels: { kubernetes.io/service-name: issuer } }\naddressType: IPv4\nports: [{ name: http, port: 8080 }]\nendpoints: [{ addresses: [127.0.0.1], conditions: { ready: ${String(ready)} } }]`;
  source.upsert(...resourcesOf(slice(false)));
  assert.equal(fetches.asked.length, 0);
  source.upsert(...resourcesOf(slice(true)));
  assert.equal(fetches.asked.length, 1, 'at once');
  await fetches.answer(ok(first));
  assert.deepEqual(findings(), []);
  stop();
  assert.equal(clock.pending, 0);
});
