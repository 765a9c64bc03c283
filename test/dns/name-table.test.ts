// The name table, from YAML over xDS to who asks for it: shared, incremental, and only what may be seen.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { AnyResource } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { ok } from '#base/result.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { NameTable } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { nameTableName, typeUrls } from '#envoy/type-url.ts';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { MemoryNodeSource } from '#test/support/memory-node-source.ts';
import { AdsClient } from '#xds/client/ads-client.ts';
import { startXdsServer } from '#xds/server/server.ts';

const text = `
apiVersion: v1
kind: Pod
metadata: { name: one, namespace: a, labels: { app: one } }
spec: { containers: [{ name: app, image: app }] }
---
apiVersion: v1
kind: Pod
metadata: { name: two, namespace: b }
spec: { containers: [{ name: app, image: app }] }
---
apiVersion: v1
kind: Service
metadata: { name: one, namespace: a }
spec: { selector: { app: one }, clusterIP: 10.0.0.1, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: pods, namespace: a }
spec: { selector: { app: one }, clusterIP: None, ports: [{ name: http, port: 80 }] }
`;

const hidden = `
apiVersion: v1
kind: Service
metadata: { name: hidden, namespace: a, annotations: { networking.istio.io/exportTo: . } }
spec: { clusterIP: 10.0.0.2, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: b }
spec: { egress: [{ hosts: [a/one.a.svc.cluster.local] }] }
`;

function read(yaml: string): readonly AnyResource[] {
  return readText('mesh.yaml', yaml).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
}

/** Meshes one after the other with one memory, and the table of a pod in each. */
function controlPlane(yaml: string) {
  const source = new MemorySource(read(yaml));
  const memo = new BuildMemo();
  const cache = new CompileCache();
  return {
    source,
    now: () => {
      const mesh = buildMesh(source.current(), memo);
      const compiler = new MeshCompiler(mesh, cache);
      return { mesh, compiler, table: (pod: string) => tableOf(mesh, compiler, pod) };
    },
  };
}

function tableOf(mesh: Mesh, compiler: MeshCompiler, pod: string): XdsResource | undefined {
  const workload = mesh.workloads.get(pod);
  assert.ok(workload);
  const proxy = { ...proxyForWorkload(mesh, workload, { kind: 'redirect' }), capturesDns: true };
  return compiler.compile(proxy).resources.get(typeUrls.nameTable)?.get(nameTableName);
}

function names(resource: XdsResource | undefined): readonly string[] {
  assert.ok(resource);
  return Object.keys((resource.message as NameTable).table).sort(); // the one message of its type
}

test('a Sidecar and exportTo say which names there are', () => {
  const { compiler, table } = controlPlane(`${text}---${hidden}`).now();
  assert.deepEqual(names(table('a/one')), ['hidden.a.svc.cluster.local', 'one.a.svc.cluster.local', 'pods.a.svc.cluster.local']);
  assert.deepEqual(names(table('b/two')), ['one.a.svc.cluster.local']);
  assert.deepEqual(names(compiler.clusterNames().resource), ['hidden.a.svc.cluster.local', 'one.a.svc.cluster.local', 'pods.a.svc.cluster.local']);
});

test('namespaces that see the same have one table, and its bytes are those of its message', () => {
  const { table } = controlPlane(text).now();
  const one = table('a/one');
  assert.equal(one, table('b/two'));
  assert.deepEqual(names(one), ['one.a.svc.cluster.local', 'pods.a.svc.cluster.local']);
  const decoded = new XdsResource(typeUrls.nameTable, nameTableName, NameTableSchema, one?.message as NameTable); // as above
  assert.equal(decoded.bytes.length, one?.bytes.length);
});

test('a headless Service without ports names its pods to the DNS of the node', () => {
  const bare = 'apiVersion: v1\nkind: Service\nmetadata: { name: bare, namespace: a }\nspec: { selector: { app: one }, clusterIP: None }';
  const { compiler, table } = controlPlane(`${text}---\n${bare}`).now();
  assert.ok(names(compiler.clusterNames().resource).includes('bare.a.svc.cluster.local'));
  assert.ok(!names(table('b/two')).includes('bare.a.svc.cluster.local'));
});

test('a proxy that does not capture DNS is told no names', () => {
  const { mesh, compiler } = controlPlane(text).now();
  const workload = mesh.workloads.get('a/one');
  assert.ok(workload);
  assert.equal(compiler.compile(proxyForWorkload(mesh, workload, { kind: 'redirect' })).resources.has(typeUrls.nameTable), false);
});

test('what changes no name changes no table; a pod that goes changes that of its headless service', () => {
  const { source, now } = controlPlane(text);
  const before = now().table('b/two');
  const rule =
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: v, namespace: a }\nspec: { hosts: [one], http: [{ route: [{ destination: { host: one } }] }] }';
  source.upsert(...read(rule));
  assert.equal(now().table('b/two'), before);
  source.remove('Pod/a/one');
  assert.deepEqual(names(now().table('b/two')), ['one.a.svc.cluster.local']);
});

for (const mode of ['sotw', 'delta'] as const) {
  suite('over xDS', () => {
    test(`${mode}: who asks is told, and told again what changes`, async () => {
      const resource = (host: string) =>
        new XdsResource(typeUrls.nameTable, nameTableName, NameTableSchema, create(NameTableSchema, { table: { [host]: { ips: ['10.0.0.1'] } } }));
      const source = new MemoryNodeSource();
      source.replace([resource('one')]);
      const started = await startXdsServer({ source, logger: silentLogger, clock: systemClock, address: '127.0.0.1', port: 0 });
      assert.ok(started.ok);
      const server = started.value;
      const node = create(NodeSchema, { id: 'sidecar~127.0.0.1~one.a~a.svc.cluster.local' });
      const seen: string[][] = [];
      const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const client = new AdsClient({ target: `127.0.0.1:${server.port}`, node, mode, logger: silentLogger, clock: systemClock });
      client.subscribe(typeUrls.nameTable, 'all', ({ updated }) => {
        seen.push([...updated.values()].flatMap(({ table }) => Object.keys(table)));
        (seen.length === 1 ? first : second).resolve();
        return ok(undefined);
      });
      await first.promise;
      source.replace([resource('two')]);
      await second.promise;
      assert.deepEqual(seen, [['one'], ['two']]);
      // The stream of an agent beside an Envoy is not the node's own.
      assert.deepEqual(server.ledger.nodes(), []);
      client.close();
      await server.close();
    });
  });
}
