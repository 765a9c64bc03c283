import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildMemo } from '#model/build/build-memo.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { addressesFor, type Service, visibleServices } from '#model/service.ts';
import { resourcesOf, snapshotOf } from '#test/support/snapshots.ts';

/** A mesh from YAML; what is read of the same text twice is not the same object twice. */
function meshOf(...texts: readonly string[]): Mesh {
  return buildMesh(snapshotOf(resourcesOf(...texts)));
}

function entry(name: string, spec: string, metadata = ''): string {
  return `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${name}${metadata} }\nspec: { ${spec} }\n`;
}

function pod(name: string, labels: string, more = ''): string {
  const port = '{ name: http, containerPort: 8080 }';
  return `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, labels: { ${labels} } }\nspec: { ${more} containers: [{ name: a, image: a, ports: [${port}] }] }\n`;
}

function serviceOf(mesh: Mesh, hostname: string): Service {
  const service = mesh.services.get(hostname);
  assert.ok(service !== undefined, `${hostname}: there are ${[...mesh.services.keys()].join(', ')}`);
  return service;
}

/** `address:port for service port`, as short text. */
function endpointsOf(service: Service): readonly string[] {
  return service.endpoints.map(({ address, port, servicePortNumber }) => `${address}:${port} for ${servicePortNumber}`);
}

const http = 'ports: [{ number: 80, name: http, protocol: HTTP }]';

test('each host of a ServiceEntry is a service of its own', () => {
  const mesh = meshOf(entry('two', `hosts: [A.example.com, "*.b.example.com"], ${http}, location: MESH_INTERNAL`));
  assert.deepEqual([...mesh.services.keys()], ['*.b.example.com', 'a.example.com']);
  const { name, registry, external, resolution, ports } = serviceOf(mesh, 'a.example.com');
  assert.deepEqual([name, registry, external, resolution], ['a.example.com', 'service-entry', false, 'none']);
  assert.deepEqual(
    ports.map((port) => [port.number, port.protocol, port.targetPort]),
    [[80, 'http', 80]],
  );
});

test('protocols of ports in any case of letters; without one it is found out, also on a port of a database', () => {
  const ports =
    '[{ number: 3306, name: a }, { number: 2, name: tls, protocol: tls }, { number: 3, name: c, protocol: Mongo }, { number: 4, name: d, protocol: GRPC-Web }]';
  const mesh = meshOf(entry('x', `hosts: [a.com], ports: ${ports}`));
  assert.deepEqual(
    serviceOf(mesh, 'a.com').ports.map(({ protocol }) => protocol),
    ['auto', 'tls', 'tcp', 'grpc-web'],
  );
});

test('addresses and blocks stay as they are; a block of one is that address', () => {
  const mesh = meshOf(entry('x', `hosts: [a.com], addresses: [10.0.0.1, 10.1.0.0/16, 10.0.0.9/32, "2001:db8::/64"], ${http}`));
  assert.deepEqual(serviceOf(mesh, 'a.com').addresses, ['10.0.0.1', '10.1.0.0/16', '10.0.0.9', '2001:db8::/64']);
});

test('endpoints listen on their own port for the name, else on the target port, else on the port; a socket has none', () => {
  const ports = 'ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }, { number: 90, name: tcp, protocol: TCP }]';
  const mesh = meshOf(
    entry('x', `hosts: [a.com], resolution: STATIC, ${ports}, endpoints: [{ address: 1.1.1.1, ports: { http: 3000 } }, { address: 1.1.1.2 }]`),
    entry('x2', `hosts: [b.com], resolution: STATIC, ${http}, endpoints: [{ address: "unix:///run/b.sock" }]`),
  );
  assert.deepEqual(endpointsOf(serviceOf(mesh, 'a.com')), ['1.1.1.1:3000 for 80', '1.1.1.2:8080 for 80', '1.1.1.1:90 for 90', '1.1.1.2:90 for 90']);
  assert.deepEqual(endpointsOf(serviceOf(mesh, 'b.com')), ['unix:///run/b.sock:0 for 80']);
});

test('an endpoint carries its weight, labels, locality and network, and labels that tell where it is', () => {
  const written = '{ address: 1.1.1.1, weight: 3, labels: { version: v2 }, locality: us/west/1, network: n1, serviceAccount: app }';
  const [endpoint] = serviceOf(meshOf(entry('x', `hosts: [a.com], resolution: STATIC, ${http}, endpoints: [${written}]`)), 'a.com').endpoints;
  assert.deepEqual(
    [endpoint?.weight, endpoint?.locality, endpoint?.network, endpoint?.serviceAccount],
    [3, { region: 'us', zone: 'west', subZone: '1' }, 'n1', 'app'],
  );
  assert.deepEqual(endpoint?.labels, {
    version: 'v2',
    'topology.kubernetes.io/region': 'us',
    'topology.kubernetes.io/zone': 'west',
    'topology.istio.io/subzone': '1',
    'topology.istio.io/network': 'n1',
  });
});

test('a host of DNS is its own endpoint, unless others are named', () => {
  const mesh = meshOf(
    entry('x', 'hosts: [a.com], resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }]'),
    entry('x2', `hosts: ["*.b.com"], resolution: DNS, ${http}, endpoints: [{ address: real.b.com, ports: { http: 81 } }, { address: 1.1.1.1 }]`),
    entry('z', `hosts: [c.com], resolution: DNS_ROUND_ROBIN, ${http}`),
  );
  assert.deepEqual(endpointsOf(serviceOf(mesh, 'a.com')), ['a.com:8080 for 80']);
  assert.deepEqual(endpointsOf(serviceOf(mesh, '*.b.com')), ['1.1.1.1:80 for 80', 'real.b.com:81 for 80']);
  assert.deepEqual([serviceOf(mesh, 'c.com').resolution, serviceOf(mesh, 'c.com').endpoints.length], ['dns-round-robin', 1]);
});

const workloadEntry = (name: string, spec: string, metadata = 'labels: { app: a }'): string =>
  `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: ${name}, ${metadata} }\nspec: { ${spec} }\n`;

test('a selector chooses ready pods and WorkloadEntries of its namespace, and no names or sockets', () => {
  const mesh = meshOf(
    entry('x', 'hosts: [a.com], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], workloadSelector: { labels: { app: a } }'),
    pod('ready', 'app: a'),
    `${pod('not-yet', 'app: a')}status: { podIP: 10.0.0.2, conditions: [{ type: Ready, status: "False" }] }\n`,
    pod('other', 'app: b'),
    workloadEntry('vm', 'address: 2.2.2.2'),
    workloadEntry('by-spec', 'address: 2.2.2.3, labels: { app: a }, ports: { http: 90 }', 'labels: {}'),
    workloadEntry('by-name', 'address: vm.example.com'),
    workloadEntry('socket', 'address: "unix:///a"'),
    workloadEntry('elsewhere', 'address: 2.2.2.4', 'namespace: other, labels: { app: a }'),
  );
  const service = serviceOf(mesh, 'a.com');
  assert.deepEqual(
    service.endpoints.map(({ workload, workloadEntry: vm, port }) => [workload ?? vm, port]),
    [
      ['default/vm', 80],
      ['default/by-spec', 90],
      // The pod's own port of that name.
      ['default/ready', 8080],
    ],
  );
});

test('a selector with DNS chooses host names, too; an empty one chooses everything', () => {
  const mesh = meshOf(
    entry('x', `hosts: [a.com], resolution: DNS, ${http}, workloadSelector: { labels: {} }`),
    workloadEntry('by-name', 'address: vm.example.com'),
    workloadEntry('vm', 'address: 2.2.2.2', 'labels: {}'),
  );
  assert.deepEqual(endpointsOf(serviceOf(mesh, 'a.com')), ['2.2.2.2:80 for 80', 'vm.example.com:80 for 80']);
  assert.deepEqual(
    mesh.diagnostics.map(({ code, at }) => [code, at?.path]),
    [['HDL0042', 'spec.workloadSelector']],
  );
});

test('a WorkloadEntry whose health is checked counts once it is healthy', () => {
  const checked = (name: string, status: string): string =>
    `${workloadEntry(name, 'address: 2.2.2.2', 'labels: { app: a }, annotations: { proxy.istio.io/health-checks-enabled: "true" }')}status: { conditions: [${status}] }\n`;
  const mesh = meshOf(
    entry('x', `hosts: [a.com], resolution: STATIC, ${http}, workloadSelector: { labels: { app: a } }`),
    checked('well', '{ type: Healthy, status: "True" }'),
    checked('ill', '{ type: Healthy, status: "False" }'),
    checked('new', ''),
  );
  assert.deepEqual(
    serviceOf(mesh, 'a.com').endpoints.map(({ workloadEntry: name }) => name),
    ['default/well'],
  );
});

test('a Kubernetes Service has the WorkloadEntries that it selects, on the target port or the port of its name', () => {
  const mesh = meshOf(
    'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { selector: { app: a }, ports: [{ name: http, port: 80, targetPort: web }, { name: m, port: 81, targetPort: 8081 }] }\n',
    workloadEntry('named', 'address: 2.2.2.2, ports: { web: 8080 }'),
    workloadEntry('unnamed', 'address: 2.2.2.3'),
  );
  assert.deepEqual(endpointsOf(serviceOf(mesh, 's.default.svc.cluster.local')), [
    '2.2.2.2:8080 for 80',
    '2.2.2.2:8081 for 81',
    '2.2.2.3:8081 for 81',
  ]);
});

test('ServiceEntries of one namespace and host are one service, with the ports and endpoints of all', () => {
  const endpoints = (address: string): string => `resolution: STATIC, endpoints: [{ address: ${address} }]`;
  const mesh = meshOf(
    entry(
      'b',
      `hosts: [a.com], ports: [{ number: 443, name: tls, protocol: TLS }, { number: 80, name: other, protocol: TCP }], ${endpoints('2.2.2.2')}`,
    ),
    entry('a', `hosts: [a.com], ${http}, ${endpoints('1.1.1.1')}`),
  );
  const service = serviceOf(mesh, 'a.com');
  assert.deepEqual(
    service.ports.map(({ number, protocol }) => [number, protocol]),
    [
      [80, 'http'],
      [443, 'tls'],
    ],
  );
  assert.deepEqual(endpointsOf(service), ['1.1.1.1:80 for 80', '2.2.2.2:80 for 80', '2.2.2.2:443 for 443']);
  assert.deepEqual(mesh.sharedHosts.size, 0);
});

test('a ServiceEntry that resolves otherwise than the first of its host gets a warning, and its ports are left out', () => {
  const mesh = meshOf(
    entry('a', `hosts: [a.com], ${http}, resolution: STATIC`),
    entry('b', 'hosts: [a.com], ports: [{ number: 443, name: tls, protocol: TLS }], resolution: DNS'),
  );
  assert.deepEqual(
    serviceOf(mesh, 'a.com').ports.map(({ number }) => number),
    [80],
  );
  assert.match(mesh.diagnostics.map(({ code, message }) => `${code} ${message}`).join(), /^HDL0035 another ServiceEntry .*port 443 is left out$/);
});

test('a ServiceEntry for the host of a Kubernetes Service of its namespace adds endpoints to the ports of the same names', () => {
  const host = 's.default.svc.cluster.local';
  const ports = 'ports: [{ number: 8080, name: http, protocol: HTTP }, { number: 9, name: more, protocol: TCP }]';
  const mesh = meshOf(
    'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] }\n',
    entry('x', `hosts: [${host}], ${ports}, resolution: STATIC, endpoints: [{ address: 1.1.1.1 }]`),
  );
  const service = serviceOf(mesh, host);
  assert.deepEqual([service.registry, service.addresses, endpointsOf(service)], ['kubernetes', ['10.96.0.1'], ['1.1.1.1:8080 for 80']]);
  assert.match(mesh.diagnostics.map(({ code, message }) => `${code} ${message}`).join(), /HDL0035 .* is a Kubernetes Service, so port 9 is left out/);
});

test('namespaces that have one host each see their own; others the one that is exported to them, Kubernetes first', () => {
  const of = (namespace: string, exportTo: string): string => entry('x', `hosts: [a.com], ${http}${exportTo}`, `, namespace: ${namespace}`);
  const mesh = meshOf(of('one', ', exportTo: ["."]'), of('two', ''), of('three', ', exportTo: [five, three]'));
  const seenFrom = (namespace: string): readonly string[] => visibleServices(mesh, namespace).map((service) => service.namespace);
  assert.deepEqual(['one', 'two', 'three', 'four', 'five'].map(seenFrom), [['one'], ['two'], ['three'], ['two'], ['three']]);
});

test('without exportTo, MeshConfig.defaultServiceExportTo says who sees a service', () => {
  const config =
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: istio, namespace: istio-system }\ndata: { mesh: "defaultServiceExportTo: [\'.\']" }\n';
  const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ name: http, port: 80 }] }\n';
  const mesh = meshOf(config, service, entry('a', `hosts: [a.com], ${http}`), entry('b', `hosts: [b.com], ${http}, exportTo: ["*"]`));
  assert.deepEqual(
    visibleServices(mesh, 'other').map(({ hostname }) => hostname),
    ['b.com'],
  );
  assert.equal(visibleServices(mesh, 'default').length, 3);
});

test('hosts without an address get an automatic one, for proxies that capture DNS', () => {
  const mesh = meshOf(
    entry('a', `hosts: [a.com], ${http}, resolution: DNS`),
    entry('none', `hosts: [b.com], ${http}`),
    entry('wild', `hosts: ["*.c.com"], ${http}, resolution: DNS, endpoints: [{ address: c.com }]`),
    entry('own', `hosts: [d.com], ${http}, resolution: DNS, addresses: [10.0.0.1]`),
    entry('out', `hosts: [e.com], ${http}, resolution: DNS`, ', labels: { networking.istio.io/enable-autoallocate-ip: "false" }'),
    `${entry('given', `hosts: [f.com], ${http}, resolution: DNS`)}status: { addresses: [{ host: f.com, value: 240.240.0.7 }] }\n`,
  );
  const automatic = (host: string): readonly string[] | undefined => serviceOf(mesh, host).automaticAddresses;
  assert.match(automatic('a.com')?.join() ?? '', /^240\.240\.\d+\.\d+,2001:2::f0f0:[0-9a-f]+$/);
  assert.deepEqual(['b.com', '*.c.com', 'd.com', 'e.com', 'f.com'].map(automatic), [undefined, undefined, undefined, undefined, ['240.240.0.7']]);
  assert.deepEqual(addressesFor(serviceOf(mesh, 'f.com'), {}), []);
  assert.deepEqual(addressesFor(serviceOf(mesh, 'f.com'), { capturesDns: true }), ['240.240.0.7']);
  assert.deepEqual(addressesFor(serviceOf(mesh, 'd.com'), { capturesDns: true }), ['10.0.0.1']);
});

const externalName = (name: string, target: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { type: ExternalName, externalName: ${target} }\n`;

test('an ExternalName Service is a further name of the service it leads to, also through others; a circle leads nowhere', () => {
  const mesh = meshOf(
    'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] }\n',
    externalName('far', 'near.default.svc.cluster.local'),
    externalName('near', 'S.default.svc.cluster.local.'),
    externalName('outside', 'example.com'),
    externalName('round', 'about.default.svc.cluster.local'),
    externalName('about', 'round.default.svc.cluster.local'),
  );
  assert.deepEqual([...mesh.services.keys()], ['s.default.svc.cluster.local']);
  assert.deepEqual(serviceOf(mesh, 's.default.svc.cluster.local').aliases, ['far.default.svc.cluster.local', 'near.default.svc.cluster.local']);
  assert.deepEqual(
    [...mesh.aliases.values()].map(({ name, target }) => [name, target]),
    [
      ['far', 's.default.svc.cluster.local'],
      ['near', 's.default.svc.cluster.local'],
      ['outside', 'example.com'],
      ['round', undefined],
      ['about', undefined],
    ],
  );
  assert.deepEqual(
    mesh.diagnostics.map(({ code }) => code),
    ['HDL0031', 'HDL0031'],
  );
});

test('a pod is where its label says, else where its node is', () => {
  const node = `apiVersion: v1\nkind: Node\nmetadata: { name: n1, labels: { topology.kubernetes.io/region: r, topology.kubernetes.io/zone: z } }\n`;
  const mesh = meshOf(
    node,
    pod('on-node', 'app: a', 'nodeName: n1,'),
    pod('labelled', 'istio-locality: r2.z2.s2', 'nodeName: n1,'),
    pod('unknown', 'app: a', 'nodeName: n2,'),
  );
  assert.deepEqual(
    ['on-node', 'labelled', 'unknown'].map((name) => mesh.workloads.get(`default/${name}`)?.locality),
    [{ region: 'r', zone: 'z', subZone: '' }, { region: 'r2', zone: 'z2', subZone: 's2' }, undefined],
  );
});

test('how traffic is spread: the field before the annotation, the Service before its namespace', () => {
  const service = (name: string, spec: string, annotations = ''): string =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, annotations: { ${annotations} } }\nspec: { ${spec} ports: [{ name: http, port: 80 }] }\n`;
  const mesh = meshOf(
    'apiVersion: v1\nkind: Namespace\nmetadata: { name: default, annotations: { networking.istio.io/traffic-distribution: PreferClose } }\n',
    service('field', 'trafficDistribution: PreferSameNode,', 'networking.istio.io/traffic-distribution: PreferClose'),
    service('annotated', '', 'networking.istio.io/traffic-distribution: PreferSameNode'),
    service('inherited', 'internalTrafficPolicy: Local,'),
    service('odd', '', 'networking.istio.io/traffic-distribution: Any'),
    entry('x', `hosts: [a.com], ${http}`),
  );
  const spread = ({ trafficDistribution }: Service): string | undefined => trafficDistribution;
  assert.deepEqual(
    ['field', 'annotated', 'inherited', 'odd'].map((name) => spread(serviceOf(mesh, `${name}.default.svc.cluster.local`))),
    ['prefer-same-node', 'prefer-same-node', 'prefer-same-zone', undefined],
  );
  assert.equal(spread(serviceOf(mesh, 'a.com')), 'prefer-same-zone');
  assert.equal(serviceOf(mesh, 'inherited.default.svc.cluster.local').nodeLocal, true);
});

test('pods that are not ready are endpoints where publishNotReadyAddresses says so', () => {
  const service = (name: string, more: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: 8080 }]${more} }\n`;
  const unready = `${pod('web', 'app: web')}status: { podIP: 10.0.0.9, phase: Running, conditions: [{ type: Ready, status: 'False' }] }\n`;
  const mesh = meshOf(service('strict', ''), service('early', ', publishNotReadyAddresses: true'), unready);
  const healthOf = (name: string): readonly string[] => serviceOf(mesh, `${name}.default.svc.cluster.local`).endpoints.map(({ health }) => health);
  assert.deepEqual([healthOf('strict'), healthOf('early')], [['unready'], ['ready']]);
});

test('readiness decides in slices: ready counts whatever else is said, and a pod that leaves while it serves is draining', () => {
  const endpoint = (address: string, conditions: string): string => `{ addresses: [${address}], conditions: { ${conditions} } }`;
  const endpoints = [
    endpoint('1.1.1.1', ''),
    endpoint('1.1.1.2', 'ready: true, terminating: true'),
    endpoint('1.1.1.3', 'ready: false'),
    endpoint('1.1.1.4', 'ready: false, serving: true, terminating: true'),
    endpoint('1.1.1.5', 'ready: false, serving: false, terminating: true'),
  ];
  const mesh = meshOf(
    'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ name: http, port: 80 }] }\n',
    `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: s-1, labels: { kubernetes.io/service-name: s } }\naddressType: IPv4\nports: [{ name: http, port: 80 }]\nendpoints: [${endpoints.join(', ')}]\n`,
  );
  assert.deepEqual(
    serviceOf(mesh, 's.default.svc.cluster.local').endpoints.map(({ health }) => health),
    ['ready', 'ready', 'unready', 'draining', 'unready'],
  );
});

test('one new endpoint makes one new service, and one changed ServiceEntry no other', () => {
  const memo = new BuildMemo();
  const fixed = [
    ...resourcesOf(entry('a', `hosts: [a.com], ${http}, resolution: STATIC, workloadSelector: { labels: { app: a } }`)),
    ...resourcesOf(entry('b', `hosts: [b.com], ${http}, resolution: STATIC, workloadSelector: { labels: { app: b } }`)),
    ...resourcesOf('apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { selector: { app: b }, ports: [{ name: http, port: 80 }] }\n'),
    ...resourcesOf(pod('b', 'app: b')),
  ];
  const before = buildMesh(snapshotOf(fixed), memo);
  const after = buildMesh(snapshotOf([...fixed, ...resourcesOf(workloadEntry('vm', 'address: 2.2.2.2'))]), memo);
  const same = (one: Mesh, other: Mesh): readonly string[] =>
    [...one.services].filter(([host, service]) => other.services.get(host) === service).map(([host]) => host);
  assert.deepEqual(same(before, after), ['s.default.svc.cluster.local', 'b.com']);
  const changed = buildMesh(snapshotOf([...fixed, ...resourcesOf(entry('c', `hosts: [c.com], ${http}`))]), memo);
  assert.deepEqual(same(changed, buildMesh(snapshotOf(fixed), memo)), ['s.default.svc.cluster.local', 'a.com', 'b.com']);
});

test('an empty selector of a Service is none', () => {
  const mesh = meshOf(
    'apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { selector: {}, ports: [{ name: http, port: 80 }] }\n',
    pod('b', 'app: b'),
  );
  const service = serviceOf(mesh, 's.default.svc.cluster.local');
  assert.deepEqual([service.selector, endpointsOf(service)], [undefined, []]);
});
