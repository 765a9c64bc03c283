import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildMesh } from '#model/build/mesh.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

const networks = (text: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  meshNetworks: '${text}'
`;

const pod = (name: string, ip: string, labels = ''): string => `
---
{ apiVersion: v1, kind: Pod, metadata: { name: ${name}, namespace: shop, labels: { app: web${labels} } }, spec: { containers: [{ name: a, image: a }] }, status: { podIP: ${ip} } }`;

const meshOf = (text: string) => buildMesh(snapshotOf(resourcesOf(text)));

const networksOf = (text: string): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries([...meshOf(text).workloads.values()].map(({ name, network }) => [name, network]));

const findings = (text: string): readonly string[] => meshOf(text).diagnostics.map(({ code, message }) => `${code} ${message}`);

test('the network of a workload: its label, the root namespace’s, that of the cluster, that of its address', () => {
  const pods =
    pod('here', '10.1.0.1') + pod('there', '10.2.0.1') + pod('nowhere', '10.3.0.1') + pod('labelled', '10.1.0.2', ', topology.istio.io/network: own');
  const blocks = '{ networks: { one: { endpoints: [{ fromCidr: 10.1.0.0/16 }] }, two: { endpoints: [{ fromCidr: 10.2.0.0/16 }] } } }';
  assert.deepEqual(networksOf(networks(blocks) + pods), { here: 'one', there: 'two', nowhere: undefined, labelled: 'own' });
  const cluster = '{ networks: { one: { endpoints: [{ fromRegistry: Kubernetes }] }, two: { endpoints: [{ fromCidr: 10.2.0.0/16 }] } } }';
  assert.deepEqual(networksOf(networks(cluster) + pods), { here: 'one', there: 'one', nowhere: 'one', labelled: 'own' });
  const root = `---\n{ apiVersion: v1, kind: Namespace, metadata: { name: istio-system, labels: { topology.istio.io/network: all } } }`;
  assert.deepEqual(networksOf(`${networks(cluster)}${pods}\n${root}`), { here: 'all', there: 'all', nowhere: 'all', labelled: 'own' });
  assert.deepEqual(networksOf(pods), { here: undefined, there: undefined, nowhere: undefined, labelled: 'own' });
});

test('gateways: by address, by the name of a Service, by its label; where they are reached from outside, or their own endpoints', () => {
  const service = (name: string, more: string, labels = ''): string => `
---
{ apiVersion: v1, kind: Service, metadata: { name: ${name}, namespace: shop, labels: { ${labels} } }, spec: { selector: { app: web }, ports: [{ name: tls, port: 15443, targetPort: 8443 }], ${more} }
`;
  const text = `${networks('{ networks: { far: { gateways: [{ address: 203.0.113.9, port: 443 }, { address: 203.0.113.9, port: 443 }] }, near: { endpoints: [{ fromRegistry: Kubernetes }], gateways: [{ registryServiceName: named.shop.svc.cluster.local, port: 15443 }] } } }')}
${service('named', 'type: LoadBalancer }, status: { loadBalancer: { ingress: [{ ip: 203.0.113.1 }] } }')}
${service('labelled', 'externalIPs: [203.0.113.3, 203.0.113.2] }', 'topology.istio.io/network: side')}
${service('local', '}', 'topology.istio.io/network: back')}${pod('web', '10.1.0.1')}`;
  assert.deepEqual(
    [...(meshOf(text).networks?.gateways ?? [])],
    [
      ['back', [{ address: '10.1.0.1', port: 8443 }]],
      ['far', [{ address: '203.0.113.9', port: 443 }]],
      ['near', [{ address: '203.0.113.1', port: 15443 }]],
      [
        'side',
        [
          { address: '203.0.113.2', port: 15443 },
          { address: '203.0.113.3', port: 15443 },
        ],
      ],
    ],
  );
  assert.equal(meshOf(pod('web', '10.1.0.1')).networks, undefined);
});

test('what makes no sense is said', () => {
  assert.deepEqual(findings(networks('[a]')), ['HDL0011 MeshNetworks is no map with `networks`']);
  assert.deepEqual(findings(networks('networks: {}')), []);
  assert.deepEqual(findings(networks('{ networks: { one: { endpoints: [{ fromCidr: 10.1 }], gateways: [{ address: 1.1.1.1 }, { port: 1 }] } } }')), [
    "HDL0011 MeshNetworks.networks.one.endpoints[0].fromCidr '10.1' is no block of addresses",
    'HDL0011 MeshNetworks.networks.one.gateways[0].port must be a port',
    'HDL0011 MeshNetworks.networks.one.gateways[1] has neither an address nor a registryServiceName',
  ]);
  const odd =
    '{ networks: { one: { endpoints: [{ fromRegistry: Kubernetes }], gateways: [{ address: gate.example.com, port: 1, locality: a }, { registryServiceName: no.shop.svc.cluster.local, port: 1 }] } } }';
  assert.deepEqual(findings(networks(odd)), [
    'HDL0012 MeshNetworks.networks.one.gateways[0].locality has no effect',
    'HDL0038 the gateway to network one is at gate.example.com: a gateway is called at an IP address, and names are not asked for here',
    'HDL0038 the gateway to network one is to be the Service no.shop.svc.cluster.local, and there is none',
  ]);
  const entry = `{ apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: { name: vm, namespace: shop }, spec: { network: far } }`;
  assert.match(findings(entry).join('\n'), /HDL0042 no gateway to network far is known/);
  assert.deepEqual(findings(`${entry}\n---${networks('{ networks: { far: { gateways: [{ address: 1.1.1.1, port: 15443 }] } } }')}`), []);
  const service = `{ apiVersion: v1, kind: Service, metadata: { name: gate, namespace: shop, labels: { topology.istio.io/network: far } }, spec: { ports: [{ port: 80 }] } }`;
  assert.match(findings(service).join('\n'), /HDL0038 Service shop\/gate is labelled as a gateway to network far, and has no port 15443/);
});
