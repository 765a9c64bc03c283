// Which doors may be opened, and who gets in by them: tables of requests beside their verdicts.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { type AdminDoor, doorFault, type Knock, localDoor, refusalOf } from '#admin/door.ts';
import { SecretText } from '#base/secret-text.ts';

const token = randomBytes(24).toString('hex');
const withToken: AdminDoor = { ...localDoor, token: new SecretText(token) };
const tls = { certificate: 'certificate', key: new SecretText('key') };
const wide: AdminDoor = { address: '0.0.0.0', tls: { ...tls, clientCa: 'ca' }, token: new SecretText(token) };
const bearer = `Bearer ${token}`;

function verdict(door: AdminDoor, knock: Partial<Knock>): number {
  const whole: Knock = {
    method: 'GET',
    path: '/status',
    host: '127.0.0.1:15014',
    origin: undefined,
    fetchSite: undefined,
    authorization: undefined,
    hasClientCertificate: false,
    ...knock,
  };
  return refusalOf(whole, door)?.status ?? 200;
}

test('a door that other machines reach is opened with TLS and a way to know callers only', () => {
  const isRefused = (door: AdminDoor) => doorFault(door) !== undefined;
  for (const address of ['127.0.0.1', '127.8.0.1', '::1', 'localhost']) assert.equal(isRefused({ address }), false, address);
  for (const address of ['0.0.0.0', '::', '10.0.0.1', 'admin.example.com', '128.0.0.1', '::ffff:10.0.0.1', '']) {
    assert.match(doorFault({ address })?.reason ?? '', /other machines.*no TLS/);
    assert.match(doorFault({ address, token: new SecretText(token) })?.hint ?? '', /--admin-tls-certificate/);
    assert.match(doorFault({ address, tls })?.reason ?? '', /anyone may ask/);
    assert.equal(isRefused({ address, tls, token: new SecretText(token) }), false);
    assert.equal(isRefused({ address, tls: { ...tls, clientCa: 'ca' } }), false);
  }
});

test('a token that can be guessed is refused, on loopback too', () => {
  const fault = doorFault({ ...localDoor, token: new SecretText('short') });
  assert.match(fault?.reason ?? '', /fewer than 16/);
  assert.doesNotMatch(JSON.stringify(fault), /"short/);
});

test('on loopback a name that may have been pointed at this machine is refused', () => {
  for (const host of ['127.0.0.1', '127.0.0.1:1', 'localhost:15014', 'LOCALHOST', 'heddle.localhost:80', '[::1]:15014', '10.1.2.3']) {
    assert.equal(verdict(localDoor, { host }), 200, host);
  }
  for (const host of [
    'evil.example',
    'evil.example:15014',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'notlocalhost',
    '',
    '[evil]',
    '::1',
    undefined,
  ]) {
    assert.equal(verdict(localDoor, { host }), 403, String(host));
    assert.equal(verdict(localDoor, { host, path: '/healthz' }), 403);
    assert.equal(verdict(withToken, { host, authorization: bearer }), 403, 'not with the token either: a page may have got hold of it');
  }
});

test('reading is free on loopback, and needs a token or a client certificate elsewhere', () => {
  assert.equal(verdict(withToken, {}), 200);
  assert.equal(verdict(wide, {}), 401);
  assert.equal(verdict(wide, { authorization: bearer }), 200);
  assert.equal(verdict(wide, { authorization: bearer, host: 'admin.example.com' }), 200);
  assert.equal(verdict(wide, { hasClientCertificate: true }), 200);
  assert.equal(verdict({ ...wide, tls }, { hasClientCertificate: true }), 401, 'nobody said whose certificates count');
  for (const path of ['/healthz', '/ready']) assert.equal(verdict(wide, { path }), 200);
  assert.equal(verdict(wide, { path: '/healthz', method: 'POST' }), 401);
});

test('only the whole token, sent as a bearer token, is one', () => {
  const other = randomBytes(24).toString('hex');
  for (const authorization of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    `Basic ${token}`,
    token,
    `Bearer ${other}`,
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
  ]) {
    assert.equal(verdict(wide, { authorization }), 401, String(authorization));
  }
  assert.equal(verdict(wide, { authorization: `bearer  ${token}` }), 200);
  assert.equal(verdict(wide, { path: `/status?access_token=${token}` }), 401);
});

test('a change needs the token on loopback too, and there are none without one', () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
    assert.equal(verdict(localDoor, { method }), 403, method);
    assert.equal(verdict(localDoor, { method, authorization: bearer }), 403, method);
    assert.equal(verdict(withToken, { method }), 401, method);
    assert.equal(verdict(withToken, { method, authorization: bearer }), 200, method);
  }
});

test('a change that a page of another origin asks for is refused, whoever it acts for', () => {
  const asks = (knock: Partial<Knock>) => verdict(withToken, { method: 'POST', authorization: bearer, ...knock });
  for (const fetchSite of ['cross-site', 'same-site', 'something-new']) assert.equal(asks({ fetchSite }), 403, fetchSite);
  for (const fetchSite of ['same-origin', 'none']) assert.equal(asks({ fetchSite }), 200, fetchSite);
  for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:1', 'https://127.0.0.1:15014', 'http://localhost:15014', '']) {
    assert.equal(asks({ origin }), 403, origin);
  }
  assert.equal(asks({ origin: 'http://127.0.0.1:15014', fetchSite: 'same-origin' }), 200);
  const certificate = { method: 'POST', hasClientCertificate: true, host: 'admin.example.com' };
  assert.equal(verdict(wide, { ...certificate, origin: 'https://admin.example.com' }), 200);
  assert.equal(verdict(wide, { ...certificate, origin: 'https://evil.example' }), 403, 'a browser sends certificates by itself');
});
