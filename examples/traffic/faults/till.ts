// The till: asks the stock room for what it is asked for, waits one second for the answer, and says so where none comes.
import { createServer, get } from 'node:http';

const { HOST: host, PORT: port = '8080', STOCK_SERVICE_HOST: stockHost, STOCK_SERVICE_PORT: stockPort } = process.env;

/** How many there are, or why nobody knows. */
function ask(path: string, user: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { host: 'stock', 'x-user': user };
    const question = get({ host: stockHost, port: stockPort, path, headers, timeout: 1000, agent: false }, (answer) => {
      answer.setEncoding('utf8');
      let text = '';
      answer.on('data', (part) => {
        text += part;
      });
      answer.on('end', () => resolve(answer.statusCode === 200 ? `there are ${text}` : `the stock room answers ${answer.statusCode}`));
    });
    question.on('timeout', () => question.destroy(new Error('the stock room does not answer in time')));
    question.on('error', ({ message }) => resolve(message));
  });
}

const server = createServer((request, response) => {
  request.resume();
  if (request.url === '/ready') response.end('ready\n');
  else void ask(request.url ?? '/', String(request.headers['x-user'] ?? '')).then((text) => response.end(`${text}\n`));
});

server.listen(Number(port), host);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
