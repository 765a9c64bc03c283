// `heddle control-plane` as a process of its own, with a real Envoy and with our client on it: refused lines are named, a crash of the
// control plane is no event for proxies, and mistakes at its start are clear.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromJson } from '@bufbuild/protobuf';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { ok } from '#base/result.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { freePort } from '#test/support/free-port.ts';
import { httpCall } from '#test/support/http-call.ts';
import { localEnvoy } from '#test/support/local-envoy.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { AdsClient } from '#xds/client/ads-client.ts';

const service = `
apiVersion: v1
kind: Service
metadata: { name: hello, namespace: default }
spec:
  selector: { app: hello }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Pod
metadata: { name: hello-v1, namespace: default, labels: { app: hello } }
spec:
  containers: [{ name: hello, image: hello, ports: [{ containerPort: 8080 }] }]
`;

function virtualService(share: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: hello
  namespace: default
spec:
  hosts: [hello]
  http:
    - match:
        - uri: { prefix: /first }
      route:
        - destination: { host: hello }
    - headers:
        request:
          set: { x-share: "${share}" }
      route:
        - destination: { host: hello }
`;
}

const nodeId = 'sidecar~127.0.0.1~hello-v1.default~default.svc.cluster.local';
// Strangers, as far as identities go: nobody beside these proxies asks for their certificates, and they do not say so.
const metadata = { NAMESPACE: 'default', LABELS: { app: 'hello' } };

type ProxyJson = {
  readonly nodeId: string;
  readonly state: string;
  readonly connected: boolean;
  readonly types: readonly { readonly type: string; readonly pushes: number; readonly state: string }[];
};

async function proxies(adminPort: number): Promise<readonly ProxyJson[]> {
  // The admin API's own ProxyView, as far as it is looked at here.
  return JSON.parse((await httpCall({ port: adminPort, path: '/proxies' })).body) as readonly ProxyJson[];
}

function controlPlane(folder: string, xdsPort: number, adminPort: number) {
  const args = ['control-plane', '--config', folder, '--xds-port', String(xdsPort), '--admin-port', String(adminPort)];
  return startHeddle(args, { ready: /xDS on 127\.0\.0\.1:\d+, admin API on/ });
}

envoyTest('what Envoy refuses is shown at the line that made it, and is over when the line is mended', async (binary) => {
  await using folder = await temporaryFolder({ 'service.yaml': service, 'hello.yaml': virtualService('half') });
  const [xdsPort, adminPort] = [await freePort(), await freePort()];
  await using running = await controlPlane(folder.path, xdsPort, adminPort);
  await using envoy = await localEnvoy({ binary, xdsTarget: `127.0.0.1:${xdsPort}`, nodeId, metadata });
  await envoy.envoy.ready;
  await waitUntil('in step', async () => (await proxies(adminPort))[0]?.types.length === 4 && (await proxies(adminPort))[0]?.state === 'synced');
  for (const [name, value] of await envoy.stats('update_rejected|warming_clusters|listeners_warming')) assert.equal(value, 0, name);
  assert.doesNotMatch(await envoy.configDump(), /error_state/);

  await folder.write('hello.yaml', virtualService('%NOT_A_COMMAND%'));
  // Where the second rule begins.
  const line = await running.waitForLine(
    /hello\.yaml:(\d+):\d+: error \[HDL0040\] proxy hello-v1\.default refused route configuration 80: .*NOT_A_COMMAND/,
  );
  assert.equal(line[1], '13');
  assert.equal((await proxies(adminPort))[0]?.types.find(({ type }) => type === 'RouteConfiguration')?.state, 'rejected');
  assert.match((await httpCall({ port: adminPort, path: '/diagnostics' })).body, /HDL0040/);
  assert.doesNotMatch(await envoy.configDump(), /NOT_A_COMMAND/);

  await folder.write('hello.yaml', virtualService('half again'));
  await running.waitForLine(/mended: 1 finding, 0 left/);
  await waitUntil('in step again', async () => (await proxies(adminPort))[0]?.state === 'synced');
});

envoyTest('a control plane that is killed and started again has nothing to send, neither to Envoy nor to our client', async (binary) => {
  await using folder = await temporaryFolder({ 'service.yaml': service, 'hello.yaml': virtualService('half') });
  const [xdsPort, adminPort] = [await freePort(), await freePort()];
  const first = await controlPlane(folder.path, xdsPort, adminPort);
  await using envoy = await localEnvoy({ binary, xdsTarget: `127.0.0.1:${xdsPort}`, nodeId, metadata });
  const node = fromJson(NodeSchema, { id: nodeId.replace('hello-v1.', 'hello-v2.'), metadata });
  await using client = new AdsClient({ target: `127.0.0.1:${xdsPort}`, node, logger: silentLogger, clock: systemClock });
  let updates = 0;
  const count = () => {
    updates += 1;
    return ok(undefined);
  };
  client.subscribe(typeUrls.cluster, 'all', count);
  client.subscribe(typeUrls.endpoint, 'all', count);
  client.subscribe(typeUrls.listener, 'all', count);
  client.subscribe(typeUrls.route, ['80'], count);
  await envoy.envoy.ready;
  const inStep = async () => {
    const all = await proxies(adminPort);
    return all.length === 2 && all.every(({ state, types, connected }) => connected && state === 'synced' && types.length === 4);
  };
  await waitUntil('both in step', inStep);
  assert.equal(updates, 4);

  first.signal('SIGKILL');
  await first.exited;
  await waitUntil('our client has noticed', () => !client.state.connected);
  await using _second = await controlPlane(folder.path, xdsPort, adminPort);
  await waitUntil('both in step again', inStep);
  for (const { nodeId: id, types } of await proxies(adminPort)) {
    for (const { type, pushes } of types) assert.equal(pushes, 0, `${id} ${type}`);
  }
  assert.equal(updates, 4);
  assert.equal(client.state.connected, true);

  await folder.write('hello.yaml', virtualService('a quarter'));
  await waitUntil('the change has arrived', async () => /a quarter/.test(await envoy.configDump()) && updates === 5);
});

test('a port that is taken and a path that does not exist are said plainly', async () => {
  await using folder = await temporaryFolder({ 'service.yaml': service });
  const [xdsPort, adminPort] = [await freePort(), await freePort()];
  await using _running = await controlPlane(folder.path, xdsPort, adminPort);
  await using second = await startHeddle(['control-plane', '-c', folder.path, '--xds-port', String(xdsPort), '--admin-port', '0']);
  assert.equal((await second.exited).code, 2);
  assert.match(
    second.stderr(),
    new RegExp(`heddle: cannot listen on 127\\.0\\.0\\.1:${xdsPort} for xDS: another program listens there\\n.*--xds-port`),
  );

  await using third = await startHeddle(['control-plane', '-c', join(folder.path, 'nowhere'), '--xds-port', '0', '--admin-port', '0']);
  assert.equal((await third.exited).code, 2);
  assert.match(third.stderr(), /nowhere/);
});

test('a file that stops parsing, or goes, keeps nothing else from running', async () => {
  await using folder = await temporaryFolder({ 'service.yaml': service, 'hello.yaml': virtualService('half') });
  const [xdsPort, adminPort] = [await freePort(), await freePort()];
  await using running = await controlPlane(folder.path, xdsPort, adminPort);
  const node = fromJson(NodeSchema, { id: nodeId, metadata });
  await using client = new AdsClient({ target: `127.0.0.1:${xdsPort}`, node, logger: silentLogger, clock: systemClock });
  const seen: string[] = [];
  client.subscribe(typeUrls.route, ['80'], ({ updated }) => {
    seen.push(JSON.stringify([...updated.values()].map((route) => route.virtualHosts.map(({ routes }) => routes.length))));
    return ok(undefined);
  });
  await waitUntil('routes', () => seen.length === 1);
  await folder.write('hello.yaml', `${virtualService('half')}\n  broken: [`);
  await running.waitForLine(/hello\.yaml:\d+:\d+: error \[HDL0001\]/);
  assert.equal(seen.length, 1);
  await rm(join(folder.path, 'hello.yaml'));
  await waitUntil('routes without the VirtualService', () => seen.length === 2);
  assert.notEqual(seen[0], seen[1]);
});
