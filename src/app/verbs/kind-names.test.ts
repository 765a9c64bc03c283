import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelOf, resolveKind } from '#app/verbs/kind-names.ts';

const none = (): number => 0;

test('a kind is found by all the names that kubectl would take', () => {
  for (const [word, kind] of [
    ['pods', 'Pod'],
    ['po', 'Pod'],
    ['Pod', 'Pod'],
    ['svc', 'Service'],
    ['deploy', 'Deployment'],
    ['deployments.apps', 'Deployment'],
    ['vs', 'VirtualService'],
    ['virtualservices.networking.istio.io', 'VirtualService'],
    ['dr', 'DestinationRule'],
    ['peerauthentication', 'PeerAuthentication'],
    ['ep', 'Endpoints'],
    ['events', 'Event'],
    ['gtw', 'KubernetesGateway'],
    ['gateways.gateway.networking.k8s.io', 'KubernetesGateway'],
  ] as const) {
    assert.deepEqual(resolveKind(word, none), { ok: true, value: kind }, word);
  }
});

test("a gateway is Istio's, unless there are only those of the Gateway API", () => {
  assert.deepEqual(resolveKind('gateway', none), { ok: true, value: 'Gateway' });
  assert.deepEqual(
    resolveKind('gateway', (kind) => (kind === 'KubernetesGateway' ? 1 : 0)),
    { ok: true, value: 'KubernetesGateway' },
  );
  assert.equal(labelOf('Gateway'), 'gateway');
  assert.equal(labelOf('KubernetesGateway'), 'gateway.gateway.networking.k8s.io');
});

test('a kind that is none is answered with the nearest', () => {
  const found = resolveKind('virtualservise', none);
  assert.ok(!found.ok && found.error.hint === 'did you mean virtualservice?');
  assert.ok(!resolveKind('nonsense-of-all-kinds', none).ok);
});
