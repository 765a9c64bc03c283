// The example's application: says which version and which pod answered. Listens on HOST and PORT (everywhere, 8080, unless set),
// answers its probes on /ready and /live, and on SIGTERM finishes what it has begun.
import { createServer } from 'node:http';

const version = process.env['VERSION'] ?? 'v1';
const pod = process.env['HOSTNAME'] ?? 'unknown';
const port = Number(process.env['PORT'] ?? 8080);
let stopping = false;

const server = createServer((request, response) => {
  const path = (request.url ?? '/').split('?')[0];
  request.resume();
  if (path === '/ready') {
    response.writeHead(stopping ? 503 : 200).end(stopping ? 'stopping\n' : 'ready\n');
  } else if (path === '/live') {
    response.writeHead(200).end('alive\n');
  } else {
    response.writeHead(200, { 'content-type': 'text/plain', 'x-version': version });
    response.end(`hello from ${version} (${pod})\n`);
  }
});

// Callers close what is idle: a server that does may be sent a request at that moment, which comes to nothing.
server.keepAliveTimeout = 0;
server.listen(port, process.env['HOST'], () => console.log(`hello ${version} listens on ${port}`));

process.on('SIGTERM', () => {
  stopping = true;
  console.log(`hello ${version} stops`);
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
