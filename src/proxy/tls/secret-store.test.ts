import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import type { SecretReference } from '#decide/tls-entry.ts';
import { SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { describeCertificates } from '#proxy/certs-page.ts';
import { SecretStore } from '#proxy/tls/secret-store.ts';
import { testAuthority } from '#test/support/identity.ts';

const ads = { from: 'ads', cluster: '' } as const;
const reference = (name: string): SecretReference => ({ name, ...ads, mode: 'sotw', fetchTimeoutMs: 0 });
const secret = (name: string, type: JsonObject) => fromJson(SecretSchema, { name, ...type });
const inline = (text: string): JsonObject => ({ inline_string: text });

void test('a secret that cannot be used is refused without its content, and the one before it stays', async () => {
  const authority = await testAuthority();
  const [one, other] = [await authority.issue([{ type: 'dns', value: 'a.example' }]), await authority.issue([{ type: 'dns', value: 'b.example' }])];
  const store = new SecretStore([]);
  const pair = (chain: string, key: string): JsonObject => ({ tls_certificate: { certificate_chain: inline(chain), private_key: inline(key) } });
  assert.deepEqual(
    store.missing([reference('a')]).map(({ name }) => name),
    ['a'],
  );
  assert.ok(store.put(ads, secret('a', pair(one.chain, one.key.reveal()))).ok);
  assert.deepEqual(store.missing([reference('a')]), []);
  const { version } = store;
  const wrong: readonly (readonly [string, JsonObject])[] = [
    ['the key of another certificate', pair(one.chain, other.key.reveal())],
    ['no key', pair(one.chain, 'nothing')],
    ['no certificate', pair('nothing', one.key.reveal())],
    ['half', { tls_certificate: { certificate_chain: inline(one.chain) } }],
    ['roots without a certificate', { validation_context: { trusted_ca: inline('nothing') } }],
    ['roots that are broken', { validation_context: { trusted_ca: inline('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') } }],
    ['a CRL that is none', { validation_context: { trusted_ca: inline(authority.roots()), crl: inline('nothing') } }],
    ['nothing', {}],
  ];
  for (const [what, type] of wrong) {
    const taken = store.put(ads, secret('a', type));
    assert.ok(!taken.ok, what);
    assert.ok(!taken.error.includes(one.key.reveal().split('\n')[1] ?? ''), what);
  }
  assert.equal(store.version, version);
  const kept = store.keyPair(reference('a'));
  assert.ok(kept?.ok);
  assert.equal(kept.value.chain, one.chain);
  const key = one.key.reveal().split('\n')[1] ?? '';
  assert.ok(!inspect(kept, { depth: 9 }).includes(key) && !JSON.stringify(kept).includes(key));
  assert.ok(!JSON.stringify(describeCertificates(store.all(), Date.now())).includes(key));
});

void test('a change is told and counted, and roots are no certificate', async () => {
  const authority = await testAuthority();
  const store = new SecretStore([secret('static', { validation_context: { trusted_ca: { filename: '/nonexistent' } } })]);
  let told = 0;
  const end = store.onChange(() => (told += 1));
  const before = store.version;
  assert.ok(store.put(ads, secret('roots', { validation_context: { trusted_ca: inline(authority.roots()) } })).ok);
  assert.deepEqual([told, store.version], [1, before + 1]);
  assert.equal(store.keyPair(reference('roots')), undefined);
  assert.notEqual(store.validation(reference('roots'))?.trustedCa, undefined);
  assert.notEqual(store.validation({ ...reference('static'), from: 'bootstrap' }), undefined);
  assert.equal(store.validation(reference('static')), undefined, 'another place has another secret of that name');
  end();
  assert.ok(store.put(ads, secret('roots', { validation_context: { trusted_ca: inline(authority.roots()) } })).ok);
  assert.equal(told, 1);
});
