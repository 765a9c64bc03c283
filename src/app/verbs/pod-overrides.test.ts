// Numbers of replicas and restarts that were asked for, over what files say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import { PodOverrides } from '#app/verbs/pod-overrides.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';

const at = { file: 'a.yaml', line: 1, col: 1 };

function deployment(name: string, replicas?: number): KindMap['Deployment'] {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop', labels: {}, annotations: {} },
    origins: { start: at, at: () => at },
    spec: { ...(replicas !== undefined && { replicas }), selector: {}, template: { spec: { containers: [{ name: 'main' }] } } },
  };
}

test('a number of replicas holds until the file says another one than it did', async () => {
  const web = deployment('web', 2);
  await using files = new MemorySource([web, deployment('other')]);
  await using overrides = new PodOverrides(files);
  const replicas = (): number | undefined => overrides.current().resources.Deployment.get('shop/web')?.spec.replicas;
  const changes: string[] = [];
  overrides.onChange(({ changed }) => changes.push([...changed].join()));
  overrides.scale(web, 5);
  assert.equal(replicas(), 5);
  files.upsert({ ...web, metadata: { ...web.metadata, labels: { new: 'label' } } });
  assert.equal(replicas(), 5, 'another change of the file leaves it');
  files.upsert(deployment('web', 3));
  assert.equal(replicas(), 3);
  files.upsert(deployment('web', 2));
  assert.equal(replicas(), 2, 'it does not come back');
  assert.deepEqual(
    changes,
    Array.from({ length: 4 }, () => 'Deployment/shop/web'),
    'nothing else has changed',
  );
});

test('scaled to what the file says, nothing is left over it', async () => {
  const web = deployment('web', 2);
  await using files = new MemorySource([web]);
  await using overrides = new PodOverrides(files);
  overrides.scale(web, 0);
  overrides.scale(web, 2);
  assert.equal(overrides.current().resources.Deployment.get('shop/web')?.spec.replicas, 2);
});

test('a restart is a mark in the template, as kubectl makes it, and what is not touched keeps its object', async () => {
  const web = deployment('web');
  await using files = new MemorySource([web, deployment('other')]);
  await using overrides = new PodOverrides(files);
  const other = overrides.current().resources.Deployment.get('shop/other');
  overrides.restart(web, '2026-01-01T00:00:00.000Z');
  const { resources } = overrides.current();
  assert.equal(
    resources.Deployment.get('shop/web')?.spec.template.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt'],
    '2026-01-01T00:00:00.000Z',
  );
  assert.equal(resources.Deployment.get('shop/other'), other);
  const made = resources.Deployment.get('shop/web');
  files.upsert(deployment('third'));
  assert.equal(overrides.current().resources.Deployment.get('shop/web'), made, 'it is not made anew for changes of others');
});
