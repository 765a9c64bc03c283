// What stands behind the gateway here: with MODE=http a page that says who it is, on 8080; with MODE=tcp a line-by-line echo, on 9000.
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';

const { MODE = 'http', NAME = 'nobody', HOST } = process.env;
const { PORT = MODE === 'tcp' ? '9000' : '8080' } = process.env;

const http = createHttpServer((request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end(`${NAME} ${request.url}\n`);
});
const tcp = createTcpServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (line) => socket.write(`${NAME}: ${line.toString()}`));
});

(MODE === 'tcp' ? tcp : http).listen(Number(PORT), HOST);
process.once('SIGTERM', () => process.exit(0));
