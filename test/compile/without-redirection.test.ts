// What only proxies have that nothing is redirected to: services for names that on a cluster DNS alone would answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessage } from '@bufbuild/protobuf';
import { readText } from '#api/read-text.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Interception } from '#model/proxy.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

const text = `
apiVersion: v1
kind: Service
metadata: { name: db }
spec: { clusterIP: None, selector: { app: db }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  replicas: 2
  selector: { matchLabels: { app: db } }
  template: { metadata: { labels: { app: db } }, spec: { containers: [{ name: db, image: db, ports: [{ containerPort: 8080 }] }] } }
---
apiVersion: v1
kind: Service
metadata: { name: far }
spec: { type: ExternalName, externalName: www.example.com, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: near }
spec: { type: ExternalName, externalName: db.default.svc.cluster.local }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: open }
spec: { hosts: [open.example.com], ports: [{ number: 80, name: http, protocol: HTTP }] }
`;

/** `cluster → type` of the clusters of services, for a sidecar; `mode` is MeshConfig.outboundTrafficPolicy. */
function clusters(interception: Interception, mode = 'ALLOW_ANY'): Readonly<Record<string, string>> {
  const config = `---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: 'outboundTrafficPolicy: { mode: ${mode} }' }\n`;
  const resources = readText('x.yaml', text + config).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  const mesh = buildMesh(nextSnapshot(undefined, resources, []));
  const workload = mesh.workloads.get('default/db-0');
  assert.ok(workload !== undefined);
  const { resources: compiled } = new MeshCompiler(mesh).compile(proxyForWorkload(mesh, workload, interception));
  const found: Record<string, string> = {};
  for (const [name, { message }] of compiled.get(typeUrls.cluster) ?? []) {
    if (!name.startsWith('outbound|') || !isMessage(message, ClusterSchema) || message.clusterDiscoveryType.case !== 'type') continue;
    found[name] = Cluster_DiscoveryType[message.clusterDiscoveryType.value];
  }
  return found;
}

const loopback: Interception = { kind: 'none', address: '127.0.0.1', inbound: {}, outbound: {}, httpProxy: 15_002 };

test('redirected connections have an address, so names need nothing of their own', () => {
  assert.deepEqual(clusters({ kind: 'redirect' }), {
    'outbound|80||db.default.svc.cluster.local': 'ORIGINAL_DST',
    'outbound|80||open.example.com': 'ORIGINAL_DST',
  });
});

test('without redirection a pod has a name of its own, an alias leads outside, and what is not resolved is asked for by its name', () => {
  assert.deepEqual(clusters(loopback), {
    'outbound|80||db.default.svc.cluster.local': 'EDS',
    'outbound|80||db-0.db.default.svc.cluster.local': 'EDS',
    'outbound|80||db-1.db.default.svc.cluster.local': 'EDS',
    'outbound|80||far.default.svc.cluster.local': 'STRICT_DNS',
    'outbound|80||open.example.com': 'STRICT_DNS',
  });
});

test('where only registered hosts may be called an alias does not lead outside', () => {
  assert.deepEqual(Object.keys(clusters(loopback, 'REGISTRY_ONLY')).includes('outbound|80||far.default.svc.cluster.local'), false);
});
