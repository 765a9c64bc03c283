// An issuer of tokens, as small as can be: a key that lives as long as it does, /jwks with its public half, and /token, which believes whatever it is
// told. A real one asks who you are first.
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';

const { PORT = '8080', HOST } = process.env;
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'first', use: 'sig', alg: 'ES256' }] };

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWT (RFC 7519) for an hour, signed as RFC 7518 says for ES256. */
function token(subject: string, groups: readonly string[], audience: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'https://issuer.example.com', sub: subject, aud: audience, iat: now, exp: now + 3600, groups };
  const text = `${encode({ alg: 'ES256', kid: 'first', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://issuer');
  if (pathname === '/jwks') response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(jwks));
  else if (pathname === '/token')
    response.end(token(searchParams.get('user') ?? 'nobody', searchParams.getAll('group'), searchParams.get('audience') ?? 'shop'));
  else response.writeHead(404).end();
});

server.listen(Number(PORT), HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
