import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isForForeignPage, isHostOfThisMachine, isLoopback } from '#base/loopback.ts';

test('loopback is what no other machine reaches', () => {
  for (const address of ['127.0.0.1', '127.8.0.1', '::1', 'localhost']) assert.equal(isLoopback(address), true, address);
  for (const address of ['0.0.0.0', '::', '10.0.0.1', 'admin.example.com', '128.0.0.1', '::ffff:10.0.0.1', '']) {
    assert.equal(isLoopback(address), false, address);
  }
});

test('an IP address and localhost are names of this machine, what can be rebound is not', () => {
  for (const host of ['127.0.0.1', '127.0.0.1:1', 'localhost:15014', 'LOCALHOST', 'heddle.localhost:80', '[::1]:15014', '10.1.2.3']) {
    assert.equal(isHostOfThisMachine(host), true, host);
  }
  for (const host of ['evil.example', 'evil.example:1', 'localhost.evil.example', '127.0.0.1.evil.example', 'notlocalhost', '', '[evil]', '::1']) {
    assert.equal(isHostOfThisMachine(host), false, host);
  }
  assert.equal(isHostOfThisMachine(undefined), false);
});

test('a request for a page of another origin is told by Origin or Sec-Fetch-Site', () => {
  const foreign = (signs: { readonly origin?: string; readonly fetchSite?: string }): boolean =>
    isForForeignPage({ scheme: 'http', host: '127.0.0.1:1', origin: undefined, fetchSite: undefined, ...signs });
  assert.equal(foreign({}), false, 'a program');
  assert.equal(foreign({ origin: 'http://127.0.0.1:1', fetchSite: 'same-origin' }), false);
  assert.equal(foreign({ fetchSite: 'none' }), false, 'typed into the address bar');
  for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:2', 'https://127.0.0.1:1', 'http://localhost:1', '']) {
    assert.equal(foreign({ origin }), true, origin);
  }
  for (const fetchSite of ['cross-site', 'same-site', 'something-new']) assert.equal(foreign({ fetchSite }), true, fetchSite);
});
