// How the app of a workload outside a cluster is asked, and which answers are told: each kind of probe against an app that is well or not.
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import type { WorkloadProbe } from '#api/istio/workload-group.ts';
import { readReadinessProbe, startHealthReports } from '#app/workload-health.ts';
import { silentLogger } from '#base/logger.ts';
import { freePort } from '#test/support/free-port.ts';
import { HandClock } from '#test/support/hand-clock.ts';

/** What is told until `count` reports were made; the clock goes on whenever a timer is set. */
async function reports(probe: WorkloadProbe, count: number, between: (told: number) => void = () => {}): Promise<readonly string[]> {
  const clock = new HandClock();
  const told: string[] = [];
  const end = startHealthReports(probe, {
    clock,
    logger: silentLogger,
    report: (reason) => {
      told.push(reason ?? 'well');
      between(told.length);
    },
  });
  while (told.length < count) {
    clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  end();
  assert.equal(clock.pending, 0);
  return told;
}

async function listening(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('httpGet: each change is told once, thresholds count answers in a row', { timeout: 20_000 }, async () => {
  const answers = [200, 200, 503, 200, 503, 503, 200, 200, 200];
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(`${request.url} ${String(request.headers['x-probe'])}`);
    response.writeHead(answers[asked.length - 1] ?? 200, { connection: 'close' }).end();
  });
  await using app = await listening(server);
  const httpGet = { port: app.port, path: '/ready', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] };
  const told = await reports({ httpGet, failureThreshold: 2, successThreshold: 3, periodSeconds: 1 }, 2);
  assert.deepEqual(told, ['GET /ready answered 503', 'well']);
  assert.equal(asked.length, 9);
  assert.equal(asked[0], '/ready yes');
});

test('tcpSocket: an app that nobody reaches is not well, and is well once it listens', { timeout: 20_000 }, async () => {
  const port = await freePort();
  const server = createServer((socket) => socket.end());
  const told = await reports({ tcpSocket: { port } }, 2, (count) => {
    if (count === 1) server.listen(port, '127.0.0.1');
  });
  server.close();
  assert.match(told[0] ?? '', /ECONNREFUSED/);
  assert.equal(told[1], 'well');
});

test('exec: the exit code of a command counts, also where there is no such command', { timeout: 20_000 }, async () => {
  assert.deepEqual(await reports({ exec: { command: [process.execPath, '-e', ''] } }, 1), ['well']);
  assert.match((await reports({ exec: { command: [process.execPath, '-e', 'process.exit(3)'] } }, 1))[0] ?? '', /ended with code 3/);
  assert.match((await reports({ exec: { command: ['no-such-command-here'] } }, 1))[0] ?? '', /ENOENT/);
});

test('grpc: the service must say that it serves', { timeout: 20_000 }, async () => {
  const server = createHttp2Server();
  let status = 1;
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
  });
  await using app = await listening(server);
  const told = await reports({ grpc: { port: app.port, service: 'till' }, periodSeconds: 1 }, 2, () => {
    status = 2;
  });
  assert.deepEqual(told, ['well', 'not serving']);
});

test('the probe comes in node metadata as its agent has it; one that does not ask is an error', () => {
  const readinessProbe = { httpGet: { port: 80 } };
  assert.deepEqual(readReadinessProbe({ PROXY_CONFIG: { readinessProbe } }), { ok: true, value: readinessProbe });
  assert.deepEqual(readReadinessProbe({ PROXY_CONFIG: { concurrency: 2 } }), { ok: true, value: undefined });
  assert.deepEqual(readReadinessProbe({ PROXY_CONFIG: { readinessProbe: {} } }), {
    ok: false,
    error: 'PROXY_CONFIG.readinessProbe does not say how to ask: httpGet, tcpSocket, exec or grpc',
  });
  const wrong = readReadinessProbe({ PROXY_CONFIG: { readinessProbe: { httpGet: { path: '/' } } } });
  assert.match(wrong.ok ? '' : wrong.error, /PROXY_CONFIG\.readinessProbe\.httpGet.*port/);
});
