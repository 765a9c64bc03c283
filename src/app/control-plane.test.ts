import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type JsonObject } from '@bufbuild/protobuf';
import { type ControlPlane, startControlPlane } from '#app/control-plane.ts';
import { systemClock } from '#base/clock.ts';
import { type Diagnostic, formatDiagnostic } from '#base/diagnostic.ts';
import { silentLogger } from '#base/logger.ts';
import { failed, ok } from '#base/result.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { openFileSource } from '#sources/file/file-source.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';
import { AdsClient } from '#xds/client/ads-client.ts';

const nodeId = 'sidecar~127.0.0.1~hello-v1.default~default.svc.cluster.local';
const limit = { timeout: 10_000 };

/** The hello example, and a way to put another snapshot in force. */
async function helloSource(): Promise<SnapshotSource & { readonly publish: (snapshot: Snapshot) => void }> {
  const files = await openFileSource({ paths: ['examples/hello/hello.yaml', 'examples/hello/routing.yaml'], clock: systemClock, watch: false });
  let snapshot = files.current();
  const listeners = new Set<(snapshot: Snapshot) => void>();
  return {
    current: () => snapshot,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    publish: (next) => {
      snapshot = next;
      for (const listener of listeners) listener(next);
    },
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  };
}

function clientOf(controlPlane: ControlPlane, id: string, metadata: JsonObject = {}): AdsClient {
  const node = create(NodeSchema, { id, metadata });
  return new AdsClient({ target: `127.0.0.1:${controlPlane.port}`, node, logger: silentLogger, clock: systemClock });
}

test('what a proxy refuses is a diagnostic at its lines, for as long as it stands', limit, async () => {
  await using source = await helloSource();
  const lists: (readonly Diagnostic[])[] = [];
  const changed = new Set<() => void>();
  const started = await startControlPlane({
    source,
    address: '127.0.0.1',
    port: 0,
    adminPort: 0,
    logger: silentLogger,
    clock: systemClock,
    onDiagnostics: (diagnostics) => {
      lists.push(diagnostics);
      for (const wake of changed) wake();
    },
  });
  assert.ok(started.ok);
  await using controlPlane = started.value;
  assert.deepEqual(lists, [[]]);

  await using client = clientOf(controlPlane, nodeId);
  let refuse = true;
  const cluster = 'outbound|80|v2|hello.default.svc.cluster.local';
  client.subscribe(typeUrls.cluster, 'all', ({ updated }) =>
    refuse && updated.has(cluster) ? failed([{ resource: cluster, message: 'I do not like it' }]) : ok(undefined),
  );
  const count = async (wanted: number) => {
    while (lists.at(-1)?.length !== wanted) await new Promise<void>((resolve) => changed.add(resolve));
  };
  await count(1);
  const text = lists.at(-1)?.map(formatDiagnostic).join('\n') ?? '';
  assert.match(
    text,
    /^examples\/hello\/\w+\.yaml:\d+:\d+: error \[HDL0040\] proxy hello-v1\.default refused cluster outbound\|80\|v2\|hello[^:]*: .*I do not like it/,
  );

  const dump = await fetch(`http://127.0.0.1:${controlPlane.adminPort}/config_dump?proxy=hello-v1.default`).then((response) => response.text());
  assert.match(dump, /"version_info"/);
  assert.ok(dump.includes(cluster));
  assert.ok((controlPlane.compiledFor(nodeId)?.resources.get(typeUrls.cluster)?.size ?? 0) > 2);

  // Without its DestinationRule, there is no such cluster to refuse any more.
  refuse = false;
  const snapshot = source.current();
  source.publish({ ...snapshot, resources: { ...snapshot.resources, DestinationRule: new Map(), VirtualService: new Map() } });
  await count(0);
});

test('a failure of ours in making the mesh leaves the last good one in force', limit, async () => {
  await using source = await helloSource();
  const errors: string[] = [];
  const logger = { log: (level: string, message: string) => (level === 'error' ? errors.push(message) : undefined) };
  const started = await startControlPlane({ source, address: '127.0.0.1', port: 0, logger, clock: systemClock });
  assert.ok(started.ok);
  await using controlPlane = started.value;
  const before = controlPlane.mesh();
  const broken = {
    ...source.current(),
    get resources(): Snapshot['resources'] {
      throw new Error('a bug');
    },
  };
  source.publish(broken);
  assert.equal(controlPlane.mesh(), before);
  assert.deepEqual(errors, ['building the mesh failed, the last good state stays in force']);
});

test('a node that cannot be understood is refused with the reason', limit, async () => {
  await using source = await helloSource();
  const started = await startControlPlane({ source, address: '127.0.0.1', port: 0, logger: silentLogger, clock: systemClock });
  assert.ok(started.ok);
  await using controlPlane = started.value;
  await using client = clientOf(controlPlane, 'waypoint~1.2.3.4~x.y~z');
  const failure = new Promise<string>((resolve) =>
    client.onStateChange((state) => (state.failure === undefined ? undefined : resolve(state.failure))),
  );
  client.subscribe(typeUrls.cluster, 'all', () => ok(undefined));
  assert.match(await failure, /FAILED_PRECONDITION.*'waypoint' is neither sidecar nor router/);
});

test('a port that is taken is a diagnostic that names the option to change', limit, async () => {
  await using source = await helloSource();
  const options = { source, address: '127.0.0.1', logger: silentLogger, clock: systemClock };
  const first = await startControlPlane({ ...options, port: 0, adminPort: 0 });
  assert.ok(first.ok);
  await using controlPlane = first.value;
  const second = await startControlPlane({ ...options, port: controlPlane.port });
  assert.ok(!second.ok);
  assert.match(formatDiagnostic(second.error), /HDL0041.*for xDS: another program listens there\n.*--xds-port/);
  const third = await startControlPlane({ ...options, port: 0, adminPort: controlPlane.adminPort ?? 0 });
  assert.ok(!third.ok);
  assert.match(formatDiagnostic(third.error), /HDL0041.*for the admin API: another program listens there\n.*--admin-port/);
});
