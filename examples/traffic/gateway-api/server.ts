// A page that says who answers. `/ask` asks the cart, as the app of a mesh does: through its sidecar, by the service's name.
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';

const { NAME = 'nobody', PORT = '8080', HOST, HTTP_PROXY } = process.env;
const cart = 'http://cart.shop/';

const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/plain');
  if (request.url !== '/ask') {
    response.end(`${NAME} ${request.url}\n`);
    return;
  }
  ask(request)
    .then((answer) => response.end(`${NAME} asked: ${answer}`))
    .catch((error: Error) => {
      response.statusCode = 502;
      response.end(`${NAME} got no answer: ${error.message}\n`);
    });
});

/** The answer of the cart to the same caller: what it wants to try goes along. */
function ask({ headers }: IncomingMessage): Promise<string> {
  const beta = headers['x-beta'];
  const proxy = HTTP_PROXY === undefined ? undefined : new URL(HTTP_PROXY);
  const target = proxy ?? new URL(cart);
  return new Promise((resolve, reject) => {
    const options = {
      host: target.hostname,
      port: target.port === '' ? 80 : Number(target.port),
      path: proxy === undefined ? '/' : cart,
      headers: { host: 'cart.shop', ...(beta !== undefined && { 'x-beta': String(beta) }) },
    };
    const asked = httpRequest(options, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => resolve(text === '' ? `${answer.statusCode}\n` : text));
    });
    asked.on('error', reject);
    asked.end();
  });
}

server.listen(Number(PORT), HOST);
process.once('SIGTERM', () => process.exit(0));
