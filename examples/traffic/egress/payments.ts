// The program outside the mesh: no sidecar stands beside it. Says what reached it.
import { createServer } from 'node:http';

const { PORT: port = '9901', HOST: host } = process.env;

const server = createServer((request, response) => {
  const via = request.headers['x-left-through'] ?? 'no gateway';
  response.end(`payments: ${request.url} for ${request.headers.host}, through ${String(via)}\n`);
});

server.listen(Number(port), host, () => console.log(`payments listens on ${port}`));
process.on('SIGTERM', () => server.close(() => process.exit(0)).closeIdleConnections());
