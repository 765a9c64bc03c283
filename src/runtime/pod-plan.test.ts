import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyResource, type KindMap, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { formatDiagnostic } from '#base/diagnostic.ts';
import { calledHosts } from '#runtime/called-host.ts';
import { containerEnvironment, expandVariables } from '#runtime/environment.ts';
import { readImageMap } from '#runtime/image-map.ts';
import { loopbackPod } from '#runtime/loopback-network.ts';
import { planPods } from '#runtime/pod-plan.ts';
import { PortAllocator } from '#runtime/port-allocator.ts';
import { choosePorts } from '#runtime/port-plan.ts';

const at = { file: '/mesh/app.yaml', line: 3, col: 5 };
const origins = { start: at, at: () => at };

function meta(name: string, labels: Readonly<Record<string, string>> = {}) {
  return { name, namespace: 'default', labels, annotations: { note: 'n' } };
}

function pod(name: string, containers: KindMap['Pod']['spec']['containers']): KindMap['Pod'] {
  return { apiVersion: 'v1', kind: 'Pod', metadata: meta(name, { app: name }), origins, spec: { containers } };
}

function service(name: string, port: number, targetPort: number | string): KindMap['Service'] {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name),
    origins,
    spec: { selector: { app: name }, ports: [{ name: 'http', port, targetPort }] },
  };
}

function byKind(...resources: readonly AnyResource[]): ResourcesByKind {
  const all = Object.fromEntries(
    kindNames().map((kind) => [kind, new Map(resources.filter((one) => one.kind === kind).map((one) => [resourceKey(one.metadata), one]))]),
  );
  return all as unknown as ResourcesByKind; // filled for every kind, with resources of that kind only
}

const images = [
  readImageMap('/mesh/heddle.yaml', 'images:\n  "app:1": { command: [run, --port, $(PORT)], cwd: bin, env: { MODE: image, LEVEL: low } }\n'),
];

test('the image gives command, folder and variables; args follow it, a command of its own stands in for it', () => {
  const plan = planPods(
    byKind(
      pod('one', [{ name: 'a', image: 'app:1', args: ['-v'] }]),
      pod('two', [{ name: 'a', image: 'app:1', command: ['other'], args: ['x'] }]),
      pod('three', [{ name: 'a', command: ['own'] }]),
    ),
    images,
  );
  const commandOf = (key: string) => plan.pods.get(`default/${key}`)?.containers[0]?.command;
  assert.deepEqual(commandOf('one'), { command: ['run', '--port', '$(PORT)', '-v'], cwd: '/mesh/bin', env: { MODE: 'image', LEVEL: 'low' } });
  assert.deepEqual(commandOf('two')?.command, ['other', 'x']);
  assert.deepEqual(commandOf('three'), { command: ['own'], cwd: '/mesh', env: {} });
  assert.deepEqual(plan.diagnostics, []);
});

test('an unknown image leaves the pod unplanned, with the place and the lines to add', () => {
  const plan = planPods(byKind(pod('one', [{ name: 'a', image: 'shop:2' }])), images);
  assert.deepEqual([...plan.unplanned], ['default/one']);
  assert.equal(
    plan.diagnostics.map(formatDiagnostic).join('\n'),
    '/mesh/app.yaml:3:5: error [HDL0402] no local command is known for the image shop:2 of container a\n' +
      '    fix: add to /mesh/heddle.yaml what shall run for it here:\n        images:\n          "shop:2":\n            command: [program, argument]',
  );
});

test('the nearest heddle.yaml decides', () => {
  const far = readImageMap('/other/heddle.yaml', 'images: { "app:1": { command: [far] } }');
  const plan = planPods(byKind(pod('one', [{ name: 'a', image: 'app:1' }])), [far, ...images]);
  assert.equal(plan.pods.get('default/one')?.containers[0]?.command.command[0], 'run');
});

test('istio-proxy is the sidecar and never started; a pod of nothing else is a gateway', () => {
  const plan = planPods(
    byKind(
      pod('app', [
        { name: 'a', command: ['x'] },
        { name: 'istio-proxy', image: 'p', ports: [{ containerPort: 15000 }] },
      ]),
      pod('gate', [{ name: 'istio-proxy', ports: [{ containerPort: 8080 }] }]),
    ),
    [],
  );
  assert.deepEqual(
    plan.pods.get('default/app')?.containers.map(({ container }) => container.name),
    ['a'],
  );
  assert.deepEqual(plan.pods.get('default/app')?.inbound, []);
  assert.equal(plan.pods.get('default/gate')?.isGateway, true);
  assert.deepEqual(plan.pods.get('default/gate')?.inbound, [8080]);
});

test('ports come from containers, from Services by number and by name, and from probes', () => {
  const app = pod('app', [
    {
      name: 'a',
      command: ['x'],
      ports: [
        { name: 'web', containerPort: 8080 },
        { containerPort: 53, protocol: 'UDP' },
      ],
      readinessProbe: { tcpSocket: { port: 9000 } },
    },
  ]);
  const plan = planPods(byKind(app, service('app', 80, 'web'), service('app', 81, 7000)), []);
  assert.deepEqual(plan.pods.get('default/app')?.inbound, [7000, 8080, 9000]);
});

test('the environment: services at the sidecar, the local port, fields of the pod, ConfigMaps', async () => {
  const config: KindMap['ConfigMap'] = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta('config'),
    origins,
    data: { color: 'red', size: 'big' },
  };
  const app = pod('app', [
    {
      name: 'a',
      image: 'app:1',
      ports: [{ name: 'web', containerPort: 8080 }],
      envFrom: [{ prefix: 'C_', configMapRef: { name: 'config' } }, { configMapRef: { name: 'none' } }],
      env: [
        { name: 'LEVEL', value: 'high' },
        { name: 'PORT', value: '8080' },
        { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'config', key: 'color' } } },
        { name: 'URL', value: 'http://$(MY_SHOP_SERVICE_HOST):$(MY_SHOP_SERVICE_PORT)/$$(x)' },
        { name: 'LOST', valueFrom: { configMapKeyRef: { name: 'config', key: 'none' } } },
      ],
    },
  ]);
  const resources = byKind(app, service('my-shop', 80, 8080), config);
  const plan = planPods(resources, images).pods.get('default/app');
  assert.ok(plan?.containers[0] !== undefined);
  const allocator = new PortAllocator({ random: () => 0, isFree: async () => true, hold: async () => () => {} });
  const ports = await choosePorts(plan, calledHosts('default', resources, 'cluster.local'), allocator);
  assert.deepEqual(ports, {
    address: '127.0.0.1',
    inbound: { 8080: { listen: 20_001, app: 20_002 } },
    outbound: { 'my-shop.default.svc.cluster.local:80': 20_003 },
    httpProxy: 20_004,
  });
  const inherited = { PATH: '/usr/bin', HTTP_PROXY: 'http://corporate', npm_config_x: '1', HOME: '/home/me' };
  const { variables, problems } = containerEnvironment({
    plan,
    container: plan.containers[0],
    network: loopbackPod(ports),
    resources,
    domain: 'cluster.local',
    inherited,
    nodeProgram: '/node/bin/node',
  });
  assert.deepEqual(variables, {
    PATH: '/node/bin:/usr/bin',
    HOME: '/home/me',
    MODE: 'image',
    LEVEL: 'high',
    MY_SHOP_SERVICE_HOST: '127.0.0.1',
    MY_SHOP_SERVICE_PORT: '20003',
    MY_SHOP_SERVICE_PORT_HTTP: '20003',
    MY_SHOP_PORT: 'tcp://127.0.0.1:20003',
    MY_SHOP_PORT_80_TCP: 'tcp://127.0.0.1:20003',
    MY_SHOP_PORT_80_TCP_PROTO: 'tcp',
    MY_SHOP_PORT_80_TCP_PORT: '20003',
    MY_SHOP_PORT_80_TCP_ADDR: '127.0.0.1',
    HTTP_PROXY: 'http://127.0.0.1:20004',
    http_proxy: 'http://127.0.0.1:20004',
    HTTPS_PROXY: 'http://127.0.0.1:20004',
    https_proxy: 'http://127.0.0.1:20004',
    NO_PROXY: 'localhost,127.0.0.1,::1',
    no_proxy: 'localhost,127.0.0.1,::1',
    C_color: 'red',
    C_size: 'big',
    PORT: '20002',
    PORT_8080: '20002',
    PORT_WEB: '20002',
    POD: 'app',
    LABEL: 'app',
    COLOR: 'red',
    URL: 'http://127.0.0.1:20003/$(x)',
    HOSTNAME: 'app',
  });
  assert.deepEqual(problems, ['ConfigMap none does not exist', 'LOST: ConfigMap config has no key none']);
});

test('$(NAME) is expanded, $$ is a dollar, unknown names stay', () => {
  assert.equal(expandVariables('$(A) $$(A) $(B) $A', { A: '1' }), '1 $(A) $(B) $A');
});

test('a fingerprint changes with the command and the ConfigMap, not with the place in the file', () => {
  const app = pod('app', [{ name: 'a', image: 'app:1', envFrom: [{ configMapRef: { name: 'config' } }] }]);
  const config = (value: string): KindMap['ConfigMap'] => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta('config'),
    origins,
    data: { value },
  });
  const print = (resources: ResourcesByKind, maps = images) => planPods(resources, maps).pods.get('default/app')?.fingerprint;
  const first = print(byKind(app, config('1')));
  const moved = { ...app, origins: { start: { ...at, line: 9 }, at: () => ({ ...at, line: 9 }) } };
  assert.equal(print(byKind(moved, config('1'))), first);
  assert.notEqual(print(byKind(app, config('2'))), first);
  assert.notEqual(print(byKind(app, config('1')), [readImageMap('/mesh/heddle.yaml', 'images: { "app:1": { command: [run, again] } }')]), first);
});

test('fields that mean nothing to a local process are said, and the pod runs all the same', () => {
  const app = pod('app', [{ name: 'a', command: ['x'], volumeMounts: [{ name: 'data', mountPath: '/data' }] }]);
  const plain = {
    ...app,
    metadata: { ...app.metadata, annotations: { 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' } },
  };
  const plan = planPods(byKind(plain), []);
  assert.deepEqual(
    plan.diagnostics.map(({ code, message }) => `${code} ${message}`),
    [
      'HDL0403 volumeMounts of container a of Pod default/app has no effect here',
      'HDL0403 sidecar.istio.io/rewriteAppHTTPProbers: "false" of Pod default/app has no effect here',
    ],
  );
  assert.ok(plan.pods.has('default/app'));
});
