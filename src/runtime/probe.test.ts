// One probe, asked once, of servers that answer in all ways there are.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import type { Probe } from '#api/kubernetes/container.ts';
import { askProbe, type ProbeOutcome } from '#runtime/probe.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

async function listening(server: Server): Promise<{ readonly port: number } & AsyncDisposable> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())) };
}

function ask(probe: Probe, port: number): Promise<ProbeOutcome> {
  return askProbe(probe, {
    host: '127.0.0.1',
    localPort: (asked) => (asked === 'web' || asked === 8080 ? port : undefined),
    exec: async ([program]) => (program === 'true' ? 0 : 3),
  });
}

test('HTTP: 200 to 399 are well, headers go along, a port may be named', async () => {
  let seen: IncomingHttpHeaders = {};
  const server = createServer((request, response) => {
    seen = request.headers;
    response.writeHead(Number(request.url?.slice(1)), { location: '/elsewhere' }).end();
  });
  await using place = await listening(server);
  for (const [status, ok] of [
    [200, true],
    [302, true],
    [399, true],
    [400, false],
    [503, false],
  ] as const) {
    assert.equal((await ask({ httpGet: { path: `/${status}`, port: 'web' } }, place.port)).ok, ok, String(status));
  }
  await ask(
    {
      httpGet: {
        path: '/200',
        port: 8080,
        httpHeaders: [
          { name: 'Host', value: 'shop.example' },
          { name: 'X-Probe', value: 'yes' },
        ],
      },
    },
    place.port,
  );
  assert.equal(seen.host, 'shop.example');
  assert.equal(seen['x-probe'], 'yes');
  assert.deepEqual(await ask({ httpGet: { path: '/', port: 'metrics' } }, place.port), { ok: false, reason: 'the pod has no port metrics' });
});

test('HTTPS: certificates are not verified', async () => {
  await using folder = await temporaryFolder({});
  const files = ['-keyout', `${folder.path}/key.pem`, '-out', `${folder.path}/cert.pem`];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=elsewhere', ...files], {
    stdio: 'ignore',
  });
  const options = { key: readFileSync(`${folder.path}/key.pem`), cert: readFileSync(`${folder.path}/cert.pem`) };
  await using place = await listening(createHttpsServer(options, (_, response) => response.end('ok')));
  assert.deepEqual(await ask({ httpGet: { port: 8080, scheme: 'HTTPS' } }, place.port), { ok: true });
  assert.equal((await ask({ httpGet: { port: 8080 } }, place.port)).ok, false, 'plain HTTP is none of its answers');
});

test('TCP: a connection that is accepted; no answer within the timeout is a failure', async () => {
  await using place = await listening(createTcpServer((socket) => socket.resume()));
  assert.deepEqual(await ask({ tcpSocket: { port: 8080 } }, place.port), { ok: true });
  const silent = await ask({ httpGet: { port: 8080 }, timeoutSeconds: 1 }, place.port);
  assert.deepEqual(silent, { ok: false, reason: 'no answer within 1 s' });
});

test('gRPC: the health service is asked for the service that the probe names, however long its name is', async () => {
  const long = `shop.${'v1.'.repeat(60)}Cart`;
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const message = Buffer.concat(chunks).subarray(5);
      // Field 1, its length in two bytes of seven bits.
      const name = message.subarray(3).toString('utf8');
      const serving = name === long ? 1 : 2;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, serving]));
    });
  });
  await using place = await listening(server);
  assert.deepEqual(await ask({ grpc: { port: 8080, service: long } }, place.port), { ok: true });
  assert.deepEqual(await ask({ grpc: { port: 8080, service: `${long}s` } }, place.port), { ok: false, reason: 'not serving' });
});

test('exec: the exit code says it', async () => {
  assert.deepEqual(await ask({ exec: { command: ['true'] } }, 0), { ok: true });
  assert.deepEqual(await ask({ exec: { command: ['check', 'it'] } }, 0), { ok: false, reason: 'check it ended with code 3' });
});
