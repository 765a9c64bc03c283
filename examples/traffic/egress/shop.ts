// The app of the mesh: /call/<host>/<path> asks that host over plain HTTP, as any program would that knows nothing of a mesh.
import { createServer } from 'node:http';

const port = Number(process.env['PORT'] ?? 8080);

const server = createServer((request, response) => {
  const [, host, path = '/'] = /^\/call\/([^/]+)(\/.*)?$/.exec(request.url ?? '/') ?? [];
  if (host === undefined) {
    response.end('shop\n');
    return;
  }
  fetch(`http://${host}${path}`)
    .then(async (answer) => {
      response.writeHead(answer.status).end(await answer.text());
    })
    .catch((error: unknown) => {
      response.writeHead(502).end(`shop: ${host} cannot be reached: ${String(error)}\n`);
    });
});

server.listen(port, process.env['HOST'], () => console.log(`shop listens on ${port}`));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
