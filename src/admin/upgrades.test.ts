import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { execProtocol } from '#admin/client/protocols.ts';
import type { MeshVerbs } from '#admin/client/verbs.ts';
import { serveUpgrades } from '#admin/upgrades.ts';

void test('a fault in a verb is the answer to its caller, and no end of the mesh', async () => {
  const verbs = {
    exec: () => {
      throw new Error('no such thing');
    },
  };
  const server = createServer();
  // What the test asks for is all that it has.
  const stop = serveUpgrades(server, { verbs: verbs as unknown as MeshVerbs, refusal: () => undefined });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // listening on a port
  const asked = Buffer.from(JSON.stringify({ pod: 'hello', command: ['true'] })).toString('base64url');
  const headers = { connection: 'Upgrade', upgrade: execProtocol, 'heddle-request': asked };
  const outgoing = request({ host: '127.0.0.1', port, method: 'POST', path: '/exec', headers }).end();
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  let body = '';
  for await (const part of answer.setEncoding('utf8')) body += part;
  assert.deepEqual([answer.statusCode, JSON.parse(body)], [500, { error: 'this is a fault of heddle: no such thing' }]);
  stop();
  server.close();
  await once(server, 'close');
});
