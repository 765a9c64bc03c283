// Which port of a pod is meant.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPort } from '#app/verbs/find-pod.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import type { PodRun } from '#runtime/pod-run.ts';

// Of a pod's port by number nothing else is asked.
const [run, live] = [{}, {}] as [PodRun, LiveMesh];

test('a number that no port has is refused before anything is connected', () => {
  for (const port of ['0', '65536', '99999']) {
    const found = findPort({ kind: 'pod', name: 'web-0', namespace: 'default', port }, run, live);
    assert.ok(!found.ok);
    assert.deepEqual([found.error.status, found.error.error], [400, `there is no port ${port}`]);
  }
  assert.deepEqual(findPort({ kind: 'pod', name: 'web-0', namespace: 'default', port: '65535' }, run, live), { ok: true, value: 65_535 });
});
