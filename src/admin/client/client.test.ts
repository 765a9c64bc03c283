// What callers of the admin API make of answers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { read } from '#admin/client/client.ts';

test('an answer that is cut short is a failure, not an exception', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
    response.write('{"rows":[', () => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // listening on a port
  const answer = await read({ url: `http://127.0.0.1:${port}` }, '/get', {});
  assert.deepEqual(answer, { ok: false, error: { status: 'unreachable', error: 'its answer was cut short' } });
  server.close();
  await once(server, 'close');
});
