// Both apps of the example. ROLE=front asks the shop and passes its answer on. ROLE=shop answers with its region, and with 500 between /break
// and /heal.
import { createServer, get } from 'node:http';

const { ROLE: role = 'shop', REGION: region = 'nowhere', HOST: host, PORT: port = '8080' } = process.env;
const shop = `http://${process.env['SHOP_SERVICE_HOST'] ?? 'shop'}:${process.env['SHOP_SERVICE_PORT'] ?? '80'}/`;
let broken = false;

const server = createServer((request, response) => {
  const path = request.url ?? '/';
  request.resume();
  if (path === '/ready') {
    response.end('ready\n');
  } else if (role === 'front') {
    get(shop, { headers: { host: 'shop' } }, (answer) => {
      response.writeHead(answer.statusCode ?? 500);
      answer.pipe(response);
    }).on('error', (error) => response.writeHead(502).end(`${error.message}\n`));
  } else if (path === '/break' || path === '/heal') {
    broken = path === '/break';
    response.end(`the shop in ${region} is ${broken ? 'broken' : 'well'}\n`);
  } else {
    response.writeHead(broken ? 500 : 200).end(broken ? `no luck in ${region}\n` : `sold in ${region}\n`);
  }
});

server.listen(Number(port), host);
process.on('SIGTERM', () => server.close(() => process.exit(0)).closeIdleConnections());
