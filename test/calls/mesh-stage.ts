// Two sidecars of one mesh, each of either kind, with identities of its own: a client that calls a server, whose apps say what they were asked, and how
// the caller was known. Nothing is redirected, as in `heddle up`; endpoints are on 127.0.0.1.
import { createServer, Server as HttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { readText } from '#api/read-text.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { XdsResource } from '#envoy/resource.ts';
import { buildMesh } from '#model/build/mesh.ts';
import type { Mesh } from '#model/mesh.ts';
import { peerText } from '#model/peer-text.ts';
import type { LoopbackPorts, Proxy } from '#model/proxy.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import { IstioText } from '#telemetry/metrics/istio-text.ts';
import { type DataPlane, type LiveProxy, withLiveProxy } from '#test/calls/live-proxy.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

/** Service port → the container port behind it, and the port's name, which tells its protocol or leaves it to be found out. */
const servicePorts = {
  http: { name: 'http', number: 80, container: 8080 },
  tcp: { name: 'tcp', number: 90, container: 9000 },
  sniffedHttp: { name: 'any-a', number: 81, container: 8081 },
  sniffedTcp: { name: 'any-b', number: 82, container: 8082 },
  sniffedHttp2: { name: 'any-c', number: 83, container: 8083 },
  http2: { name: 'http2', number: 84, container: 8084 },
} as const;

export type PortName = keyof typeof servicePorts;

const portNames = Object.keys(servicePorts) as readonly PortName[]; // the keys of the literal above

/** Ports on 127.0.0.1: `call` where the client's sidecar listens for its app, `direct` where the server's does. */
export type Stage = {
  readonly call: Readonly<Record<PortName | 'mixed' | 'legacy', number>>;
  readonly direct: Readonly<Record<PortName, number>>;
  /** Istio's metrics, as both proxies print them. */
  readonly metrics: Readonly<Record<'client' | 'server', () => Promise<string>>> & {
    /** The client's, as its proxy prints them. */
    readonly raw: () => Promise<string>;
  };
};

/** `mesh`: MeshConfig. `policies`: what is added to the mesh, YAML. */
export type StageOptions = { readonly policies?: string; readonly mesh?: string };

export async function withStage(
  client: DataPlane,
  server: DataPlane,
  { policies = '', mesh = '' }: StageOptions,
  run: (stage: Stage) => Promise<void>,
) {
  await using apps = new Apps();
  const app = await apps.start();
  const count = portNames.length;
  const ports = await listenPorts(2 * count + 2);
  const direct = recordOf((_name, index) => ports[index] ?? 0);
  const call = { ...recordOf((_name, index) => ports[count + index] ?? 0), mixed: ports[2 * count] ?? 0, legacy: ports[2 * count + 1] ?? 0 };
  const built = build(`${meshYaml(direct, app.http, mesh)}\n---\n${policies}`);
  const compiler = new MeshCompiler(built);
  const inbound = Object.fromEntries(portNames.map((name) => [servicePorts[name].container, { listen: direct[name], app: app[name] }]));
  const outbound = Object.fromEntries([
    ...portNames.map((name) => [`web.shop.svc.cluster.local:${servicePorts[name].number}`, call[name]] as const),
    ['mixed.shop.svc.cluster.local:80', call.mixed] as const,
    ['legacy.shop.svc.cluster.local:80', call.legacy] as const,
  ]);
  const serving = compile(compiler, built, 'server', { address: '127.0.0.1', inbound, outbound: {} });
  const calling = compile(compiler, built, 'client', { address: '127.0.0.1', inbound: {}, outbound });
  const [clientName, serverName] = [nameOf(calling.proxy), nameOf(serving.proxy)];
  const serve = async (_source: unknown, served: LiveProxy): Promise<void> => {
    const ask = async (_own: unknown, caller: LiveProxy): Promise<void> => {
      await run({
        call,
        direct,
        metrics: { client: metricsOf(caller, clientName), server: metricsOf(served, serverName), raw: () => caller.admin('/stats/prometheus') },
      });
    };
    await withLiveProxy(client, calling.proxy.nodeId, calling.resources, ask, clientName);
  };
  await withLiveProxy(server, serving.proxy.nodeId, serving.resources, serve, serverName);
}

function nameOf({ name, namespace, labels }: Proxy): string {
  return peerText({ name, namespace, cluster: 'Kubernetes', labels });
}

function metricsOf({ admin }: LiveProxy, name: string): () => Promise<string> {
  const text = new IstioText(name, 'test');
  return async () => text.rewrite(await admin('/stats/prometheus?filter=^istio'));
}

function recordOf(make: (name: PortName, index: number) => number): Readonly<Record<PortName, number>> {
  // Every name is filled in.
  return Object.fromEntries(portNames.map((name, index) => [name, make(name, index)])) as Record<PortName, number>;
}

function build(text: string): Mesh {
  const { items, syntaxErrors } = readText('mesh.yaml', text);
  const errors = [...syntaxErrors, ...items.flatMap(({ diagnostics }) => diagnostics)].filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  return buildMesh(
    nextSnapshot(
      undefined,
      items.flatMap(({ resource }) => (resource === undefined ? [] : [resource])),
      [],
    ),
  );
}

function compile(compiler: MeshCompiler, mesh: Mesh, pod: string, ports: LoopbackPorts): { proxy: Proxy; resources: readonly XdsResource[] } {
  const workload = mesh.workloads.get(`shop/${pod}`);
  if (workload === undefined) throw new Error(`no pod ${pod}`);
  const proxy = proxyForWorkload(mesh, workload, { kind: 'none', ...ports });
  return { proxy, resources: [...compiler.compile(proxy).resources.values()].flatMap((ofType) => [...ofType.values()]) };
}

/** `plain` is a pod without a sidecar: endpoint of `legacy`, and beside the server of `mixed`. */
function meshYaml(direct: Readonly<Record<PortName, number>>, plainApp: number, settings: string): string {
  const ports = portNames.map((name) => ({ ...servicePorts[name], listen: direct[name] }));
  const list = (of: (port: (typeof ports)[number]) => string): string => `[${ports.map(of).join(', ')}]`;
  return `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data: { mesh: "{ accessLogFile: '', ${settings} }" }
---
apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop, labels: { app: client, security.istio.io/tlsMode: istio } }
spec: { containers: [{ name: app, image: app }] }
---
apiVersion: v1
kind: Pod
metadata:
  name: server
  namespace: shop
  labels: { app: server, security.istio.io/tlsMode: istio }
  annotations: { heddle.dev/local-ports: '${JSON.stringify(Object.fromEntries(ports.map(({ container, listen }) => [container, listen])))}' }
spec: { containers: [{ name: app, image: app, ports: ${list(({ container }) => `{ containerPort: ${container} }`)} }] }
---
apiVersion: v1
kind: Pod
metadata: { name: plain, namespace: shop, labels: { app: plain } }
spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.1, selector: { app: server }, ports: ${list(({ name, number, container }) => `{ name: ${name}, port: ${number}, targetPort: ${container} }`)} }
---
${slice(
  'web',
  'server',
  list(({ name, listen }) => `{ name: ${name}, port: ${listen} }`),
)}
---
apiVersion: v1
kind: Service
metadata: { name: mixed, namespace: shop }
spec: { clusterIP: 10.96.0.2, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
${slice('mixed', 'server', `[{ name: http, port: ${direct.http} }]`)}
---
${slice('mixed', 'plain', `[{ name: http, port: ${plainApp} }]`)}
---
apiVersion: v1
kind: Service
metadata: { name: legacy, namespace: shop }
spec: { clusterIP: 10.96.0.3, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
${slice('legacy', 'plain', `[{ name: http, port: ${plainApp} }]`)}
`;
}

function slice(service: string, pod: string, ports: string): string {
  return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${service}-${pod}, namespace: shop, labels: { kubernetes.io/service-name: ${service} } }
addressType: IPv4
ports: ${ports}
endpoints: [{ addresses: [127.0.0.1], targetRef: { kind: Pod, name: ${pod}, namespace: shop } }]`;
}

/** HTTP apps answer with the certificate that they were told of, apps for bytes with what they get. */
class Apps implements AsyncDisposable {
  readonly #servers: Server[] = [];

  async start(): Promise<Readonly<Record<PortName, number>>> {
    const [http, http2, tcp] = [
      await this.#listen(createServer(answer)),
      await this.#listen(createHttp2Server(answer)),
      await this.#listen(echoServer()),
    ];
    return { http, tcp, sniffedHttp: http, sniffedTcp: tcp, sniffedHttp2: http2, http2 };
  }

  async #listen(server: Server): Promise<number> {
    this.#servers.push(server);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    // A TCP server has a port.
    return (server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.close();
      if (server instanceof HttpServer) server.closeAllConnections();
    }
  }
}

type Asked = { readonly headers: { readonly [name: string]: string | string[] | undefined } };

function answer(request: Asked, response: { readonly end: (text: string) => unknown }): void {
  response.end(JSON.stringify({ xfcc: request.headers['x-forwarded-client-cert'] ?? '' }));
}

function echoServer(): Server {
  return createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
}
