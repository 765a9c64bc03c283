// Loads on real servers: what they answer is counted, and a stall is seen for what it is.
import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { connect, type Server as NetServer } from 'node:net';
import { test } from 'node:test';
import type { LoadPlan } from '#app/load/load-plan.ts';
import { runLoad } from '#app/load/run-load.ts';
import { systemClock } from '#base/clock.ts';

const never = new AbortController().signal;

function planFor(port: number, more: Partial<LoadPlan>): LoadPlan {
  return {
    url: `http://127.0.0.1:${port}/a?b=c`,
    method: 'GET',
    headers: {},
    protocol: 'http1',
    ratePerSecond: 200,
    durationMs: 250,
    connections: 10,
    timeoutMs: 5000,
    verify: true,
    ...more,
  };
}

async function listening(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

async function withServer(listener: RequestListener, run: (port: number, server: Server) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  const port = await listening(server);
  try {
    await run(port, server);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

void test('answers are counted by status, with their bytes, and what was asked is what the plan says', async () => {
  const seen: string[] = [];
  let asked = 0;
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      asked += 1;
      seen.push(`${request.method} ${request.url} ${request.headers.host} ${String(request.headers['x-a'])} ${body}`);
      response.writeHead(asked % 5 === 0 ? 503 : 200).end('12345');
    });
  };
  await withServer(listener, async (port) => {
    const plan = planFor(port, { method: 'POST', headers: { host: 'shop.example', 'x-a': '1' }, body: 'ö' });
    const report = await runLoad(plan, { clock: systemClock, stop: never });
    assert.deepEqual(report.statuses, { 200: 40, 503: 10 });
    assert.deepEqual([report.due, report.errors, report.errorRate, report.bytes, report.unfinished], [50, 10, 0.2, 250, 0]);
    assert.deepEqual([...new Set(seen)], ['POST /a?b=c shop.example 1 ö']);
  });
});

void test('a stall of the server shows at high percentiles, though the connections are few', async () => {
  const stallMs = 1000;
  let stalledAt: number | undefined;
  let asked = 0;
  const held: (() => void)[] = [];
  const listener: RequestListener = (_request, response) => {
    asked += 1;
    if (asked === 20) {
      stalledAt = performance.now();
      setTimeout(() => {
        stalledAt = undefined;
        for (const answer of held.splice(0)) answer();
      }, stallMs);
    }
    const answer = (): void => void response.end('ok');
    if (stalledAt === undefined) answer();
    else held.push(answer);
  };
  await withServer(listener, async (port) => {
    const plan = planFor(port, { ratePerSecond: 100, durationMs: 2000, connections: 2 });
    const { latencyMs, serviceMs, answered, waited } = await runLoad(plan, { clock: systemClock, stop: never });
    assert.equal(answered, 200);
    assert.ok((latencyMs.p99 ?? 0) > stallMs * 0.8, `p99 ${latencyMs.p99} ms`);
    assert.ok((latencyMs.p90 ?? 0) > stallMs * 0.5, `p90 ${latencyMs.p90} ms`);
    // Two requests alone were under way: whoever counts from the sending sees a fast server.
    assert.ok((serviceMs.p90 ?? 0) < stallMs * 0.5, `p90 from the sending ${serviceMs.p90} ms`);
    assert.ok(waited > 50, `${waited} waited`);
  });
});

void test('failures are told by their kind', async () => {
  const free = await (async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    return port;
  })();
  for (const protocol of ['http1', 'http2'] as const) {
    const refused = await runLoad(planFor(free, { protocol, durationMs: 50 }), { clock: systemClock, stop: never });
    assert.deepEqual([refused.answered, refused.errorRate, refused.failures], [0, 1, { 'connection refused': 10 }], protocol);
  }
  await withServer(
    (request) => request.socket.resetAndDestroy(),
    async (port) => {
      const reset = await runLoad(planFor(port, { durationMs: 50 }), { clock: systemClock, stop: never });
      assert.deepEqual(reset.failures, { 'connection reset': 10 });
    },
  );
  await withServer(
    (_request, response) => void response.writeHead(200, { 'content-length': 10 }).write('1', () => response.destroy()),
    async (port) => {
      const cut = await runLoad(planFor(port, { durationMs: 50 }), { clock: systemClock, stop: never });
      assert.deepEqual(cut.failures, { 'answer cut short': 10 });
    },
  );
  await withServer(
    () => {},
    async (port) => {
      const silent = await runLoad(planFor(port, { durationMs: 50, timeoutMs: 100 }), { clock: systemClock, stop: never });
      assert.deepEqual(silent.failures, { 'no answer in time': 10 });
    },
  );
});

void test('HTTP/2: many requests at a time on one connection, and the status of gRPC', async () => {
  let sessions = 0;
  let open = 0;
  let mostOpen = 0;
  const server = createHttp2Server();
  server.on('session', () => (sessions += 1));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    stream.on('close', () => (open -= 1));
    setTimeout(() => {
      if (headers[':path'] === '/grpc') {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '14' }));
        stream.end();
      } else {
        stream.respond({ ':status': 200 });
        stream.end(String(headers[':authority']));
      }
    }, 50);
  });
  const port = await listening(server);
  const plan = planFor(port, { protocol: 'http2', connections: 1, headers: { host: 'shop.example' } });
  const report = await runLoad(plan, { clock: systemClock, stop: never });
  assert.deepEqual([report.statuses, report.errors, report.bytes], [{ 200: 50 }, 0, 50 * 'shop.example'.length]);
  const calls = await runLoad({ ...plan, url: `http://127.0.0.1:${port}/grpc`, method: 'POST', body: 'x' }, { clock: systemClock, stop: never });
  assert.deepEqual([calls.statuses, calls.errorRate], [{ 'grpc-status 14': 50 }, 1]);
  assert.equal(sessions, 2, 'one a load');
  assert.ok(mostOpen > 1, `${mostOpen} at a time`);
  await new Promise((resolve) => server.close(resolve));
});

void test('an HTTP proxy is asked for the whole URL', async () => {
  const seen = new Set<string>();
  const listener: RequestListener = (request, response) => {
    seen.add(`${request.url} ${request.headers.host}`);
    response.end();
  };
  await withServer(listener, async (port) => {
    const plan = planFor(port, { url: 'http://reviews.shop:9080/a', proxy: `http://127.0.0.1:${port}`, durationMs: 50 });
    const report = await runLoad(plan, { clock: systemClock, stop: never });
    assert.equal(report.answered, 10);
    assert.deepEqual([...seen], ['http://reviews.shop:9080/a reviews.shop:9080']);
  });
});

void test('interrupted, it reports what there was, and leaves no connection', async () => {
  const stop = new AbortController();
  let asked = 0;
  const listener: RequestListener = (_request, response) => {
    asked += 1;
    response.end();
    if (asked === 10) stop.abort();
  };
  await withServer(listener, async (port, server) => {
    const report = await runLoad(planFor(port, { durationMs: 60_000 }), { clock: systemClock, stop: stop.signal });
    assert.ok(report.answered >= 9 && report.answered <= 11, `${report.answered}`);
    assert.equal(report.errors, 0);
    const probe = connect(port, '127.0.0.1');
    await new Promise((resolve) => probe.once('connect', resolve));
    probe.destroy();
    server.closeIdleConnections();
  });
});
