// The admin API: JSON over HTTP, or HTTPS where the door is wider than this machine (door.ts judges every request). Views can be read; where there
// is a mesh that can be changed, verbs change it. `/debug/…` are istiod's names for the same things, for tools that know those.
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { NameQuestion } from '#admin/client/name-view.ts';
import type { MeshVerbs } from '#admin/client/verbs.ts';
import { type AdminDoor, doorFault, type Knock, refusalOf } from '#admin/door.ts';
import { serveUpgrades } from '#admin/upgrades.ts';
import { addVerbRoutes, verbPaths } from '#admin/verb-routes.ts';
import type { AdminViews, ProxyView } from '#admin/views.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type AdminServer = { readonly port: number; readonly close: () => Promise<void> };

/** `handle`: the object of Node that listens, as another process handed it over. */
export type ListeningSocket = { readonly handle: object; readonly port: number };

export type AdminOptions = {
  readonly views: AdminViews;
  readonly door: AdminDoor;
  /** A socket that listens already, to be accepted on in place of one of its own. */
  readonly socket?: ListeningSocket | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** What can be done with the mesh; without them there is nothing to change. */
  readonly verbs?: MeshVerbs | undefined;
};

/** Why there is no admin API: the door may not be opened like this, or the port could not be bound. */
export type AdminFailure =
  | { readonly kind: 'refused'; readonly reason: string; readonly hint: string }
  | { readonly kind: 'not bound'; readonly inUse: boolean; readonly reason: string };

const viewPaths = [
  '/status',
  '/proxies',
  '/config_dump?proxy=NAME.NAMESPACE',
  '/diagnostics',
  '/policies',
  '/dns?name=NAME&type=TYPE&workload=WORKLOAD&namespace=NAMESPACE',
  '/metrics',
  '/healthz',
  '/ready',
  '/debug/syncz',
  '/debug/config_dump?proxyID=ID',
];

export async function startAdminServer({ views, door, port, socket, verbs }: AdminOptions): Promise<Result<AdminServer, AdminFailure>> {
  const fault = doorFault(door);
  if (fault !== undefined) return failed({ kind: 'refused', ...fault });
  let server: FastifyInstance<Server>;
  try {
    server = guardedServer(door);
  } catch (error) {
    const hint = 'the certificate and its key must be PEM and belong together';
    return failed({ kind: 'refused', reason: `TLS cannot be set up: ${messageOf(error)}`, hint });
  }
  addRoutes(server, views, verbs === undefined ? viewPaths : [...viewPaths, ...verbPaths]);
  let endUpgrades = (): void => {};
  if (verbs !== undefined) {
    addVerbRoutes(server, verbs);
    endUpgrades = serveUpgrades(server.server, { verbs, refusal: (request) => refusalOf(knockOf(request), door) });
  }
  try {
    if (socket === undefined) await server.listen({ host: door.address, port });
    else await listenOn(server, socket);
  } catch (error) {
    await server.close();
    const reason = messageOf(error);
    return failed({ kind: 'not bound', inUse: reason.includes('EADDRINUSE'), reason });
  }
  const bound = server.server.address();
  const close = async (): Promise<void> => {
    endUpgrades();
    if (socket !== undefined) endListening(server);
    await server.close();
  };
  return ok({ port: typeof bound === 'object' && bound !== null ? bound.port : port, close });
}

/** Fastify has no word for it: it opens its own sockets. */
async function listenOn(server: FastifyInstance<Server>, { handle }: ListeningSocket): Promise<void> {
  await server.ready();
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject).listen(handle, resolve);
  });
}

/** What it did not open itself it does not close. */
function endListening({ server }: FastifyInstance<Server>): void {
  server.close();
  server.closeAllConnections();
}

/** A server without routes that judges every request at the door, also those of paths that it does not have. Throws on unusable PEM. */
export function guardedServer(door: AdminDoor): FastifyInstance<Server> {
  // Connections that a browser keeps open must not hold up the end of the program. Nothing is logged: not even by mistake a header.
  const server = Fastify({ forceCloseConnections: true, logger: false, https: tlsOptions(door) });
  server.addHook('onRequest', async (request, reply) => {
    // JSON for those who ask for it: never a script, a frame or a stored copy of somebody else's page.
    reply.headers(safeHeaders);
    const refusal = refusalOf(knockOf(request.raw), door);
    if (refusal === undefined) return undefined;
    const { status, ...said } = refusal;
    if (status === 401 && door.token !== undefined) reply.header('www-authenticate', 'Bearer realm="heddle"');
    return pretty(reply.code(status), said);
  });
  return server;
}

const safeHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Who brings no certificate is judged by request, not by handshake: a token will do, where there is one. */
function tlsOptions({ tls }: AdminDoor) {
  if (tls === undefined) return null;
  const callers = tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false };
  return { cert: tls.certificate, key: tls.key.reveal(), minVersion: 'TLSv1.2', ...callers } as const;
}

function knockOf({ method = '', url = '', headers, socket }: IncomingMessage): Knock {
  const fetchSite = headers['sec-fetch-site'];
  return {
    method,
    path: url.split('?', 1)[0] ?? '',
    host: headers.host,
    origin: headers.origin,
    fetchSite: Array.isArray(fetchSite) ? fetchSite.join() : fetchSite,
    authorization: headers.authorization,
    hasClientCertificate: socket instanceof TLSSocket && socket.authorized,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function addRoutes(server: FastifyInstance<Server>, views: AdminViews, paths: readonly string[]): void {
  server.get('/', async (_request, reply) => pretty(reply, { paths }));
  server.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  server.get('/ready', async (_request, reply) => reply.type('text/plain').send('ready\n'));
  server.get('/status', async (_request, reply) => pretty(reply, views.status()));
  server.get('/proxies', async (_request, reply) => pretty(reply, views.proxies()));
  server.get('/diagnostics', async (_request, reply) => pretty(reply, views.diagnostics()));
  server.get('/metrics', async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(views.metrics()));
  server.get('/policies', async (_request, reply) => pretty(reply, views.policies()));
  server.get<{ Querystring: { proxy?: string } }>('/config_dump', async ({ query }, reply) => dump(views, query.proxy, 'proxy', reply));
  server.get<{ Querystring: Partial<NameQuestion> }>('/dns', async ({ query }, reply) => name(views, query, reply));
  server.get('/debug/syncz', async (_request, reply) => pretty(reply, views.proxies().map(syncz)));
  server.get<{ Querystring: { proxyID?: string } }>('/debug/config_dump', async ({ query }, reply) => dump(views, query.proxyID, 'proxyID', reply));
  server.setNotFoundHandler((_request, reply) => pretty(reply.code(404), { error: 'no such path', paths }));
}

function dump(views: AdminViews, proxy: string | undefined, parameter: string, reply: FastifyReply): FastifyReply {
  const known = views.proxies().map(({ name }) => name);
  if (proxy === undefined || proxy === '') return pretty(reply.code(400), { error: `say which proxy: ?${parameter}=NAME.NAMESPACE`, proxies: known });
  const found = views.configDump(proxy);
  if (found === undefined) return pretty(reply.code(404), { error: `no proxy ${proxy} is connected`, proxies: known });
  return pretty(reply, found);
}

function name(views: AdminViews, { name, type = 'A', workload, namespace = 'default' }: Partial<NameQuestion>, reply: FastifyReply): FastifyReply {
  if (name === undefined || workload === undefined)
    return pretty(reply.code(400), { error: 'say which name, and who asks: ?name=NAME&workload=WORKLOAD' });
  const report = views.names({ name, type, workload, namespace });
  return report.ok ? pretty(reply, report.value) : pretty(reply.code(404), { error: report.error });
}

/** For people with curl as much as for programs. */
function pretty(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.type('application/json').send(`${JSON.stringify(value, null, 2)}\n`);
}

/** istiod's pilot/pkg/xds SyncStatus: a version sent and a version acknowledged per type. */
function syncz({ nodeId, types }: ProxyView): Readonly<Record<string, string>> {
  const of = (type: string) => types.find((view) => view.type === type);
  const pair = (name: string, type: string) => ({ [`${name}_sent`]: of(type)?.sentVersion ?? '', [`${name}_acked`]: of(type)?.ackedVersion ?? '' });
  return {
    proxy: nodeId,
    ...pair('cluster', 'Cluster'),
    ...pair('listener', 'Listener'),
    ...pair('route', 'RouteConfiguration'),
    ...pair('endpoint', 'ClusterLoadAssignment'),
  };
}
