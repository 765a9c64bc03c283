// Which of several addresses of ours a connection comes from.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterEntry } from '#decide/cluster-entry.ts';
import { sourceOf } from '#proxy/upstream/source-address.ts';

/** Only these fields count here. */
function cluster(fields: Pick<ClusterEntry, 'bindAddresses' | 'proxyAddresses'>): ClusterEntry {
  return fields as ClusterEntry;
}

test("the cluster's own address comes before the proxy's, that of the endpoint's family before the first", () => {
  const proxyAddresses = ['198.19.128.10', 'fd00:18::c000:a'];
  const both = cluster({ bindAddresses: ['127.0.0.6', '::6'], proxyAddresses });
  assert.deepEqual(sourceOf(both, '198.18.0.10'), { localAddress: '127.0.0.6' });
  assert.deepEqual(sourceOf(both, 'fd00:18::a'), { localAddress: '::6' });
  assert.deepEqual(sourceOf(cluster({ bindAddresses: ['127.0.0.6'], proxyAddresses }), 'fd00:18::a'), { localAddress: '127.0.0.6' });
  assert.deepEqual(sourceOf(cluster({ proxyAddresses }), 'fd00:18::a'), { localAddress: 'fd00:18::c000:a' });
  assert.deepEqual(sourceOf(cluster({}), 'fd00:18::a'), {});
});
