import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dynamicDestination } from '#decide/dynamic-destination.ts';

test('the host and port that a request asks for', () => {
  assert.deepEqual(dynamicDestination('a.example', false), { address: 'a.example', port: 80 });
  assert.deepEqual(dynamicDestination('a.example', true), { address: 'a.example', port: 443 });
  assert.deepEqual(dynamicDestination('a.example:8080', true), { address: 'a.example', port: 8080 });
  assert.deepEqual(dynamicDestination('192.0.2.1:8080', false), { address: '192.0.2.1', port: 8080 });
  assert.deepEqual(dynamicDestination('[fd00::1]', false), { address: 'fd00::1', port: 80 });
  assert.equal(dynamicDestination('', false), undefined);
  assert.equal(dynamicDestination('a.example:99999', false), undefined);
  assert.equal(dynamicDestination('fd00::1', false), undefined);
});

test('no path of a socket, and nothing else that is no host', () => {
  for (const authority of [
    '/run/x.sock',
    '/run/x.sock:80',
    '@abstract',
    '@abstract:80',
    '[/run/x.sock]',
    '[@a]:80',
    '..:80/x',
    'user@a.example',
    'a b',
  ])
    assert.equal(dynamicDestination(authority, false), undefined, authority);
});
