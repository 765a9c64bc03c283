// What Istio's own tests of its name table expect, said in YAML: which addresses a proxy in namespace `a` is told for each host.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { NameTable } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { nameTableName, typeUrls } from '#envoy/type-url.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';

function pod(name: string, ip: string, { ready = true, network = '' } = {}): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: a, labels: { app: db${network === '' ? '' : `, topology.istio.io/network: ${network}`} } }
spec: { hostname: ${name}, subdomain: db, containers: [{ name: app, image: app }] }
status: { phase: Running, podIP: ${ip}, conditions: [{ type: Ready, status: "${ready ? 'True' : 'False'}" }] }`;
}

function service(name: string, spec: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: a }
spec: { ${spec} }`;
}

function entry(name: string, spec: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: a }
spec: { ports: [{ number: 3306, name: tcp, protocol: TCP }], ${spec} }`;
}

const http = 'ports: [{ name: http, port: 80 }]';
const headless = (more = ''): string => service('db', `clusterIP: None, selector: { app: db }, ${http}${more}`);

function table(resources: readonly string[], client: Partial<Proxy> = {}): Readonly<Record<string, readonly string[]>> {
  const read = readText('in.yaml', resources.join('\n---')).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  assert.equal(read.length, resources.length);
  const proxy: Proxy = {
    type: 'sidecar',
    name: 'client',
    namespace: 'a',
    nodeId: 'sidecar~9.9.9.9~client.a~a.svc.cluster.local',
    addresses: ['9.9.9.9'],
    labels: {},
    dnsDomain: 'a.svc.cluster.local',
    interception: { kind: 'redirect' },
    capturesDns: true,
    explainFailures: false,
    ...client,
  };
  const { resources: told } = new MeshCompiler(buildMesh(nextSnapshot(undefined, read, []))).compile(proxy);
  const message = told.get(typeUrls.nameTable)?.get(nameTableName)?.message as NameTable; // the one message of its type
  return Object.fromEntries(Object.entries(message.table).map(([host, { ips }]) => [host, [...ips].sort()]));
}

const cases: readonly (readonly [name: string, found: () => unknown, expected: unknown])[] = [
  [
    'pods of a headless service',
    () => table([headless(), pod('p1', '1.2.3.4'), pod('p2', '9.6.7.8')]),
    { 'db.a.svc.cluster.local': ['1.2.3.4', '9.6.7.8'], 'p1.db.a.svc.cluster.local': ['1.2.3.4'], 'p2.db.a.svc.cluster.local': ['9.6.7.8'] },
  ],
  [
    'those of other networks are left out',
    () =>
      table([headless(), pod('p1', '1.2.3.4', { network: 'n1' }), pod('p2', '9.6.7.8', { network: 'n2' }), pod('p3', '9.6.7.9')], {
        metadata: { NETWORK: 'n1' },
      })['db.a.svc.cluster.local'],
    ['1.2.3.4', '9.6.7.9'],
  ],
  [
    'pods that are not ready are left out',
    () => table([headless(), pod('p1', '1.2.3.4'), pod('p2', '9.6.7.8', { ready: false })]),
    { 'db.a.svc.cluster.local': ['1.2.3.4'], 'p1.db.a.svc.cluster.local': ['1.2.3.4'] },
  ],
  [
    'unless the Service says otherwise',
    () => table([headless(', publishNotReadyAddresses: true'), pod('p2', '9.6.7.8', { ready: false })]),
    { 'db.a.svc.cluster.local': ['9.6.7.8'], 'p2.db.a.svc.cluster.local': ['9.6.7.8'] },
  ],
  ['a headless service without ready pods has no name', () => table([headless()]), {}],
  ['a block of addresses is none', () => table([entry('e', 'hosts: [db.example.com], addresses: [172.217.0.0/16], resolution: NONE')]), {}],
  [
    'a wildcard',
    () => table([entry('e', 'hosts: ["*.example.com"], addresses: [172.10.10.10], resolution: NONE')]),
    { '*.example.com': ['172.10.10.10'] },
  ],
  [
    'a ServiceEntry that passes on is at what it selects',
    () =>
      table([
        entry('e', 'hosts: [db.example.com], resolution: NONE, location: MESH_INTERNAL, workloadSelector: { labels: { app: db } }'),
        pod('p1', '1.2.3.4'),
        pod('p2', '9.6.7.8'),
      ]),
    { 'db.example.com': ['1.2.3.4', '9.6.7.8'] },
  ],
  [
    'both families, for a proxy that has both',
    () => table([service('dual', `clusterIP: 10.0.0.8, clusterIPs: [10.0.0.8, "fd00::8"], ${http}`)], { addresses: ['9.9.9.9', 'fd00::9'] }),
    { 'dual.a.svc.cluster.local': ['10.0.0.8', 'fd00::8'] },
  ],
  [
    'the one that a proxy has',
    () => table([service('dual', `clusterIP: 10.0.0.8, clusterIPs: [10.0.0.8, "fd00::8"], ${http}`)], { addresses: ['fd00::9'] }),
    { 'dual.a.svc.cluster.local': ['fd00::8'] },
  ],
  [
    'two ServiceEntries for one host: the addresses of both',
    () =>
      table([
        entry('e1', 'hosts: [db.example.com], addresses: [10.0.0.5], resolution: NONE'),
        entry('e2', 'hosts: [db.example.com], addresses: [10.0.0.6], resolution: NONE'),
      ]),
    { 'db.example.com': ['10.0.0.5', '10.0.0.6'] },
  ],
  [
    'a ServiceEntry for the host of a Service: the address of the Service',
    () =>
      table([
        service('web', `clusterIP: 10.0.0.7, ${http}`),
        entry('e', 'hosts: [web.a.svc.cluster.local], addresses: [10.0.0.5], resolution: NONE'),
      ]),
    { 'web.a.svc.cluster.local': ['10.0.0.7'] },
  ],
];

for (const [name, found, expected] of cases) test(`as Istio: ${name}`, () => assert.deepEqual(found(), expected));
