// The authoriser: a plain HTTP server that the sidecar asks about each request before it goes on. 200 lets it pass, with a header for the app;
// anything else is the caller's answer.
import { createServer } from 'node:http';

const { PORT = '8080', HOST } = process.env;

const server = createServer((request, response) => {
  const user = request.headers['x-user'];
  if (user === 'alice') response.writeHead(200, { 'x-approved-for': user }).end();
  else response.writeHead(403, { 'x-why': 'only alice' }).end(`${String(user ?? 'a stranger')} may not see ${request.url}\n`);
});

server.listen(Number(PORT), HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
