import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { findEnvoy } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

test('Envoy is the file named by ENVOY_BIN, else one on PATH, else missing', () => {
  assert.equal(findEnvoy({ ENVOY_BIN: process.execPath, PATH: '' }), process.execPath);
  assert.equal(findEnvoy({ PATH: '' }), undefined);
  assert.throws(() => findEnvoy({ ENVOY_BIN: '/no/such/envoy' }), /ENVOY_BIN names/);
});

test('a call carries method, target, headers and body there and status, headers and body back', async () => {
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (body: string) => {
      response.writeHead(207, { 'x-two': ['a', 'b'] }).end(`${request.method} ${request.url} ${request.headers.host} ${body}`);
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  try {
    const answer = await httpCall({ port, method: 'POST', path: '/x?y=1', headers: { host: 'hello.example.com' }, body: 'hi' });
    assert.equal(answer.status, 207);
    assert.equal(answer.headers['x-two'], 'a, b');
    assert.equal(answer.body, 'POST /x?y=1 hello.example.com hi');
  } finally {
    server.close();
  }
});

test('a temporary folder holds its files until the scope ends', async () => {
  let path: string;
  {
    await using folder = await temporaryFolder({ 'a/b.txt': 'text' });
    path = folder.path;
    assert.equal(await readFile(`${path}/a/b.txt`, 'utf8'), 'text');
  }
  assert.equal(existsSync(path), false);
});

test('waiting ends with the first answer, or says what it waited for and why not', async () => {
  let asked = 0;
  assert.equal(await waitUntil('three', () => (++asked === 3 ? 'done' : undefined), { everyMs: 1 }), 'done');
  const broken = waitUntil('the sky', () => Promise.reject(new Error('still up')), { timeoutMs: 5, everyMs: 1 });
  await assert.rejects(broken, (error: Error) => /the sky/.test(error.message) && /still up/.test(String(error.cause)));
});
