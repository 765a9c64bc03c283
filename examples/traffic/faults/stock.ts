// The stock room: there are always seven of everything.
import { createServer } from 'node:http';

const { HOST: host, PORT: port = '8080' } = process.env;

const server = createServer((request, response) => {
  request.resume();
  response.end(request.url === '/ready' ? 'ready\n' : '7');
});

server.listen(Number(port), host);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
