// A pod that asks for another way of capture is told what it gets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otherInterception } from '#runtime/interception-mode.ts';

const at = { file: 'pod.yaml', line: 4, col: 7 };

function pod(mode: string | undefined) {
  const annotations = mode === undefined ? {} : { 'sidecar.istio.io/interceptionMode': mode };
  const metadata = { name: 'a', namespace: 'default', labels: {}, annotations };
  return { apiVersion: 'v1', kind: 'Pod' as const, metadata, origins: { start: at, at: () => at }, spec: { containers: [] } };
}

test('TPROXY and NONE have no effect where connections are redirected, and that is said with its line', () => {
  assert.deepEqual(otherInterception(pod(undefined), 'netns'), []);
  assert.deepEqual(otherInterception(pod('REDIRECT'), 'netns'), []);
  assert.deepEqual(otherInterception(pod('NONE'), 'loopback'), []);
  for (const mode of ['TPROXY', 'NONE']) {
    const [found] = otherInterception(pod(mode), 'netns');
    assert.match(found?.message ?? '', new RegExp(`${mode} of Pod default/a has no effect here`));
    assert.equal(found?.at, at);
  }
});
