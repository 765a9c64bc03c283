// What of a Pod has no effect here is said with its line, once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import { fieldsWithoutEffect } from '#runtime/without-effect.ts';

const at = { file: 'pod.yaml', line: 1, col: 1 };

function pod(spec: Partial<KindMap['Pod']['spec']>, annotations: Readonly<Record<string, string>> = {}): KindMap['Pod'] {
  const metadata = { name: 'a', namespace: 'default', labels: {}, annotations };
  const origins = { start: at, at: (path: readonly (string | number)[]) => ({ ...at, path: path.join('.') }) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, origins, spec: { containers: [], ...spec } };
}

test('the network of the node and its ports', () => {
  const found = fieldsWithoutEffect(pod({ hostNetwork: true, containers: [{ name: 'main', ports: [{ containerPort: 80, hostPort: 8080 }] }] }));
  assert.deepEqual(
    found.map(({ message, at: place }) => [message, place?.path]),
    [
      ['hostNetwork of Pod default/a has no effect here', 'spec.hostNetwork'],
      ['hostPort 8080 of Pod default/a has no effect here', 'spec.containers.0.ports.0.hostPort'],
    ],
  );
});
