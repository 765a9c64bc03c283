// The tables of this folder on a live proxy: every case has listeners of its own in one proxy, in front of one app that answers HTTP and one that
// sends bytes back. Callers with an identity come with a certificate of the test's authority.
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { clone, isMessage } from '@bufbuild/protobuf';
import type { SecretText } from '#base/secret-text.ts';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import {
  headersOf,
  identityOf,
  ports,
  requestOf,
  stageHost,
  stageMesh,
  stageProxy,
  type TableCall,
  type TableCase,
} from '#test/authorization/stage.ts';
import { httpCall } from '#test/support/http-call.ts';
import { testAuthority } from '#test/support/identity.ts';
import { listenPorts } from '#test/support/listen-ports.ts';

/** Where the listeners of a case are. */
export type LiveCase = { readonly tableCase: TableCase; readonly http: number; readonly bytes: number };

export type LiveStage = AsyncDisposable & {
  readonly nodeId: string;
  readonly resources: readonly XdsResource[];
  readonly cases: readonly LiveCase[];
};

export async function liveStage(tables: readonly TableCase[]): Promise<LiveStage> {
  // Until all is made: what was started is closed where something throws, or the test would never end.
  await using started = new AsyncDisposableStack();
  const apps = { http: await startHttpApp(), bytes: await startByteApp() };
  started.defer(async () => void (await Promise.all([apps.http.close(), apps.bytes.close()])));
  const free = await listenPorts(tables.length * 2);
  const resources = new Map<string, XdsResource>();
  const cases: LiveCase[] = [];
  let nodeId = '';
  for (const [index, tableCase] of tables.entries()) {
    const [http = 0, bytes = 0] = free.slice(index * 2);
    const inbound = { [ports.http]: { listen: http, app: apps.http.port }, [ports.bytes]: { listen: bytes, app: apps.bytes.port } };
    const made = stageProxy(stageMesh(tableCase), { kind: 'none', address: '127.0.0.1', inbound, outbound: {} });
    nodeId = made.proxy.nodeId;
    for (const ofType of made.resources.values()) {
      for (const resource of ofType.values()) {
        const own = isMessage(resource.message, ListenerSchema) ? renamed(resource, `${index} ${resource.name}`) : resource;
        resources.set(`${own.typeUrl} ${own.name}`, own);
      }
    }
    cases.push({ tableCase, http, bytes });
  }
  const whole = started.move();
  return { nodeId, resources: [...resources.values()], cases, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

function renamed({ message, name }: XdsResource, to: string): XdsResource {
  if (!isMessage(message, ListenerSchema)) throw new Error(`${name} is no listener`);
  const listener = clone(ListenerSchema, message);
  listener.name = to;
  listener.accessLog = [];
  return new XdsResource(typeUrls.listener, to, ListenerSchema, listener);
}

/** A caller at this machine's address, and with a name of the mesh's own trust domains: nobody else could come here. */
export function canBeLive({ mesh = {} }: TableCase, call: TableCall): boolean {
  const written = mesh['trustDomainAliases'];
  const aliases: readonly unknown[] = Array.isArray(written) ? written : [];
  const domains: readonly unknown[] = [mesh['trustDomain'] ?? 'cluster.local', ...aliases];
  const domain = identityOf(call)?.slice('spiffe://'.length).split('/')[0];
  return call.from === undefined && (domain === undefined || domains.includes(domain));
}

/** Whether the call gets through; anything but the app's answer and a refusal by rules is an error. */
export async function tryLive({ http, bytes }: LiveCase, call: TableCall): Promise<boolean> {
  const request = requestOf(call);
  const credentials = await credentialsOf(call);
  if (request === undefined) return echoes(bytes, credentials);
  const headers = headersOf(call);
  const { status, body } =
    credentials === undefined ? await httpCall({ port: http, ...request, headers }) : await secureCall(http, request, headers, credentials);
  if (status === 200 && body === 'app') return true;
  if (status === 403) return false;
  throw new Error(`status ${status}: ${body}`);
}

type Credentials = { readonly chain: string; readonly key: SecretText };

async function credentialsOf(call: TableCall): Promise<Credentials | undefined> {
  const identity = identityOf(call);
  return identity === undefined ? undefined : (await testAuthority()).issue([{ type: 'url', value: identity }]);
}

function tlsOptions({ chain, key }: Credentials, names: readonly string[]) {
  // The server's certificate is not what is asked about here.
  return { cert: chain, key: key.reveal(), rejectUnauthorized: false, ALPNProtocols: [...names], servername: `outbound_.80_._.${stageHost}` };
}

async function secureCall(
  port: number,
  { method, path }: { readonly method: string; readonly path: string },
  headers: Readonly<Record<string, string>>,
  credentials: Credentials,
): Promise<{ readonly status: number; readonly body: string }> {
  const outgoing = httpsRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers,
    agent: false,
    ...tlsOptions(credentials, ['istio-http/1.1', 'istio', 'http/1.1']),
    signal: AbortSignal.timeout(10_000),
  });
  outgoing.end();
  // What the event is emitted with.
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { status: answer.statusCode ?? 0, body };
}

async function echoes(port: number, credentials: Credentials | undefined): Promise<boolean> {
  const socket: Socket =
    credentials === undefined ? connect({ port, host: '127.0.0.1' }) : connectTls({ port, host: '127.0.0.1', ...tlsOptions(credentials, ['istio']) });
  try {
    return await new Promise<boolean>((resolve, reject) => {
      socket.setTimeout(10_000, () => reject(new Error('nothing came back, and nobody closed')));
      socket.once('data', () => resolve(true));
      socket.once('close', () => resolve(false));
      // Refused by a reset.
      socket.once('error', () => resolve(false));
      // Enough for whoever looks whether it is TLS.
      socket.write('bytes, and no TLS');
    });
  } finally {
    socket.destroy();
  }
}

type App = { readonly port: number; readonly close: () => Promise<void> };

async function startHttpApp(): Promise<App> {
  return started(createHttpServer((_request, response) => response.end('app')));
}

async function startByteApp(): Promise<App> {
  return started(createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket)));
}

async function started(server: Server): Promise<App> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has an address in numbers.
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port, close };
}
