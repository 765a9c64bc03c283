// The mesh of the tests of pods in namespaces: two pods of one service that listen on the same port, and one pod without a proxy.
import { type AnyResource, type KindMap, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';

const at = { file: 'mesh.yaml', line: 1, col: 1 };
const origins = { start: at, at: () => at };

/** Tells its variables, then whoever connects its name; on 7001 to localhost alone. */
const server = (port: number): string => `
  const { createServer } = require('node:net');
  console.log(JSON.stringify(process.env));
  const serve = (port, address) => createServer((socket) => {
    socket.on('error', () => {});
    socket.end(process.env.HOSTNAME + ' ' + port + ' to ' + socket.remoteAddress + '\\n');
  }).listen(port, address);
  serve(${port}, '0.0.0.0');
  serve(7000, '0.0.0.0');
  serve(7001, '127.0.0.1');
  const echo = require('node:dgram').createSocket('udp4');
  echo.on('message', (_, { address, port }) => echo.send(process.env.HOSTNAME + ' heard ' + address, port, address)).bind(8125);
  process.on('SIGTERM', () => process.exit(0));
`;

function pod(name: string, port: number, annotations: Readonly<Record<string, string>>, more: Partial<KindMap['Pod']['spec']> = {}): KindMap['Pod'] {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name.split('-')[0] ?? name }, annotations },
    origins,
    spec: { containers: [{ name: 'main', command: ['node', '-e', server(port)], ports: [{ containerPort: port }] }], ...more },
  };
}

function service(name: string, clusterIP: string, port: number, targetPort: number): KindMap['Service'] {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', labels: {}, annotations: {} },
    origins,
    spec: {
      selector: { app: name },
      clusterIP,
      ports: [
        { name: 'tcp', port, targetPort },
        { name: 'stats', port: 8125, protocol: 'UDP' },
      ],
    },
  };
}

const prefix = 'traffic.sidecar.istio.io/';

export function podsMesh(): ResourcesByKind {
  return byKind(
    service('web', '198.19.0.5', 80, 8080),
    service('plain', '198.19.0.6', 90, 9000),
    pod('web-one', 8080, { [`${prefix}excludeInboundPorts`]: '7000' }, { hostname: 'one', subdomain: 'web' }),
    pod(
      'web-two',
      8080,
      { [`${prefix}excludeOutboundPorts`]: '9000', [`${prefix}excludeOutboundIPRanges`]: '198.19.0.0/28' },
      { securityContext: { runAsUser: 4321, runAsGroup: 4321 } },
    ),
    pod('plain', 9000, { 'sidecar.istio.io/inject': 'false' }),
  );
}

function byKind(...resources: readonly AnyResource[]): ResourcesByKind {
  const all = Object.fromEntries(
    kindNames().map((kind) => [kind, new Map(resources.filter((one) => one.kind === kind).map((one) => [resourceKey(one.metadata), one]))]),
  );
  return all as unknown as ResourcesByKind; // filled for every kind, with resources of that kind only
}
