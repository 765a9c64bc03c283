import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type Dial, downloadKeys, type KeyAddress } from '#app/key-download.ts';
import { startAuthority } from '#test/support/certificates.ts';
import { jwksOf, namedKey } from '#test/support/token-signer.ts';

const keys = jwksOf(namedKey('a'));

async function withServer(listener: RequestListener, run: (base: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    await run(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
}

function answering(pages: Readonly<Record<string, string | number | (() => string)>>): RequestListener {
  return ({ url = '' }, response) => {
    const page = pages[url] ?? 404;
    if (typeof page === 'number') response.writeHead(page).end();
    else if (typeof page === 'string' && page.startsWith('->')) response.writeHead(302, { location: page.slice(2) }).end();
    else response.end(typeof page === 'function' ? page() : page);
  };
}

const never = new AbortController().signal;
const at = (uri: string): KeyAddress => ({ kind: 'uri', uri });

test('keys are had by one GET, or by way of the configuration of the issuer', async () => {
  let own = '';
  const pages = { '/keys': keys, '/i/.well-known/openid-configuration': () => JSON.stringify({ issuer: own, jwks_uri: `${own}/keys` }) };
  await withServer(answering(pages), async (base) => {
    own = base;
    assert.deepEqual(await downloadKeys(at(`${base}/keys`), { signal: never }), { ok: true, value: keys });
    for (const issuer of [`${base}/i`, `${base}/i/`]) {
      assert.deepEqual(await downloadKeys({ kind: 'discovery', issuer }, { signal: never }), { ok: true, value: keys });
    }
  });
});

test('a host that only somebody else can reach is reached by way of him, with TLS as without', async () => {
  const asked: string[] = [];
  await withServer(answering({ '/keys': keys }), async (base) => {
    const dial: Dial = async (host, port) => {
      asked.push(`${host}:${port}`);
      const socket = connect(Number(new URL(base).port), '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };
    assert.deepEqual(await downloadKeys(at('http://keys.example.com/keys'), { signal: never, dial }), { ok: true, value: keys });
    const located = { locate: () => ({ address: '127.0.0.1', port: Number(new URL(base).port) }) };
    assert.equal((await downloadKeys(at('http://keys.shop/keys'), { signal: never, dial, ...located })).ok, true);
  });
  assert.deepEqual(asked, ['keys.example.com:80']);
  const refusing: Dial = async () => Promise.reject(new Error('nothing may leave the mesh'));
  const refused = await downloadKeys(at('https://keys.example.com/keys'), { signal: never, dial: refusing });
  assert.deepEqual(refused, { ok: false, error: 'https://keys.example.com/keys: nothing may leave the mesh' });
});

test('private keys that somebody shows to all are not handed on', async () => {
  const secret = namedKey('a').secret;
  if (Buffer.isBuffer(secret)) throw new Error('an elliptic key is no secret');
  const whole = { ...secret.export({ format: 'jwk' }), kid: 'a' };
  await withServer(answering({ '/keys': JSON.stringify({ keys: [whole] }) }), async (base) => {
    const result = await downloadKeys(at(`${base}/keys`), { signal: never });
    assert.ok(result.ok);
    const { d: _d, ...shown } = whole as Record<string, unknown>;
    assert.deepEqual(JSON.parse(result.value), { keys: [shown] });
  });
});

test('a redirect is followed, and not for ever', async () => {
  const pages = { '/a': '->/b', '/b': '->c', '/c': keys, '/round': '->/round', '/out': '->ftp://127.0.0.1/keys', '/bad': '->http://' };
  await withServer(answering(pages), async (base) => {
    assert.equal((await downloadKeys(at(`${base}/a`), { signal: never })).ok, true);
    const failures = await Promise.all(['round', 'out', 'bad'].map((page) => downloadKeys(at(`${base}/${page}`), { signal: never })));
    assert.deepEqual(
      failures.map((failure) => failure.ok || failure.error.replace(base, '')),
      ['/round leads on and on', '/out leads to ftp://127.0.0.1/keys, which is not followed', '/bad leads to http://, which is not followed'],
    );
  });
});

test('over TLS whoever answers must be who was asked, and does not lead to where nobody is', async () => {
  await using authority = await startAuthority();
  const { certificate, key } = await authority.issue('keys', ['DNS:keys.example.com']);
  const pages = { '/keys': keys, '/out': '->http://127.0.0.1:1/keys' };
  const server = createTlsServer({ cert: certificate, key }, answering(pages));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const locate = () => ({ address: '127.0.0.1', port });
    const trusting = { signal: never, roots: [authority.ca], locate };
    assert.deepEqual(await downloadKeys(at('https://keys.example.com/keys'), trusting), { ok: true, value: keys });
    const dial: Dial = async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };
    const dialling = { signal: never, roots: [authority.ca], dial };
    assert.deepEqual(await downloadKeys(at('https://keys.example.com/keys'), dialling), { ok: true, value: keys });
    assert.equal((await downloadKeys(at('https://other.example.com/keys'), dialling)).ok, false);
    const others = [
      await downloadKeys(at('https://keys.example.com/keys'), { signal: never, locate }),
      await downloadKeys(at('https://other.example.com/keys'), trusting),
      await downloadKeys(at('https://keys.example.com/out'), trusting),
    ];
    const reasons = others.map((result) => (result.ok ? 'taken' : result.error));
    assert.match(reasons[0] ?? '', /certificate/);
    assert.match(reasons[1] ?? '', /does not match certificate|altnames/i);
    assert.match(reasons[2] ?? '', /which is not followed/);
    await withServer(answering({ '/moved': '->https://keys.example.com/keys' }), async (base) => {
      const locateKeys = (hostname: string) => (hostname === 'keys.example.com' ? { address: '127.0.0.1', port } : undefined);
      assert.deepEqual(await downloadKeys(at(`${base}/moved`), { ...trusting, locate: locateKeys }), { ok: true, value: keys });
    });
  } finally {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
});

const refused: readonly (readonly [name: string, page: string | number | (() => string), reason: RegExp])[] = [
  ['an error', 500, /answers with 500/],
  ['a page that is no key set', '<html>login</html>', /something that is no key set/],
  ['a secret of the machine, say', '{"password":"x"}', /something that is no key set/],
  ['an empty set', '{"keys":[]}', /something that is no key set/],
  ['a set of broken keys', '{"keys":[{"kty":"RSA","n":"AQAB"},{"kty":"EC"},7]}', /something that is no key set/],
  ['a name twice', `{"keys":[],${keys.slice(1)}`, /something that is no key set/],
  ['more than anybody has keys', () => ' '.repeat(1_100_000), /more than 1048576 bytes/],
];

for (const [name, page, reason] of refused) {
  test(`${name} is not taken for keys`, async () => {
    await withServer(answering({ '/keys': page }), async (base) => {
      const result = await downloadKeys(at(`${base}/keys`), { signal: never });
      assert.ok(!result.ok);
      assert.match(result.error, reason);
    });
  });
}

test('who does not answer is not waited for', async () => {
  const abort = new AbortController();
  const hangs: RequestListener = () => abort.abort();
  await withServer(hangs, async (base) => {
    const result = await downloadKeys(at(`${base}/keys`), { signal: abort.signal });
    assert.ok(!result.ok);
    assert.match(result.error, /no answer in time/);
  });
});

test('who is not there, and what is no address, are failures in words', async () => {
  const results = await Promise.all(
    ['http://127.0.0.1:1/keys', 'file:///etc/passwd', 'nonsense'].map((uri) => downloadKeys(at(uri), { signal: never })),
  );
  assert.deepEqual(
    results.map((result) => result.ok),
    [false, false, false],
  );
  const discovered = await downloadKeys({ kind: 'discovery', issuer: 'http://127.0.0.1:1' }, { signal: never });
  assert.ok(!discovered.ok);
});
