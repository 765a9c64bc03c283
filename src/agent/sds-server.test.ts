// The agent's SDS server, asked by our own client of both protocols, and as an agent's client once would by FetchSecrets.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { startAgentSocket } from '#agent/agent-socket.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { ok } from '#base/result.ts';
import { WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type Secret, SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from '#envoy/gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import { HandClock } from '#test/support/hand-clock.ts';
import { testAuthority } from '#test/support/identity.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { AdsClient } from '#xds/client/ads-client.ts';
import { secretService } from '#xds/client/secret-service.ts';

const spiffe = 'spiffe://cluster.local/ns/default/sa/default';

function inline(secret: Secret | undefined): string {
  const source = secret?.type.case === 'tlsCertificate' ? secret.type.value.certificateChain : undefined;
  const roots = secret?.type.case === 'validationContext' ? secret.type.value.trustedCa : undefined;
  const specifier = (source ?? roots)?.specifier;
  return specifier?.case === 'inlineBytes' ? Buffer.from(specifier.value).toString() : '';
}

for (const mode of ['sotw', 'delta'] as const) {
  void test(`serves what is asked for, and what becomes of it, ${mode}`, async () => {
    await using folder = await temporaryFolder();
    await using identity = await (await testAuthority()).identity(spiffe);
    using secrets = new WorkloadSecrets(identity, systemClock);
    await using server = await startAgentSocket(folder.path, secrets);
    assert.equal((await stat(dirname(server.path))).mode & 0o777, 0o700);
    assert.equal((await stat(server.path)).mode & 0o777, 0o600);
    const node = create(NodeSchema, { id: 'a' });
    await using client = new AdsClient({ target: `unix:${server.path}`, node, mode, logger: silentLogger, clock: systemClock, service: 'secrets' });
    const seen = new Map<string, string>();
    let updates = 0;
    const subscription = client.subscribe(typeUrls.secret, ['default'], ({ updated }) => {
      for (const [name, secret] of updated) seen.set(name, inline(secret));
      updates += 1;
      return ok(undefined);
    });
    await waitUntil('the certificate is there', () => seen.get('default') === identity.current()?.chain);
    assert.equal(seen.has('ROOTCA'), false, 'nobody asked for it');
    subscription.want(['default', 'ROOTCA']);
    await waitUntil('the roots are there', () => seen.get('ROOTCA') === identity.current()?.roots);
    const before = updates;
    await identity.renew();
    await waitUntil('the new certificate is there', () => seen.get('default') === identity.current()?.chain);
    assert.equal(updates, before + 1);
  });
}

void test('a secret that is not there is sent when it comes, and FetchSecrets gives what there is', async () => {
  const clock = new HandClock();
  await using folder = await temporaryFolder();
  await using identity = await (await testAuthority()).identity(spiffe);
  const { chain = '', key } = identity.current() ?? {};
  using secrets = new WorkloadSecrets(undefined, clock);
  await using server = await startAgentSocket(folder.path, secrets);
  const name = `file-cert:${folder.path}/c.pem~${folder.path}/k.pem`;
  const names = [name, 'default', 'no such thing'];
  assert.deepEqual(await fetchOnce(server.path, names), []);
  await folder.write('c.pem', chain);
  assert.deepEqual(await fetchOnce(server.path, names), [], 'half a pair is none');
  await folder.write('k.pem', key?.reveal() ?? '');
  assert.deepEqual(await fetchOnce(server.path, names), [[name, chain]]);
  let told = 0;
  secrets.onChange(() => (told += 1));
  await folder.write('c.pem', `${chain}\n`);
  clock.advance(2_000);
  assert.ok(told > 0, 'a file that changed is told');
});

function fetchOnce(path: string, resourceNames: readonly string[]): Promise<readonly (readonly [string, string])[]> {
  const client = new Client(`unix:${path}`, credentials.createInsecure());
  const { path: method, requestSerialize, responseDeserialize } = secretService.fetchSecrets;
  const request = Buffer.from(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { resourceNames: [...resourceNames] })));
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, requestSerialize, responseDeserialize, request, new Metadata(), (error, answer) => {
      client.close();
      if (error !== null) return reject(error);
      const { resources } = fromBinary(DiscoveryResponseSchema, answer ?? new Uint8Array());
      resolve(resources.map((any) => anyUnpack(any, SecretSchema)).map((secret) => [secret?.name ?? '', inline(secret)] as const));
    });
  });
}
