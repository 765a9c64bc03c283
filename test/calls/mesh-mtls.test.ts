// Mutual TLS of the mesh as users have it: what policies and rules say, compiled, between two sidecars of every pair of kinds. What is seen is what the
// app behind the server learns of its caller, and who is not let in.
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { DataPlane } from '#test/calls/live-proxy.ts';
import { type Stage, type StageOptions, withStage } from '#test/calls/mesh-stage.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { httpCall } from '#test/support/http-call.ts';
import { testAuthority } from '#test/support/identity.ts';
import { tlsCall } from '#test/support/tls-call.ts';

const identity = 'spiffe://cluster.local/ns/shop/sa/default';
const embedded: DataPlane = { kind: 'embedded' };

function between(name: string, options: StageOptions, run: (stage: Stage) => Promise<void>): void {
  test(`${name}: embedded to embedded`, () => withStage(embedded, embedded, options, run));
  envoyTest(`${name}: embedded to Envoy`, (binary) => withStage(embedded, { kind: 'envoy', binary }, options, run));
  envoyTest(`${name}: Envoy to embedded`, (binary) => withStage({ kind: 'envoy', binary }, embedded, options, run));
  envoyTest(`${name}: Envoy to Envoy`, (binary) => withStage({ kind: 'envoy', binary }, { kind: 'envoy', binary }, options, run));
}

/** `mutual`: the app was told of a caller with a certificate of the mesh; `plain`: of none; else what came instead. */
async function ask(port: number): Promise<string> {
  const { status, body } = await httpCall({ port, headers: { host: 'web', 'x-forwarded-client-cert': 'By=forged' } }).catch(() => ({
    status: 0,
    body: '',
  }));
  return status === 200 ? caller(body) : String(status);
}

function caller(body: string): string {
  const { xfcc } = JSON.parse(body) as { readonly xfcc: string }; // our own app's
  if (xfcc === '' || xfcc === 'By=forged') return 'plain';
  return xfcc.includes(`URI=${identity}`) && xfcc.includes(`By=${identity}`) ? 'mutual' : xfcc;
}

async function askHttp2(port: number): Promise<string> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  try {
    return await new Promise<string>((resolve) => {
      const stream = session.request({ ':path': '/', ':authority': 'web' });
      let body = '';
      let status = 0;
      stream.on('response', (headers) => (status = Number(headers[':status'])));
      stream.setEncoding('utf8').on('data', (part: string) => (body += part));
      stream.on('error', () => resolve('0'));
      stream.on('close', () => resolve(status === 200 ? caller(body) : String(status)));
      stream.end();
    });
  } finally {
    session.destroy();
  }
}

/** Whether bytes come back. */
function echoes(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      resolve(bytes.toString() === 'hello\n');
      socket.destroy();
    });
    socket.once('close', () => resolve(false));
    socket.write('hello\n');
  });
}

function peerAuthentication(name: string, spec: string): string {
  return `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
---`;
}

function destinationRule(host: string, tls: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host}, namespace: shop }
spec: { host: ${host}, trafficPolicy: { tls: ${tls} } }
---`;
}

const strict = peerAuthentication('strict', '{ mtls: { mode: STRICT } }');

between('without a word all that can be is encrypted, and plaintext is taken', {}, async ({ call, direct }) => {
  assert.equal(await ask(call.http), 'mutual');
  assert.equal(await ask(call.sniffedHttp), 'mutual');
  assert.equal(await askHttp2(call.sniffedHttp2), 'mutual');
  assert.equal(await askHttp2(call.http2), 'mutual');
  assert.ok(await echoes(call.tcp));
  assert.ok(await echoes(call.sniffedTcp));
  assert.equal(await ask(direct.http), 'plain');
  assert.equal(await ask(direct.sniffedHttp), 'plain');
  assert.ok(await echoes(direct.tcp));
  assert.equal(await ask(call.legacy), 'plain');
  const seen = new Set<string>();
  for (let calls = 0; calls < 20; calls++) seen.add(await ask(call.mixed));
  assert.deepEqual([...seen].sort(), ['mutual', 'plain']);
});

between('STRICT takes mutual TLS and nothing else', { policies: strict }, async ({ call, direct }) => {
  assert.equal(await ask(call.http), 'mutual');
  assert.equal(await ask(call.sniffedHttp), 'mutual');
  assert.equal(await askHttp2(call.sniffedHttp2), 'mutual');
  assert.ok(await echoes(call.tcp));
  assert.ok(await echoes(call.sniffedTcp));
  assert.equal(await ask(direct.http), '0');
  assert.equal(await ask(direct.sniffedHttp), '0');
  assert.equal(await echoes(direct.tcp), false);
  assert.equal(await echoes(direct.sniffedTcp), false);
});

const byPort = peerAuthentication(
  'by-port',
  '{ selector: { matchLabels: { app: server } }, mtls: { mode: STRICT }, portLevelMtls: { 8080: { mode: DISABLE }, 8081: { mode: PERMISSIVE } } }',
);

between('a port has its own mode, and its callers know', { policies: byPort }, async ({ call, direct }) => {
  assert.equal(await ask(call.http), 'plain');
  assert.equal(await ask(direct.http), 'plain');
  assert.equal(await ask(call.sniffedHttp), 'mutual');
  assert.equal(await ask(direct.sniffedHttp), 'plain');
  assert.ok(await echoes(call.tcp));
  assert.equal(await echoes(direct.tcp), false);
});

const rules = [strict, destinationRule('web', '{ mode: DISABLE }'), destinationRule('legacy', '{ mode: ISTIO_MUTUAL }')].join('\n');

between('rules are kept to: DISABLE calls in plaintext, ISTIO_MUTUAL does not', { policies: rules }, async ({ call }) => {
  assert.equal(await ask(call.http), '503', 'plaintext to a STRICT port');
  assert.equal(await ask(call.legacy), '503', 'mutual TLS to an app without a sidecar');
});

const forced = [strict, destinationRule('web', '{ mode: ISTIO_MUTUAL }')].join('\n');

between('without automatic mutual TLS it is begun where a rule says so', { policies: forced, mesh: 'enableAutoMtls: false' }, async ({ call }) => {
  assert.equal(await ask(call.http), 'mutual');
  assert.equal(await ask(call.sniffedHttp), 'mutual');
  assert.ok(await echoes(call.sniffedTcp));
  assert.equal(await ask(call.legacy), 'plain');
});

const wrongNames = [strict, destinationRule('web', '{ mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://cluster.local/ns/shop/sa/other] }')].join('\n');

between('a server with another identity than the rule names is not believed', { policies: wrongNames }, async ({ call }) => {
  assert.equal(await ask(call.http), '503');
});

between('callers of another trust domain are not let in', { policies: strict, mesh: 'trustDomain: elsewhere.example' }, async ({ call }) => {
  assert.equal(await ask(call.http), '503');
});

between(
  'who is let in: certificates of the trust domain and its aliases',
  { policies: strict, mesh: 'trustDomainAliases: [old.example]' },
  async ({ direct }) => {
    const authority = await testAuthority();
    const callAs = async (uri: string | undefined, port = direct.http): Promise<number> => {
      const issued = uri === undefined ? undefined : await authority.issue([{ type: 'url', value: uri }]);
      const pair = issued === undefined ? {} : { pair: { certificate: issued.chain, key: issued.key.reveal() } };
      return (await tlsCall({ port, roots: authority.roots(), alpn: ['istio-http/1.1', 'istio', 'http/1.1'], ...pair })).answer.status;
    };
    assert.equal(await callAs('spiffe://cluster.local/ns/a/sa/b'), 200);
    assert.equal(await callAs('spiffe://cluster.local/ns/a/sa/b', direct.sniffedHttp), 200);
    assert.equal(await callAs('spiffe://old.example/ns/a/sa/b'), 200);
    assert.equal(await callAs('spiffe://other.example/ns/a/sa/b'), 0);
    assert.equal(await callAs('spiffe://cluster.local.other/ns/a/sa/b'), 0);
    assert.equal(await callAs(undefined), 0);
    assert.equal(await callAs(undefined, direct.sniffedHttp), 0);
  },
);
