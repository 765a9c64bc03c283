// The admin API: read-only JSON over HTTP, on a loopback address unless the user asks for more. `/debug/…` are istiod's names for the
// same things, for tools that know those.
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { AdminViews, ProxyView } from '#admin/views.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type AdminServer = { readonly port: number; readonly close: () => Promise<void> };

export type AdminOptions = { readonly views: AdminViews; readonly address: string /** 0 takes a free one. */; readonly port: number };

/** Why the port could not be bound. */
export type AdminBindFailure = { readonly inUse: boolean; readonly reason: string };

const paths = [
  '/status',
  '/proxies',
  '/config_dump?proxy=NAME.NAMESPACE',
  '/diagnostics',
  '/healthz',
  '/ready',
  '/debug/syncz',
  '/debug/config_dump?proxyID=ID',
];

export async function startAdminServer({ views, address, port }: AdminOptions): Promise<Result<AdminServer, AdminBindFailure>> {
  const server = adminRoutes(views);
  try {
    await server.listen({ host: address, port });
  } catch (error) {
    await server.close();
    const reason = error instanceof Error ? error.message : String(error);
    return failed({ inUse: reason.includes('EADDRINUSE'), reason });
  }
  const bound = server.server.address();
  return ok({ port: typeof bound === 'object' && bound !== null ? bound.port : port, close: async () => server.close() });
}

function adminRoutes(views: AdminViews): FastifyInstance {
  // Connections that a browser keeps open must not hold up the end of the program.
  const server = Fastify({ forceCloseConnections: true });
  server.get('/', async (_request, reply) => pretty(reply, { paths }));
  server.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  server.get('/ready', async (_request, reply) => reply.type('text/plain').send('ready\n'));
  server.get('/status', async (_request, reply) => pretty(reply, views.status()));
  server.get('/proxies', async (_request, reply) => pretty(reply, views.proxies()));
  server.get('/diagnostics', async (_request, reply) => pretty(reply, views.diagnostics()));
  server.get<{ Querystring: { proxy?: string } }>('/config_dump', async ({ query }, reply) => dump(views, query.proxy, 'proxy', reply));
  server.get('/debug/syncz', async (_request, reply) => pretty(reply, views.proxies().map(syncz)));
  server.get<{ Querystring: { proxyID?: string } }>('/debug/config_dump', async ({ query }, reply) => dump(views, query.proxyID, 'proxyID', reply));
  server.setNotFoundHandler((_request, reply) => pretty(reply.code(404), { error: 'no such path', paths }));
  return server;
}

function dump(views: AdminViews, proxy: string | undefined, parameter: string, reply: FastifyReply): FastifyReply {
  const known = views.proxies().map(({ name }) => name);
  if (proxy === undefined || proxy === '') return pretty(reply.code(400), { error: `say which proxy: ?${parameter}=NAME.NAMESPACE`, proxies: known });
  const found = views.configDump(proxy);
  if (found === undefined) return pretty(reply.code(404), { error: `no proxy ${proxy} is connected`, proxies: known });
  return pretty(reply, found);
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
