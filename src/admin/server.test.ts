import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AdminServer, startAdminServer } from '#admin/server.ts';
import type { AdminViews, ProxyView } from '#admin/views.ts';

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
  configDump: (name) => (name === proxy.name ? { configs: [] } : undefined),
};

async function withAdmin(
  run: (get: (path: string) => Promise<{ status: number; text: string }>, server: AdminServer) => Promise<void>,
): Promise<void> {
  const started = await startAdminServer({ views, address: '127.0.0.1', port: 0 });
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

test('every view has its path', async () => {
  await withAdmin(async (get) => {
    assert.deepEqual(await get('/healthz'), { status: 200, text: 'ok\n' });
    assert.deepEqual(await get('/ready'), { status: 200, text: 'ready\n' });
    assert.deepEqual(JSON.parse((await get('/status')).text), views.status());
    assert.deepEqual(JSON.parse((await get('/proxies')).text), [proxy]);
    assert.deepEqual(JSON.parse((await get('/diagnostics')).text), views.diagnostics());
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
    const second = await startAdminServer({ views, address: '127.0.0.1', port });
    assert.ok(!second.ok);
    assert.equal(second.error.inUse, true);
  });
});
