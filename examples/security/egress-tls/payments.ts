// The program outside the mesh, with no sidecar beside it: speaks TLS only, with the certificate that certificates.sh has made.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const read = (name: string): Buffer => readFileSync(new URL(`certificates/${name}`, import.meta.url));

const server = createServer({ cert: read('outside.crt'), key: read('outside.key') }, (request, response) => {
  response.end(`payments: ${request.url} for ${request.headers.host}, over ${'encrypted' in request.socket ? 'TLS' : 'plain TCP'}\n`);
});

server.listen(Number(process.env['PORT'] ?? 9943), process.env['HOST'], () => console.log('payments listens'));
process.on('SIGTERM', () => server.close(() => process.exit(0)).closeIdleConnections());
