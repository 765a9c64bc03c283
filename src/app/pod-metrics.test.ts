import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { applicationTarget, podMetrics } from '#app/pod-metrics.ts';

const metadata = { NAME: 'web-0', WORKLOAD_NAME: 'web', NAMESPACE: 'shop', CLUSTER_ID: 'Kubernetes', LABELS: { app: 'web', version: 'v1' } };
const raw =
  '# TYPE envoy_istio_requests_total counter\nenvoy_istio_requests_total{reporter="destination",peer="",service="",response_code="200"} 2\n' +
  '# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n';

async function withApplication(answer: (path: string) => { status: number; body: string }, run: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    const { status, body } = answer(request.url ?? '');
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    // A TCP server has a port.
    await run((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function scraped(port: number, more: Record<string, string> = {}) {
  return { ...metadata, ANNOTATIONS: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(port), ...more } };
}

test('the application follows the proxy, whose series are those of its workload', () =>
  withApplication(
    (path) => ({ status: 200, body: `# TYPE mine counter\nmine{path="${path}"} 1\n# EOF\n` }),
    async (port) => {
      const { merged, ofProxy } = podMetrics({ proxy: async () => raw, metadata: scraped(port, { 'prometheus.io/path': 'own' }), version: '1' });
      const text = await merged();
      assert.match(text, /^istio_requests_total\{reporter="destination",source_workload="unknown",.*destination_workload="web",.*\} 2$/m);
      assert.match(text, /^envoy_server_live\{\} 1$/m);
      assert.match(text, /^istio_build\{component="proxy",tag="1"\} 1$/m);
      assert.match(text, /^mine\{path="\/own"\} 1$/m);
      assert.ok(!text.includes('# EOF'));
      assert.ok(!(await ofProxy()).includes('mine'));
    },
  ));

test('an application that fails is counted, and the rest is told', () =>
  withApplication(
    () => ({ status: 500, body: 'no' }),
    async (port) => {
      const { merged } = podMetrics({ proxy: async () => raw, metadata: scraped(port), version: '1' });
      const text = await merged();
      assert.match(text, /^istio_agent_scrape_failures_total\{type="application"\} 1$/m);
      assert.match(text, /^istio_requests_total\{/m);
    },
  ));

test('a path that cannot be sent as it is written is sent encoded', () =>
  withApplication(
    (path) => ({ status: 200, body: `mine{path="${path}"} 1\n` }),
    async (port) => {
      const { merged } = podMetrics({
        proxy: async () => raw,
        metadata: scraped(port, { 'prometheus.io/path': '/my own/zoë%20\ud800' }),
        version: '1',
      });
      assert.match(await merged(), /^mine\{path="\/my%20own\/zo%C3%AB%20%EF%BF%BD"\} 1$/m);
    },
  ));

test('annotations say whether, where and under which path; in loopback mode the port is where the app really listens', () => {
  assert.equal(applicationTarget(metadata), undefined);
  assert.equal(applicationTarget(scraped(15_020)), undefined);
  assert.equal(applicationTarget(scraped(9090, { 'prometheus.istio.io/merge-metrics': 'false' })), undefined);
  assert.deepEqual(applicationTarget(scraped(9090)), { port: 9090, path: '/metrics' });
  const loopback = { ...scraped(9090), HEDDLE_LOOPBACK: { inbound: { '9090': { listen: 1, app: 41_000 } } } };
  assert.deepEqual(applicationTarget(loopback), { port: 41_000, path: '/metrics' });
});
