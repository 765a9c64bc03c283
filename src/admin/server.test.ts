import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type IncomingHttpHeaders, request as plainRequest } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { type AdminDoor, localDoor } from '#admin/door.ts';
import { type AdminServer, guardedServer, startAdminServer } from '#admin/server.ts';
import type { AdminViews, ProxyView } from '#admin/views.ts';
import { failed, ok } from '#base/result.ts';
import { SecretText } from '#base/secret-text.ts';
import { type Authority, startAuthority } from '#test/support/certificates.ts';

const proxy: ProxyView = {
  name: 'hello-v1.default',
  nodeId: 'sidecar~127.0.0.1~hello-v1.default~default.svc.cluster.local',
  mode: 'delta',
  connected: true,
  connectedAt: '2026-01-01T00:00:00.000Z',
  state: 'pending',
  types: [{ type: 'Cluster', state: 'pending', resources: 3, sentVersion: 'new', ackedVersion: 'old', pushes: 2, nacks: 0 }],
};

const views: AdminViews = {
  status: () => ({ services: 1, gateways: 0, virtualServices: 0, destinationRules: 0, workloads: [], proxies: [proxy], diagnostics: [] }),
  proxies: () => [proxy],
  diagnostics: () => [{ code: 'HDL0040', severity: 'error', message: 'no' }],
  metrics: () => 'pilot_xds 1\n',
  policies: () => [{ kind: 'AuthorizationPolicy', policy: 'shop/p', at: 'a.yaml:1:1', action: 'DENY', proxies: [], withoutProxy: ['a.shop'] }],
  names: ({ name, type, workload, namespace }) =>
    workload === 'hello'
      ? ok({ workload: `${namespace}/hello-v1`, question: { name, type }, result: 'no such name', answers: [], steps: [] })
      : failed(`there is no workload ${workload}`),
  configDump: (name) => (name === proxy.name ? { configs: [] } : undefined),
};

async function withAdmin(
  run: (get: (path: string) => Promise<{ status: number; text: string }>, server: AdminServer) => Promise<void>,
): Promise<void> {
  const started = await startAdminServer({ views, door: localDoor, port: 0 });
  assert.ok(started.ok);
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${started.value.port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  try {
    await run(get, started.value);
  } finally {
    await started.value.close();
  }
}

test('a socket that listens already is accepted on, and closed at the end', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  // What another process hands over is this object of Node's, which nobody accepts from.
  const { _handle: handle } = holder as typeof holder & { readonly _handle: object };
  const started = await startAdminServer({ views, door: localDoor, port: 0, socket: { handle, port: 0 } });
  assert.ok(started.ok);
  const { port } = started.value;
  assert.deepEqual(holder.address(), { address: '127.0.0.1', family: 'IPv4', port });
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/healthz`)).text(), 'ok\n');
  await started.value.close();
  await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
});

test('every view has its path', async () => {
  await withAdmin(async (get) => {
    assert.deepEqual(await get('/healthz'), { status: 200, text: 'ok\n' });
    assert.deepEqual(await get('/ready'), { status: 200, text: 'ready\n' });
    assert.deepEqual(JSON.parse((await get('/status')).text), views.status());
    assert.deepEqual(JSON.parse((await get('/proxies')).text), [proxy]);
    assert.deepEqual(JSON.parse((await get('/diagnostics')).text), views.diagnostics());
    assert.deepEqual(JSON.parse((await get('/policies')).text), views.policies());
    assert.equal((await get('/metrics')).text, 'pilot_xds 1\n');
    for (const path of ['/config_dump?proxy=hello-v1.default', '/debug/config_dump?proxyID=hello-v1.default']) {
      assert.deepEqual(JSON.parse((await get(path)).text), { configs: [] });
    }
    const [row] = JSON.parse((await get('/debug/syncz')).text) as Record<string, string>[];
    assert.deepEqual([row?.['proxy'], row?.['cluster_sent'], row?.['cluster_acked'], row?.['route_sent']], [proxy.nodeId, 'new', 'old', '']);
  });
});

test('a wrong question says what the right ones are', async () => {
  await withAdmin(async (get) => {
    assert.deepEqual(await get('/config_dump').then(({ status, text }) => [status, /say which proxy.*hello-v1\.default/s.test(text)]), [400, true]);
    assert.deepEqual(await get('/config_dump?proxy=x').then(({ status, text }) => [status, /no proxy x is connected/.test(text)]), [404, true]);
    assert.deepEqual(await get('/nowhere').then(({ status, text }) => [status, /\/proxies/.test(text)]), [404, true]);
  });
});

test('a port that is taken is a value', async () => {
  await withAdmin(async (_get, { port }) => {
    const second = await startAdminServer({ views, door: localDoor, port });
    assert.ok(!second.ok);
    assert.ok(second.error.kind === 'not bound' && second.error.inUse);
  });
});

test('a name that was pointed at this machine gets nothing, not even the list of paths', async () => {
  await withAdmin(async (_get, { port }) => {
    for (const path of ['/', '/status', '/nowhere', '/healthz']) {
      const { status, text } = await askAs('evil.example', port, path);
      assert.equal(status, 403, path);
      assert.doesNotMatch(text, /config_dump|ok\n/);
    }
    const { status, headers } = await askAs(`localhost:${port}`, port, '/status');
    assert.equal(status, 200);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.equal(headers['access-control-allow-origin'], undefined);
  });
});

/** With a Host header of its own, which `fetch` does not let one choose. */
function askAs(
  host: string,
  port: number,
  path: string,
): Promise<{ readonly status: number; readonly text: string; readonly headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const sent = plainRequest({ host: '127.0.0.1', port, path, headers: { host }, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
    });
    sent.once('error', reject).end();
  });
}

test('whatever is added later to change something stands behind the guard', async () => {
  const token = randomBytes(16).toString('hex');
  const server = guardedServer({ ...localDoor, token: new SecretText(token) });
  let changes = 0;
  server.post('/change', async () => {
    changes += 1;
    return 'done';
  });
  try {
    const ask = async (headers: Record<string, string>) =>
      (await server.inject({ method: 'POST', path: `/change?token=${token}`, headers: { host: 'localhost:1', ...headers } })).statusCode;
    assert.equal(await ask({}), 401);
    assert.equal(await ask({ authorization: 'Bearer wrong' }), 401);
    assert.equal(await ask({ authorization: `Bearer ${token}`, origin: 'http://evil.example' }), 403);
    assert.equal(await ask({ authorization: `Bearer ${token}`, 'sec-fetch-site': 'cross-site' }), 403);
    assert.equal(changes, 0);
    assert.equal(await ask({ authorization: `Bearer ${token}`, origin: 'http://localhost:1', 'sec-fetch-site': 'same-origin' }), 200);
    assert.equal(changes, 1);
  } finally {
    await server.close();
  }
});

test('a door that is too wide is not opened, nor one whose key does not fit', async () => {
  await using authority = await startAuthority();
  const [one, other] = await Promise.all([authority.issue('one', ['IP:127.0.0.1']), authority.issue('other', ['IP:127.0.0.1'])]);
  const open = await startAdminServer({ views, door: { address: '0.0.0.0' }, port: 0 });
  assert.ok(!open.ok && open.error.kind === 'refused' && /no TLS/.test(open.error.reason));
  const tls = { certificate: one.certificate, key: new SecretText(other.key) };
  const unfit = await startAdminServer({ views, door: { ...localDoor, tls }, port: 0 });
  assert.ok(!unfit.ok && unfit.error.kind === 'refused' && /TLS cannot be set up/.test(unfit.error.reason));
});

async function withWideAdmin(
  run: (authority: Authority, ask: (path: string, options?: RequestOptions) => Promise<number>, port: number, token: string) => Promise<void>,
): Promise<void> {
  await using authority = await startAuthority();
  const leaf = await authority.issue('admin', ['IP:127.0.0.1']);
  const token = randomBytes(16).toString('hex');
  const door: AdminDoor = {
    address: '0.0.0.0',
    tls: { certificate: leaf.certificate, key: new SecretText(leaf.key), clientCa: authority.ca },
    token: new SecretText(token),
  };
  const started = await startAdminServer({ views, door, port: 0 });
  assert.ok(started.ok);
  const { port } = started.value;
  const ask = (path: string, options: RequestOptions = {}) =>
    new Promise<number>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, ca: authority.ca, agent: false, ...options }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
      });
      sent.once('error', reject).end();
    });
  try {
    await run(authority, ask, port, token);
  } finally {
    await started.value.close();
  }
}

test('a wide door lets in the token and the right client certificate, and nobody else', async () => {
  await withWideAdmin(async (authority, ask, _port, token) => {
    await using stranger = await startAuthority();
    const [ours, theirs] = await Promise.all([authority.issue('caller', ['DNS:caller']), stranger.issue('caller', ['DNS:caller'])]);
    for (const path of ['/', '/status', '/config_dump?proxy=hello-v1.default', '/debug/syncz', '/nowhere']) assert.equal(await ask(path), 401, path);
    assert.equal(await ask(`/status?token=${token}`), 401);
    assert.equal(await ask('/healthz'), 200);
    assert.equal(await ask('/status', { headers: { authorization: `Bearer ${token}` } }), 200);
    assert.equal(await ask('/status', { cert: ours.certificate, key: ours.key }), 200);
    assert.equal(await ask('/status', { cert: theirs.certificate, key: theirs.key }), 401);
  });
});

test('a session that is taken up again counts for no more than the first handshake', async () => {
  await withWideAdmin(async (authority, _ask, port) => {
    const options: ConnectionOptions = { host: '127.0.0.1', port, ca: authority.ca };
    const first = await statusLine(options);
    const again = await statusLine({ ...options, session: first.session });
    assert.equal(again.isReused, true);
    for (const { line } of [first, again]) assert.match(line, /^HTTP\/1\.1 401 /);
  });
});

/** What a request without any credentials gets over one TLS connection, and the session to take up again. */
function statusLine(options: ConnectionOptions): Promise<{ readonly line: string; readonly session: Buffer; readonly isReused: boolean }> {
  return new Promise((resolve, reject) => {
    let text = '';
    let session = Buffer.alloc(0);
    let isReused = false;
    const socket = connect(options, () => {
      isReused = socket.isSessionReused();
      socket.write('GET /status HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    });
    socket.on('session', (given) => {
      session = given;
    });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.once('error', reject);
    socket.once('close', () => resolve({ line: text.split('\r\n')[0] ?? '', session, isReused }));
  });
}

test('a name is asked about with who asks for it', async () => {
  await withAdmin(async (get) => {
    const { status, text } = await get('/dns?name=web&workload=hello&namespace=shop');
    assert.deepEqual([status, JSON.parse(text).workload, JSON.parse(text).question], [200, 'shop/hello-v1', { name: 'web', type: 'A' }]);
    assert.equal((await get('/dns?name=web')).status, 400);
    assert.equal((await get('/dns?name=web&workload=nobody')).status, 404);
  });
});
