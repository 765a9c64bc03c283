// The embedded proxy's own admin server: for this machine alone, and no changes for a web page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startEmbedded } from '#test/support/embedded-proxy.ts';
import { httpCall } from '#test/support/http-call.ts';

function withAdminAt(address: string): unknown {
  return { admin: { address: { socket_address: { address, port_value: 0 } } }, static_resources: {} };
}

test('an admin address that other machines reach is refused', async () => {
  await assert.rejects(async () => {
    await using _ = await startEmbedded(withAdminAt('0.0.0.0'));
  }, /admin address 0\.0\.0\.0:0 can be reached from other machines; use 127\.0\.0\.1/);
});

test('a name that was pointed at this machine gets no page of a proxy', async () => {
  await using proxy = await startEmbedded(withAdminAt('127.0.0.1'));
  const port = proxy.admin?.port ?? 0;
  const ask = async (host: string) => (await httpCall({ port, path: '/config_dump', headers: { host } })).status;
  assert.equal(await ask('evil.example'), 403);
  assert.equal(await ask(`evil.example:${port}`), 403);
  assert.equal(await ask('localhost'), 200);
  assert.equal(await ask(`127.0.0.1:${port}`), 200);
});

test('what changes a proxy wants POST, and not for a page of another origin', async () => {
  await using proxy = await startEmbedded(withAdminAt('127.0.0.1'));
  const port = proxy.admin?.port ?? 0;
  const ask = async (method: string, headers: Record<string, string> = {}) =>
    (await httpCall({ port, method, path: '/logging?level=debug', headers })).status;
  assert.equal(await ask('GET'), 405);
  assert.equal(await ask('POST', { origin: 'http://evil.example' }), 403);
  assert.equal(await ask('POST', { origin: 'null' }), 403);
  assert.equal(await ask('POST', { 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(await ask('POST', { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' }), 200);
  assert.equal(await ask('POST'), 200);
});
