// A menu with one dish on it. Says in its log what it was asked, and under which host: that of a copy ends in "-shadow".
import { createServer } from 'node:http';

const { DISH: dish = 'soup', HOST: host, PORT: port = '8080' } = process.env;

const server = createServer((request, response) => {
  request.resume();
  if (request.url === '/ready') {
    response.end('ready\n');
    return;
  }
  console.log(`${request.method} ${request.url} for ${request.headers.host}`);
  response.end(`${dish}\n`);
});

server.listen(Number(port), host);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
