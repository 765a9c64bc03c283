// What the four servers have in common: a list of routes, a health page, JSON answers, a clean end on SIGTERM.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** Answers one request. `path` is without the query; `id` is what the route's `:id` stood for. */
export type Handler = (exchange: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly id: string;
}) => Promise<void> | void;

/** Serves `GET /health` and the routes: `/reviews/:id` matches one more path segment. Listens on HOST and PORT (9080 unless set). */
export function serve(name: string, routes: Readonly<Record<string, Handler>>): void {
  const all: Readonly<Record<string, Handler>> = {
    '/health': ({ response }) => sendJson(response, 200, { status: `${name} is healthy` }),
    ...routes,
  };
  const server = createServer((request, response) => {
    request.resume();
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    for (const [route, handler] of Object.entries(all)) {
      const id = matchRoute(route, path);
      if (id === undefined) continue;
      Promise.resolve(handler({ request, response, id })).catch((error: unknown) => {
        console.error(`${name} failed at ${path}`, error);
        if (!response.headersSent) sendJson(response, 500, { error: `${name} failed` });
      });
      return;
    }
    sendJson(response, 404, { error: `${name} has no ${path}` });
  });
  // Node would close what is idle for 5 s, perhaps just when its sidecar sends the next request over it: that would be a 503 (UC). Let callers close.
  server.keepAliveTimeout = 0;
  const port = Number(process.env['PORT'] ?? 9080);
  server.listen(port, process.env['HOST'], () => console.log(`${name} listens on ${port}`));
  process.on('SIGTERM', () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

export function sendHtml(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' });
  response.end(body);
}

/** What `:id` stood for ('' for a route without one), or nothing where the path is another. */
function matchRoute(route: string, path: string): string | undefined {
  const wanted = route.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  let id = '';
  for (const [index, part] of wanted.entries()) {
    const actual = given[index] ?? '';
    if (part === ':id') id = actual;
    else if (part !== actual) return undefined;
  }
  return id;
}
