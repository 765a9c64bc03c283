// A cart that is kept in memory: each request adds one thing, the answer says how many there are, and in which replica.
import { createServer } from 'node:http';

const { HOSTNAME: name = 'cart', HOST: host, PORT: port = '8080' } = process.env;
let things = 0;

const server = createServer((request, response) => {
  request.resume();
  if (request.url === '/ready') {
    response.end('ready\n');
    return;
  }
  things++;
  response.end(`${name} holds ${things}\n`);
});

server.listen(Number(port), host);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
