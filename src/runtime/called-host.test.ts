import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindMap } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { resourceKey } from '#api/resource.ts';
import { calledHosts } from '#runtime/called-host.ts';
import { loopbackPod } from '#runtime/loopback-network.ts';
import { inboundPorts } from '#runtime/pod-ports.ts';
import { PortAllocator } from '#runtime/port-allocator.ts';
import { choosePorts } from '#runtime/port-plan.ts';
import { serviceVariables } from '#runtime/service-variables.ts';

function read(text: string) {
  const resources = readText('x.yaml', text).items.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  const services = resources.filter((one): one is KindMap['Service'] => one.kind === 'Service');
  const entries = resources.filter((one): one is KindMap['ServiceEntry'] => one.kind === 'ServiceEntry');
  const pods = resources.filter((one): one is KindMap['Pod'] => one.kind === 'Pod');
  const byKey = <One extends KindMap['Service'] | KindMap['ServiceEntry']>(all: readonly One[]) =>
    new Map(all.map((one) => [resourceKey(one.metadata), one]));
  return { Service: byKey(services), ServiceEntry: byKey(entries), pods };
}

const entry = (name: string, spec: string, namespace = 'default'): string =>
  `---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { ${spec} }\n`;

const mesh = read(
  `apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { ports: [{ name: http, port: 80 }, { name: dns, port: 53, protocol: UDP }] }
---
apiVersion: v1
kind: Service
metadata: { name: far }
spec: { type: ExternalName, externalName: example.com, ports: [{ name: web, port: 80 }] }
${entry('api', 'hosts: [API.example.com, "*.example.com"], ports: [{ number: 443, name: tls, protocol: TLS }, { number: 53, name: dns, protocol: UDP }]')}${entry(
  'other',
  'hosts: [other.example.com], ports: [{ number: 80, name: http }]',
  'elsewhere',
)}`,
);

test('a pod may call the services, aliases and registered hosts of its namespace, on their TCP ports; a wildcard names nobody', () => {
  assert.deepEqual(calledHosts('default', mesh, 'cluster.local'), [
    { hostname: 'api.example.com', name: 'api.example.com', ports: [{ name: 'tls', number: 443 }] },
    { hostname: 'shop.default.svc.cluster.local', name: 'shop', ports: [{ name: 'http', number: 80 }] },
    { hostname: 'far.default.svc.cluster.local', name: 'far', ports: [{ name: 'web', number: 80 }] },
  ]);
});

test('a registered host has variables as a Service has', () => {
  const calls = calledHosts('default', mesh, 'cluster.local').slice(0, 1);
  const { reach } = loopbackPod({ address: '127.0.0.1', inbound: {}, outbound: { 'api.example.com:443': 20_001 } });
  assert.deepEqual(serviceVariables(calls, reach), {
    API_EXAMPLE_COM_SERVICE_HOST: '127.0.0.1',
    API_EXAMPLE_COM_SERVICE_PORT: '20001',
    API_EXAMPLE_COM_PORT: 'tcp://127.0.0.1:20001',
    API_EXAMPLE_COM_SERVICE_PORT_TLS: '20001',
    API_EXAMPLE_COM_PORT_443_TCP: 'tcp://127.0.0.1:20001',
    API_EXAMPLE_COM_PORT_443_TCP_PROTO: 'tcp',
    API_EXAMPLE_COM_PORT_443_TCP_PORT: '20001',
    API_EXAMPLE_COM_PORT_443_TCP_ADDR: '127.0.0.1',
  });
});

test('a pod serves the ports that a ServiceEntry which selects it sends to: its own of that name, else the target port', () => {
  const ports = 'ports: [{ number: 80, name: web, protocol: HTTP }, { number: 81, name: more, targetPort: 9090 }]';
  const { ServiceEntry, pods } = read(
    `apiVersion: v1
kind: Pod
metadata: { name: a, labels: { app: a } }
spec: { containers: [{ name: a, image: a, ports: [{ name: web, containerPort: 8080 }] }] }
${entry('chosen', `hosts: [a.com], resolution: STATIC, ${ports}, workloadSelector: { labels: { app: a } }`)}${entry(
  'not-chosen',
  `hosts: [b.com], resolution: STATIC, ports: [{ number: 7000, name: x }], workloadSelector: { labels: { app: b } }`,
)}${entry('without-selector', 'hosts: [c.com], ports: [{ number: 7001, name: x }]')}`,
  );
  const [pod] = pods;
  assert.ok(pod !== undefined);
  assert.deepEqual(inboundPorts(pod, [], ServiceEntry.values()), [8080, 9090]);
});

test('ports are taken once for a host that is named twice', async () => {
  const twice = [1, 2].map(() => ({ hostname: 'a.com', name: 'a.com', ports: [{ name: 'http', number: 80 }] }));
  const plan = { inbound: [], isGateway: false };
  const allocator = new PortAllocator({ random: () => 0, isFree: async () => true, hold: async () => () => {} });
  // Only these two fields of a plan decide about ports.
  const ports = await choosePorts(plan as unknown as Parameters<typeof choosePorts>[0], twice, allocator);
  assert.deepEqual([ports.outbound, ports.httpProxy], [{ 'a.com:80': 20_001 }, 20_002]);
});
