// What the mesh learns of running pods, in either network.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import { loopbackPod } from '#runtime/loopback-network.ts';
import type { PodNetwork } from '#runtime/network.ts';
import { type PublishedPod, publishedResources } from '#runtime/published.ts';

const at = { file: 'mesh.yaml', line: 1, col: 1 };
const origins = { start: at, at: () => at };

function running(network: PodNetwork, spec: Partial<KindMap['Pod']['spec']> = {}): PublishedPod {
  const metadata = { name: 'db-0', namespace: 'default', labels: { app: 'db' }, annotations: {} };
  const pod: KindMap['Pod'] = { apiVersion: 'v1', kind: 'Pod', metadata, origins, spec: { containers: [], ...spec } };
  // Only these fields of a plan count here.
  const plan = { key: 'default/db-0', pod, isGateway: false } as PublishedPod['plan'];
  return { plan, network, generation: 0, phase: 'Running', ready: true, stopping: false, restarts: 0 } as PublishedPod;
}

function service(spec: KindMap['Service']['spec']): KindMap['Service'] {
  const metadata = { name: 'db', namespace: 'default', labels: {}, annotations: {} };
  return { apiVersion: 'v1', kind: 'Service', metadata, origins, spec: { selector: { app: 'db' }, ...spec } };
}

const loopback = loopbackPod({ address: '127.0.0.1', inbound: { 5432: { listen: 20_001, app: 20_002 } }, outbound: {} });
const own: PodNetwork = {
  ...loopback,
  kind: 'netns',
  ports: { address: '198.18.0.10', inbound: { 5432: { listen: 5432, app: 5432 } }, outbound: {} },
  nodeAddress: '198.18.0.1',
  choosesPorts: false,
};

function slices(pod: PublishedPod, one: KindMap['Service']) {
  return publishedResources([pod], [one]).flatMap((resource) =>
    resource.kind === 'EndpointSlice'
      ? [{ ports: resource.ports, endpoints: resource.endpoints?.map(({ addresses, hostname }) => ({ addresses, hostname })) }]
      : [],
  );
}

const ports = service({
  ports: [
    { name: 'tcp-pg', port: 5432 },
    { name: 'stats', port: 8125, protocol: 'UDP' },
  ],
});

test('a pod with an address of its own is published with it and the ports of its containers, UDP too', () => {
  assert.deepEqual(slices(running(own), ports), [
    {
      ports: [
        { name: 'tcp-pg', port: 5432, protocol: 'TCP' },
        { name: 'stats', port: 8125, protocol: 'UDP' },
      ],
      endpoints: [{ addresses: ['198.18.0.10'], hostname: undefined }],
    },
  ]);
  const [pod] = publishedResources([running(own)], []);
  assert.ok(pod?.kind === 'Pod');
  assert.deepEqual([pod.status?.podIP, pod.status?.hostIP, Object.keys(pod.metadata.annotations)], ['198.18.0.10', '198.18.0.1', []]);
});

test('in loopback mode a pod is published where its proxy listens, and nobody stands before UDP', () => {
  assert.deepEqual(slices(running(loopback), ports), [
    { ports: [{ name: 'tcp-pg', port: 20_001, protocol: 'TCP' }], endpoints: [{ addresses: ['127.0.0.1'], hostname: undefined }] },
  ]);
});

test('a pod below a headless Service has a name of its own there; a Service without ports is for names alone', () => {
  const named = running(own, { hostname: 'db-0', subdomain: 'db' });
  assert.deepEqual(slices(named, service({ clusterIP: 'None' })), [{ ports: [], endpoints: [{ addresses: ['198.18.0.10'], hostname: 'db-0' }] }]);
  assert.deepEqual(slices(running(own, { hostname: 'db-0', subdomain: 'other' }), service({ clusterIP: 'None' }))[0]?.endpoints, [
    { addresses: ['198.18.0.10'], hostname: undefined },
  ]);
});

test('a pod that has no proxy says nothing of mutual TLS', () => {
  const labelOf = (network: PodNetwork): string | undefined => {
    const [pod] = publishedResources([running(network)], []);
    return pod?.metadata.labels['security.istio.io/tlsMode'];
  };
  assert.equal(labelOf(own), 'istio');
  assert.equal(labelOf({ ...own, hasProxy: false }), undefined);
});

test('a pod with addresses of both families has a slice for each that the Service asks for', () => {
  const dual = running({ ...own, ipv6Address: 'fd00:18::a' });
  const addressesOf = (spec: Partial<KindMap['Service']['spec']>) =>
    publishedResources([dual], [service({ ...ports.spec, ...spec })]).flatMap((resource) =>
      resource.kind === 'EndpointSlice' ? [`${resource.metadata.name} ${resource.addressType} ${resource.endpoints?.[0]?.addresses.join()}`] : [],
    );
  assert.deepEqual(addressesOf({}), ['db-db-0-0 IPv4 198.18.0.10']);
  assert.deepEqual(addressesOf({ ipFamilyPolicy: 'PreferDualStack' }), ['db-db-0-0 IPv4 198.18.0.10', 'db-db-0-0-ipv6 IPv6 fd00:18::a']);
  assert.deepEqual(addressesOf({ ipFamilies: ['IPv6'] }), ['db-db-0-0-ipv6 IPv6 fd00:18::a']);
  const [pod] = publishedResources([dual], []);
  assert.deepEqual(pod?.kind === 'Pod' ? pod.status : undefined, {
    phase: 'Running',
    podIP: '198.18.0.10',
    podIPs: [{ ip: '198.18.0.10' }, { ip: 'fd00:18::a' }],
    hostIP: '198.18.0.1',
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'ContainersReady', status: 'True' },
    ],
  });
});
