// The control plane's secure port as strangers, neighbours and openssl meet it: who is served, who is refused and with what.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { createCertificateMethod } from '#ca/certificate-methods.ts';
import { makeCertificateRequest } from '#ca/client/csr.ts';
import { advanceRotation, readRotation, startRotation } from '#ca/folder/rotation.ts';
import { DiscoveryRequestSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { IstioCertificateRequestSchema } from '#envoy/gen/istio/v1/auth/ca_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { make, openssl, revoke } from '#test/ca/openssl.ts';
import { type Story, startStory, until } from '#test/ca/story.ts';
import { adsService } from '#xds/ads-service.ts';

const hello = 'spiffe://cluster.local/ns/default/sa/hello';
const helloNode = 'sidecar~127.0.0.1~hello-v1.default~default.svc.cluster.local';

type Outcome = { readonly code: number; readonly details: string; readonly chain: readonly string[] };
type Proof = { readonly token?: string; readonly key?: string; readonly chain?: string };

/** A connection of its own. */
function connect(story: Story, { key, chain }: Proof): Client {
  const roots = Buffer.from(story.authority.content().set.roots);
  const own = key === undefined || chain === undefined ? [null, null] : [Buffer.from(key), Buffer.from(chain)];
  return new Client(`127.0.0.1:${story.port()}`, credentials.createSsl(roots, own[0], own[1]), {
    'grpc.ssl_target_name_override': 'istiod.istio-system.svc',
    'grpc.use_local_subchannel_pool': 1,
  });
}

function metadataOf({ token }: Proof): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

async function ask(story: Story, proof: Proof, fields: { readonly csr?: string; readonly metadata?: Record<string, string> } = {}): Promise<Outcome> {
  const client = connect(story, proof);
  const { csr = (await makeCertificateRequest('ecdsa')).csr, metadata } = fields;
  const request = create(IstioCertificateRequestSchema, { csr, ...(metadata !== undefined && { metadata }) });
  const { path, requestSerialize, responseDeserialize } = createCertificateMethod;
  return new Promise<Outcome>((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadataOf(proof), (error, answer) => {
      resolve({ code: error?.code ?? 0, details: error?.details ?? '', chain: answer?.certChain ?? [] });
    });
  }).finally(() => client.close());
}

/** What becomes of a stream of xDS with this node: how it ends, or that it is served. */
async function subscribe(story: Story, proof: Proof, node: { readonly id: string; readonly metadata?: Record<string, string> }): Promise<Outcome> {
  const client = connect(story, proof);
  const { path, requestSerialize, responseDeserialize } = adsService.streamAggregatedResources;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadataOf(proof));
  const outcome = new Promise<Outcome>((resolve) => {
    stream.on('error', (error: Error & { readonly code: number; readonly details: string }) =>
      resolve({ code: error.code, details: error.details, chain: [] }),
    );
    stream.on('metadata', () => resolve({ code: 0, details: '', chain: [] }));
  });
  stream.write(Buffer.from(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { node, typeUrl: typeUrls.cluster }))));
  const seen = await outcome;
  stream.cancel();
  client.close();
  return seen;
}

async function certificateOf(story: Story, identity: string): Promise<Required<Omit<Proof, 'token'>>> {
  const { csr, key } = await makeCertificateRequest('ecdsa');
  const answer = await ask(story, { token: await story.token(identity) }, { csr });
  assert.equal(answer.code, 0, answer.details);
  return { key: key.reveal(), chain: answer.chain.slice(0, -1).join('') };
}

test('nobody gets a certificate without a proof of who it is, and the log never holds a token', async () => {
  await using story = await startStory();
  const token = await story.token(hello);
  const refused = async (proof: Proof, expected: RegExp) => {
    const { code, details } = await ask(story, proof);
    assert.equal(code, status.UNAUTHENTICATED, details);
    assert.match(details, expected);
  };
  await refused({}, /must send a token .* or a client certificate/);
  await refused({ token: 'hello' }, /cannot be read/);
  await refused({ token: `${token.slice(0, -4)}AAAA` }, /not signed by this control plane/);
  await refused({ token: await story.token('spiffe://other/ns/default/sa/hello') }, /trust domain other/);
  await refused({ token: await story.token(hello, { ttlMs: -120_000 }) }, /expired/);
  assert.equal((await ask(story, { token })).code, 0);
  assert.ok(!JSON.stringify(story.log.lines).includes(token.slice(40)));
  assert.ok(story.log.has('warn', /certificate refused/));
});

test('a certificate of another authority, of nobody, expired or revoked is nobody’s', async () => {
  await using story = await startStory();
  const foreign = make(story.folder, 'foreign');
  const forged = make(story.folder, 'forged', { issuer: foreign, ca: false, names: `URI:${hello}` });
  assert.equal((await ask(story, { key: forged.key, chain: forged.certificate })).code, status.UNAUTHENTICATED);

  const own = { certificateFile: join(story.folder, 'ca-cert.pem'), keyFile: join(story.folder, 'ca-key.pem'), certificate: '', key: '' };
  const nobody = make(story.folder, 'nobody', { issuer: own, ca: false, names: `URI:${hello},URI:spiffe://cluster.local/ns/a/sa/b` });
  const two = await ask(story, { key: nobody.key, chain: nobody.certificate });
  assert.equal(two.code, status.UNAUTHENTICATED);
  assert.match(two.details, /exactly one identity/);
  const server = make(story.folder, 'server', { issuer: own, ca: false, names: 'DNS:istiod.istio-system.svc' });
  assert.equal((await ask(story, { key: server.key, chain: server.certificate })).code, status.UNAUTHENTICATED);

  const good = await certificateOf(story, hello);
  assert.equal((await ask(story, good)).code, 0);
  story.serverClock.jump(25 * 3_600_000);
  assert.match((await ask(story, good)).details, /expired/);
  story.serverClock.jump(-25 * 3_600_000);

  writeFileSync(join(story.folder, 'ca-crl.pem'), revoke(story.folder, own, [good.chain]));
  await until('the list is read', [story.serverClock], () => story.authority.content().set.crl !== undefined);
  const revoked = await ask(story, good);
  assert.equal(revoked.code, status.UNAUTHENTICATED);
  assert.match(revoked.details, /revoked/);
  assert.equal((await ask(story, await certificateOf(story, hello))).code, 0);
});

test('the identity of a certificate is the caller’s, by token or by certificate, and nobody asks for somebody else', async () => {
  await using story = await startStory();
  const own = await certificateOf(story, hello);
  const renewed = await ask(story, own);
  assert.equal(new X509Certificate(renewed.chain[0] ?? '').subjectAltName, `URI:${hello}`);
  assert.equal(renewed.chain.at(-1), story.authority.content().set.roots);

  const impersonating = await ask(story, own, { metadata: { ImpersonatedIdentity: 'spiffe://cluster.local/ns/a/sa/b' } });
  assert.equal(impersonating.code, status.PERMISSION_DENIED);
  assert.equal((await ask(story, own, { csr: 'hello' })).code, status.INVALID_ARGUMENT);

  const other = make(story.folder, 'other', { ca: false });
  openssl(
    'req',
    '-new',
    '-key',
    other.keyFile,
    '-subj',
    '/CN=x',
    '-addext',
    'subjectAltName=URI:spiffe://cluster.local/ns/a/sa/b',
    '-out',
    join(story.folder, 'x.csr'),
  );
  const csr = openssl('req', '-in', join(story.folder, 'x.csr'));
  const denied = await ask(story, own, { csr });
  assert.equal(denied.code, status.PERMISSION_DENIED);
  assert.match(denied.details, /ns\/a\/sa\/b.*caller is/);
});

test('xDS is served to the caller’s own node, by token or certificate, and to nobody else', async () => {
  await using story = await startStory();
  const token = await story.token(hello, { pod: 'hello-v1' });
  const certificate = await certificateOf(story, hello);
  for (const proof of [{ token }, certificate]) {
    assert.equal((await subscribe(story, proof, { id: helloNode, metadata: { SERVICE_ACCOUNT: 'hello' } })).code, 0);
    const other = await subscribe(story, proof, { id: helloNode.replace('.default~', '.other~') });
    assert.equal(other.code, status.PERMISSION_DENIED);
    assert.match(other.details, /of namespace other/);
    assert.equal((await subscribe(story, proof, { id: helloNode, metadata: { SERVICE_ACCOUNT: 'admin' } })).code, status.PERMISSION_DENIED);
  }
  assert.equal((await subscribe(story, { token }, { id: helloNode.replace('-v1', '-v2') })).code, status.PERMISSION_DENIED);
  assert.equal((await subscribe(story, {}, { id: helloNode })).code, status.UNAUTHENTICATED);
});

test('openssl accepts the control plane’s certificate by its names, and no TLS below 1.2 nor ciphers without forward secrecy', async () => {
  await using story = await startStory();
  const roots = join(story.folder, 'root-cert.pem');
  const run = promisify(execFile);
  const connectBy = async (...args: readonly string[]) => {
    const to = ['s_client', '-connect', `127.0.0.1:${story.port()}`, '-CAfile', roots, '-verify_return_error', '-alpn', 'h2', ...args];
    const started = run('openssl', to);
    started.child.stdin?.end();
    return started.then(
      ({ stdout }) => stdout,
      (error: Error) => `failed: ${error.message}`,
    );
  };
  for (const name of ['istiod.istio-system.svc', 'localhost']) assert.match(await connectBy('-verify_hostname', name), /Verify return code: 0/);
  assert.match(await connectBy('-verify_ip', '127.0.0.1'), /Verify return code: 0/);
  assert.match(await connectBy('-tls1_2'), /Verify return code: 0/);
  assert.match(await connectBy('-verify_hostname', 'other.example'), /^failed/);
  assert.match(await connectBy('-tls1_1'), /^failed/);
  assert.match(await connectBy('-tls1_2', '-cipher', 'ECDHE'), /Verify return code: 0/);
  for (const weak of ['AES256-GCM-SHA384', 'AES128-SHA', 'ECDHE-ECDSA-AES256-SHA', 'ECDHE-ECDSA-AES128-SHA256', 'DHE']) {
    assert.match(await connectBy('-tls1_2', '-cipher', `${weak}:@SECLEVEL=0`), /^failed/, weak);
  }
});

test('no call fails while the root is changed, whatever of it the caller knows', async () => {
  await using story = await startStory();
  const before = await certificateOf(story, hello);
  const oldRoots = story.authority.content().set.roots;
  const knows = (roots: string) => {
    const client = new Client(
      `127.0.0.1:${story.port()}`,
      credentials.createSsl(Buffer.from(roots), Buffer.from(before.key), Buffer.from(before.chain)),
      {
        'grpc.ssl_target_name_override': 'istiod.istio-system.svc',
        'grpc.use_local_subchannel_pool': 1,
      },
    );
    return new Promise<number>((resolve) => {
      const { path, requestSerialize, responseDeserialize } = createCertificateMethod;
      makeCertificateRequest('ecdsa').then(
        ({ csr }) =>
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, create(IstioCertificateRequestSchema, { csr }), (error) =>
            resolve(error?.code ?? 0),
          ),
        () => resolve(-1),
      );
    }).finally(() => client.close());
  };
  const step = async (roots: number) => {
    const present = story.authority.content();
    const rotation = readRotation(story.folder);
    assert.ok(rotation.ok);
    if (rotation.value === undefined) startRotation(story.folder, story.serverClock);
    else advanceRotation(story.folder, rotation.value, story.serverClock);
    await until(
      'the step',
      [story.serverClock],
      () => story.authority.content() !== present && story.authority.content().set.rootCertificates.length === roots,
    );
  };
  await step(2);
  assert.deepEqual([await knows(oldRoots), await knows(story.authority.content().set.roots)], [0, 0]);
  await step(2);
  // Who was away knows the old root only, and has a certificate of it.
  assert.deepEqual([await knows(oldRoots), await knows(story.authority.content().set.roots)], [0, 0]);
  await step(1);
  // The certificate of the old root is worth nothing now, nor does the old root lead here.
  assert.notEqual(await knows(oldRoots), 0);
  assert.equal(await knows(story.authority.content().set.roots), status.UNAUTHENTICATED);
  assert.equal((await ask(story, await certificateOf(story, hello))).code, 0);
});
