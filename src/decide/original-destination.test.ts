import assert from 'node:assert/strict';
import { test } from 'node:test';
import { originalDestination } from '#decide/original-destination.ts';

const restored = { address: '10.0.0.7', port: 8080 };
const header = (value: string) => (name: string) => (name === 'x-envoy-original-dst-host' ? value : undefined);
const byHeader = { header: 'x-envoy-original-dst-host', port: 0 };

test('a redirected connection goes where its client wanted to go, and one that was not goes nowhere', () => {
  assert.deepEqual(originalDestination({ header: '', port: 0 }, restored), restored);
  assert.equal(originalDestination({ header: '', port: 0 }, undefined), undefined);
  assert.deepEqual(originalDestination({ header: '', port: 9000 }, restored), { address: '10.0.0.7', port: 9000 });
});

test('a header counts before the connection, where it names an address', () => {
  assert.deepEqual(originalDestination(byHeader, restored, header('10.0.0.9:80')), { address: '10.0.0.9', port: 80 });
  assert.deepEqual(originalDestination({ ...byHeader, port: 9 }, undefined, header('[fd00::1]:80')), { address: 'fd00::1', port: 9 });
  for (const wrong of ['name.example:80', '10.0.0.9', '10.0.0.9:70000', ''])
    assert.deepEqual(originalDestination(byHeader, restored, header(wrong)), restored, wrong);
  assert.deepEqual(originalDestination(byHeader, restored), restored, 'bytes have no headers');
  assert.deepEqual(originalDestination({ header: '', port: 0 }, restored, header('10.0.0.9:80')), restored, 'nobody asked for the header');
});
