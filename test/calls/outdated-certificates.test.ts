// Certificates of Secrets whose time is over, on both data planes: a server that shows one is refused by whoever looks, one that holds clients against roots
// that have ended lets nobody in, and a chain with a hole leads nowhere. None of it opens anything, and what is beside it goes on.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { type Issuer, writeLeaf, writeRoot } from '#ca/certificate-writer.ts';
import { type DataPlane, withLiveProxy } from '#test/calls/live-proxy.ts';
import { edgeGateway } from '#test/support/edge-gateway.ts';
import { envoyTest } from '#test/support/envoy.ts';
import { tlsCall } from '#test/support/tls-call.ts';

const hourMs = 3_600_000;

type Pair = { readonly certificate: string; readonly key: string };

function rootOf(lifeMs: number): Issuer {
  return writeRoot({ notBeforeMs: Date.now() - 48 * hourMs, notAfterMs: Date.now() + lifeMs });
}

function issue(root: Issuer, host: string, lifeMs = hourMs): Pair {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const validity = { notBeforeMs: Date.now() - 24 * hourMs, notAfterMs: Date.now() + lifeMs };
  const leaf = writeLeaf(root, { publicKey, names: [{ type: 'dns', value: host }], ...validity });
  return { certificate: leaf.toString(), key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

function secret(name: string, { certificate, key }: Pair, roots?: string): object {
  const stringData = { 'tls.crt': certificate, 'tls.key': key, ...(roots !== undefined && { 'ca.crt': roots }) };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'edge' }, stringData };
}

const names = ['good', 'over', 'roots-over', 'foreign'] as const;
const hostOf = (name: string): string => `${name}.example.com`;
const mutual: readonly string[] = ['roots-over', 'foreign'];

const servers = names.map((name) => ({
  port: { number: 443, name: `https-${name}`, protocol: 'HTTPS' },
  hosts: [hostOf(name)],
  tls: { mode: mutual.includes(name) ? 'MUTUAL' : 'SIMPLE', credentialName: name },
}));
const route = { hosts: ['*.example.com'], gateways: ['edge'], http: [{ directResponse: { status: 200, body: { string: 'in' } } }] };
const mesh: readonly object[] = [
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'edge', namespace: 'edge' },
    spec: { selector: { app: 'edge' }, servers },
  },
  { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'web', namespace: 'edge' }, spec: route },
];

async function everything(plane: DataPlane): Promise<void> {
  const [root, brief, stranger] = [rootOf(hourMs), rootOf(-1000), rootOf(hourMs)];
  const pem = (issuer: Issuer): string => issuer.certificate.toString();
  const secrets = [
    secret('good', issue(root, hostOf('good'))),
    secret('over', issue(root, hostOf('over'), -1000)),
    secret('roots-over', issue(root, hostOf('roots-over')), pem(brief)),
    secret('foreign', issue(stranger, hostOf('foreign')), pem(root)),
  ];
  const { port, nodeId, resources } = await edgeGateway(...[...mesh, ...secrets].map((resource) => JSON.stringify(resource)));
  await withLiveProxy(plane, nodeId, resources, async () => {
    const call = async (name: string, pair?: Pair, roots = pem(root)): Promise<string> => {
      const host = hostOf(name);
      const asked = tlsCall({ port, headers: { host, connection: 'close' }, serverName: host, roots, ...(pair !== undefined && { pair }) });
      return asked.then(
        ({ answer }) => (answer.status === 0 ? 'refused' : answer.body),
        (error: Error & { readonly code?: string }) => error.code ?? error.message,
      );
    };
    assert.equal(await call('good'), 'in');
    assert.equal(await call('over'), 'CERT_HAS_EXPIRED');
    assert.equal(await call('good', undefined, pem(stranger)), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    for (const issuer of [brief, root, stranger]) assert.equal(await call('roots-over', issue(issuer, 'client')), 'refused');
    assert.equal(await call('roots-over'), 'refused');
    const client = issue(root, 'client');
    assert.equal(await call('foreign', client, pem(stranger)), 'in');
    assert.equal(await call('foreign', issue(root, 'client', -1000), pem(stranger)), 'refused', 'a client whose certificate has ended');
    assert.equal(await call('foreign', issue(stranger, 'client'), pem(stranger)), 'refused', 'a client of another authority');
    assert.equal(await call('foreign', client), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'a server of another authority');
    assert.equal(await call('good'), 'in');
  });
}

void test('certificates of Secrets that have ended, or are of another authority, let nobody in: embedded proxy', () =>
  everything({ kind: 'embedded' }));

envoyTest('certificates of Secrets that have ended, or are of another authority, let nobody in: Envoy', (binary) =>
  everything({ kind: 'envoy', binary }),
);
