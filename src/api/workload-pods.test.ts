import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyResource, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { resourceKey } from '#api/resource.ts';
import { workloadPods } from '#api/workload-pods.ts';

function resources(text: string): ResourcesByKind {
  const byKind: Record<string, Map<string, AnyResource>> = Object.fromEntries(kindNames().map((kind) => [kind, new Map()]));
  const { items, syntaxErrors } = readText('f.yaml', text);
  assert.deepEqual([...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)], []);
  for (const { resource } of items) if (resource !== undefined) byKind[resource.kind]?.set(resourceKey(resource.metadata), resource);
  // Every kind was filled above with resources of that kind only.
  return byKind as unknown as ResourcesByKind;
}

function controller(apiVersion: string, kind: string, name: string, spec: string): string {
  return `apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: ${name}, namespace: team}
spec:
  ${spec}
  template:
    metadata:
      labels: {app: ${name}}
      annotations: {note: hi}
    spec:
      containers:
        - name: app
          image: ${name}:1
---
`;
}

const selector = 'selector: {matchLabels: {app: x}}';

test('each controller makes its Pods, with names that count from 0', () => {
  const pods = workloadPods(
    resources(
      controller('apps/v1', 'Deployment', 'web', `${selector}\n  replicas: 2`) +
        controller('apps/v1', 'Deployment', 'idle', `${selector}\n  replicas: 0`) +
        controller('apps/v1', 'StatefulSet', 'db', `${selector}\n  replicas: 2\n  ordinals: {start: 5}`) +
        controller('apps/v1', 'DaemonSet', 'agent', selector) +
        controller('apps/v1', 'ReplicaSet', 'old', selector) +
        controller('batch/v1', 'Job', 'once', 'parallelism: 3\n  completions: 2') +
        controller('batch/v1', 'Job', 'later', 'suspend: true'),
    ),
  );
  assert.deepEqual(
    [...pods.keys()],
    ['team/web-0', 'team/web-1', 'team/old-0', 'team/db-5', 'team/db-6', 'team/agent-0', 'team/once-0', 'team/once-1'],
  );
  const web = pods.get('team/web-1');
  assert.deepEqual(web?.owner, { kind: 'Deployment', name: 'web', index: 1 });
  assert.deepEqual(web?.pod.metadata.labels, { app: 'web' });
  assert.deepEqual(web?.pod.metadata.annotations, { note: 'hi' });
  assert.equal(web?.pod.spec.containers[0]?.image, 'web:1');
});

test('the fields of such a Pod stand in the template', () => {
  const pod = workloadPods(resources(controller('apps/v1', 'Deployment', 'web', selector))).get('team/web-0')?.pod;
  assert.deepEqual(pod?.origins.at(['spec', 'containers', 0, 'image']), {
    file: 'f.yaml',
    line: 13,
    col: 11,
    resource: 'Pod team/web-0',
    path: 'spec.containers[0].image',
  });
  assert.equal(pod?.origins.at(['metadata', 'labels']).line, 8);
  assert.equal(pod?.origins.start.line, 1);
});

test('a Pod that is there under that name comes first', () => {
  const text = `${controller('apps/v1', 'Deployment', 'web', selector)}apiVersion: v1\nkind: Pod\nmetadata: {name: web-0, namespace: team}\nspec: {containers: [{name: mine}]}\n`;
  const web = workloadPods(resources(text)).get('team/web-0');
  assert.equal(web?.owner, undefined);
  assert.equal(web?.pod.spec.containers[0]?.name, 'mine');
});

test("a StatefulSet's Pods have names below its headless Service, and are the same objects again", () => {
  const text = resources(controller('apps/v1', 'StatefulSet', 'db', `${selector}\n  replicas: 2\n  serviceName: db`));
  const [first, second] = [...workloadPods(text).values()].map(({ pod }) => pod.spec);
  assert.deepEqual([first?.hostname, first?.subdomain, second?.hostname], ['db-0', 'db', 'db-1']);
  assert.equal(workloadPods(text).get('team/db-1')?.pod.spec, second);
});
