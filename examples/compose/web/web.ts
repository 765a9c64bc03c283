// A page that greets whoever the API knows.
import { createServer, request } from 'node:http';

const { API = 'http://api:4000', GREETING = 'Hello', PORT = '3000', HOST } = process.env;

createServer((_, response) => {
  nameOf()
    .then((name) => response.end(`${GREETING}, ${name}!\n`))
    .catch((error: unknown) => response.writeHead(502).end(`the API does not answer: ${String(error)}\n`));
}).listen(Number(PORT), HOST, () => console.log(`web listens on ${PORT}`));

process.on('SIGTERM', () => process.exit(0));

/** Through the proxy that the environment names, where there is one (loopback mode); else straight to the name. */
function nameOf(): Promise<string> {
  const way = process.env['http_proxy'];
  const { hostname, port } = new URL(way ?? API);
  const path = way === undefined ? '/' : `${API}/`;
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: hostname, port, path, headers: { host: new URL(API).host } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(`${answer.statusCode} ${text}`))));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
