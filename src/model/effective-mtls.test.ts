import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexPeerAuthentications, namespaceMtls, portMtls, workloadMtls } from '#model/effective-mtls.ts';
import type { PeerAuthentication, PeerMtls } from '#model/peer-authentication.ts';

const origin = { file: 'mtls.yaml', line: 1, col: 1 };

function policy(namespace: string, mtls: PeerMtls, more: Partial<PeerAuthentication> = {}): PeerAuthentication {
  return { name: 'p', namespace, mtls, portMtls: new Map(), origin, ...more };
}

function modeOf(policies: readonly PeerAuthentication[], port: number, labels: Readonly<Record<string, string>> = { app: 'web' }): string {
  return portMtls(workloadMtls(indexPeerAuthentications(policies, 'root'), 'shop', labels), port);
}

test('nothing said is permissive', () => {
  assert.equal(modeOf([], 80), 'permissive');
  assert.equal(modeOf([policy('shop', 'unset')], 80), 'permissive');
});

test('the narrowest level that says something wins', () => {
  const mesh = policy('root', 'strict');
  const namespace = policy('shop', 'disable');
  const workload = policy('shop', 'permissive', {
    selector: { app: 'web' },
    portMtls: new Map([
      [90, 'strict'],
      [91, 'unset'],
    ]),
  });
  assert.equal(modeOf([mesh], 80), 'strict');
  assert.equal(modeOf([mesh, namespace], 80), 'disable');
  assert.equal(modeOf([mesh, namespace, workload], 80), 'permissive');
  assert.equal(modeOf([mesh, namespace, workload], 90), 'strict');
  assert.equal(modeOf([mesh, namespace, workload], 91), 'permissive');
  assert.equal(modeOf([mesh, namespace, workload], 90, { app: 'other' }), 'disable');
});

test('unset takes what the wider level says, for ports too', () => {
  const workload = policy('shop', 'unset', {
    selector: { app: 'web' },
    portMtls: new Map([
      [90, 'unset'],
      [91, 'disable'],
    ]),
  });
  const policies = [policy('root', 'strict'), policy('shop', 'unset'), workload];
  assert.equal(modeOf(policies, 80), 'strict');
  assert.equal(modeOf(policies, 90), 'strict');
  assert.equal(modeOf(policies, 91), 'disable');
});

test('of several for one workload the first in precedence counts, and none with a selector in the root namespace', () => {
  const selector = { app: 'web' };
  assert.equal(modeOf([policy('shop', 'strict', { selector }), policy('shop', 'disable', { selector })], 80), 'strict');
  const index = indexPeerAuthentications([policy('root', 'strict', { selector })], 'root');
  assert.equal(workloadMtls(index, 'root', selector).mode, 'permissive');
  assert.equal(namespaceMtls(index, 'shop').mode, 'permissive');
});
