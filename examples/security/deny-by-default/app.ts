// An app of the example: says its name, the path, and who the mesh says is calling. `/call/<host>/<path>` asks that host, as any program would that
// knows nothing of a mesh.
import { createServer } from 'node:http';

const { NAME = 'nobody', PORT = '8080', HOST } = process.env;

const server = createServer((request, response) => {
  const [, host, path = '/'] = /^\/call\/([^/]+)(\/.*)?$/.exec(request.url ?? '/') ?? [];
  if (host === undefined) {
    // x-forwarded-client-cert is written by the sidecar: an app behind STRICT mutual TLS may believe it.
    const caller = /URI=([^;,]+)(?!.*URI=)/.exec(String(request.headers['x-forwarded-client-cert']))?.[1] ?? 'nobody known';
    response.end(`${NAME}: ${request.method} ${request.url} from ${caller}\n`);
    return;
  }
  fetch(`http://${host}${path}`, { method: request.method ?? 'GET' })
    .then(async (answer) => {
      const body = await answer.text();
      response.writeHead(answer.status).end(body.endsWith('\n') ? body : `${body}\n`);
    })
    .catch((error: unknown) => {
      response.writeHead(502).end(`${NAME}: ${host} cannot be reached: ${String(error)}\n`);
    });
});

server.listen(Number(PORT), HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
