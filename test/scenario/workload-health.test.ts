// A machine outside a cluster that registers itself in a WorkloadGroup with a probe: it is an endpoint while its app is well, and only then, whichever
// proxy it runs.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { startControlPlane } from '#app/control-plane.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { allServices } from '#model/service.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { resourcesOf } from '#test/support/snapshots.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const service = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: vm, namespace: shop }
spec:
  hosts: [vm.shop.svc.cluster.local]
  ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]
  resolution: STATIC
  workloadSelector: { labels: { app: vm } }`;

const group = (port: number): string => `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: machines, namespace: shop }
spec:
  template: { serviceAccount: vm, labels: { app: vm } }
  probe: { periodSeconds: 1, httpGet: { port: ${port}, path: /ready } }`;

test('a machine is an endpoint while its app is well: embedded proxy', { timeout: 60_000 }, () => run([]));

envoyTest('a machine is an endpoint while its app is well: Envoy', (binary) => run(['--envoy'], binary));

async function run(more: readonly string[], binary?: string): Promise<void> {
  await using folder = await temporaryFolder();
  let isWell = false;
  await using app = await startApp(() => isWell);
  const written = group(app.port);
  await using source = new MemorySource(resourcesOf(service, written));
  const started = await startControlPlane({ source, address: '127.0.0.1', port: 0, logger: silentLogger, clock: systemClock });
  assert.ok(started.ok);
  await using controlPlane = started.value;
  const endpoints = (): string =>
    [...allServices(controlPlane.mesh())].flatMap((one) => one.endpoints.map((endpoint) => `${endpoint.address}:${endpoint.port}`)).join();
  const entry = () => controlPlane.mesh().workloadEntries.get('shop/machines-10.0.0.7');
  const metadata = { HEDDLE_LOOPBACK: { address: '127.0.0.1', inbound: {}, outbound: {} } };
  const node = ['--node', 'sidecar~10.0.0.7~machine.shop~shop.svc.cluster.local', '--metadata', JSON.stringify(metadata)];
  const from = ['--xds', `127.0.0.1:${controlPlane.port}`, ...node, '--workload-group', await folder.write('group.yaml', written)];
  const rest = ['--admin-port', String(await freePort()), '--log-file', join(folder.path, 'log')];
  await using _proxy = await startHeddle(['proxy', ...from, ...rest, ...more], { env: { ENVOY_BIN: binary } });
  await waitUntil('the machine has an entry', () => entry() !== undefined, { timeoutMs: 20_000 });
  assert.equal(entry()?.annotations['proxy.istio.io/health-checks-enabled'], 'true');
  assert.equal(endpoints(), '', 'nobody has said yet that it is well');
  isWell = true;
  await waitUntil('it is an endpoint', () => endpoints() === '10.0.0.7:8080', { timeoutMs: 20_000 });
  isWell = false;
  await waitUntil('it is none any more', () => endpoints() === '', { timeoutMs: 20_000 });
  isWell = true;
  await waitUntil('it is one again', () => endpoints() === '10.0.0.7:8080', { timeoutMs: 20_000 });
  const nodes = controlPlane.ledger.nodes();
  assert.deepEqual(
    nodes.map(({ connected }) => connected),
    [true],
    'who tells of its health does not take its place',
  );
  assert.ok((nodes[0]?.types.size ?? 0) > 0);
}

async function startApp(isWell: () => boolean): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((_, response) => response.writeHead(isWell() ? 200 : 500, { connection: 'close' }).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
