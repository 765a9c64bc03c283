// Two kinds are called Gateway: Istio's and the Gateway API's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookUpKind } from '#api/kind-lookup.ts';
import { readText } from '#api/read-text.ts';
import { resourceName, writtenId } from '#api/resource-name.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';
import { withoutDuplicates } from '#sources/file/duplicates.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

const istio = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: web}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 80, name: http, protocol: HTTP}
      hosts: ['*']
`;
const kubernetes = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, generation: 3}
spec:
  gatewayClassName: istio
  listeners:
    - {name: http, port: 80, protocol: HTTP}
`;

function read(text: string) {
  return readText('f.yaml', text).items;
}

test('both are read, each as its own kind', () => {
  const resources = read(`${istio}---\n${kubernetes}`).flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  assert.deepEqual(withoutDuplicates(resources).diagnostics, []);
  const snapshot = nextSnapshot(undefined, resources, []);
  assert.deepEqual([...snapshot.changed], ['Gateway/default/web', 'KubernetesGateway/default/web']);
  assert.equal(snapshot.resources.Gateway.get('default/web')?.spec.servers?.length, 1);
  assert.equal(snapshot.resources.KubernetesGateway.get('default/web')?.spec.listeners.length, 1);
  assert.equal(snapshot.resources.KubernetesGateway.get('default/web')?.metadata.generation, 3);
});

test('users see the name that they wrote', () => {
  const [item] = read(kubernetes);
  assert.ok(item?.resource);
  assert.equal(resourceName(item.resource), 'Gateway default/web');
  assert.equal(item.resource.origins.start.resource, 'Gateway default/web');
  assert.equal(item.id, 'KubernetesGateway/default/web');
  assert.equal(writtenId(item.id), 'Gateway/default/web');
  assert.equal(writtenId('heddle.yaml'), 'heddle.yaml');
});

test('one defined twice is named as one', () => {
  const resources = read(`${kubernetes}---\n${kubernetes}`).flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  assert.match(withoutDuplicates(resources).diagnostics.map(formatDiagnostic).join(), /Gateway default\/web is defined twice/);
});

test('a kind in the wrong group is put right', () => {
  assert.deepEqual(lookUpKind('networking.istio.io/v1', 'HTTPRoute'), {
    kind: 'unknown',
    guess: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' },
  });
  assert.deepEqual(lookUpKind('gateway.networking.k8s.io/v1alpha1', 'Gateway'), { kind: 'unknown-version', versions: ['v1', 'v1beta1'] });
});
