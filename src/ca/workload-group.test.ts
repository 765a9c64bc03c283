// The WorkloadGroup in a certificate: written by the authority alone, read back from what it wrote.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { writeLeaf, writeRoot } from '#ca/certificate-writer.ts';
import { workloadGroupOf } from '#ca/workload-group.ts';

const validity = { notBeforeMs: Date.UTC(2030, 0, 1), notAfterMs: Date.UTC(2030, 0, 2) };
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
const names = [{ type: 'url', value: 'spiffe://cluster.local/ns/default/sa/machines' }] as const;

void test('a certificate says of which group its holder is, or nothing', () => {
  const root = writeRoot(validity);
  assert.equal(workloadGroupOf(writeLeaf(root, { publicKey, names, workloadGroup: 'machines.of-us', ...validity })), 'machines.of-us');
  assert.equal(workloadGroupOf(writeLeaf(root, { publicKey, names, ...validity })), undefined);
  assert.equal(workloadGroupOf(root.certificate), undefined);
});
