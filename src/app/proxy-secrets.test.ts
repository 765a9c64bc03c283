// Where the embedded proxy has its secrets from: an SDS server behind a static cluster, the aggregated stream, its own identity; and what waits for them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { create, fromJson } from '@bufbuild/protobuf';
import { startSdsServer } from '#agent/sds-server.ts';
import { runProxy } from '#app/proxy.ts';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import { WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import { extensions } from '#decide/extension.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { SecretSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import { bootstrap, downstreamTls, httpChain, listener, type Part } from '#test/support/bootstrap-parts.ts';
import { startEmbedded } from '#test/support/embedded-proxy.ts';
import { freePort } from '#test/support/free-port.ts';
import { testAuthority } from '#test/support/identity.ts';
import { MemoryNodeSource } from '#test/support/memory-node-source.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { waitUntil } from '#test/support/wait-until.ts';
import { startXdsServer } from '#xds/server/server.ts';

const hello: Part = { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'hello' } } };
const spiffe = 'spiffe://cluster.local/ns/default/sa/default';

function fromCluster(name: string, cluster: string, apiType: string, initial_fetch_timeout = '0s'): Part {
  const source = { api_type: apiType, transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: cluster } }] };
  return { name, sds_config: { api_config_source: source, initial_fetch_timeout, resource_api_version: 'V3' } };
}

function tlsListener(port: number, certificate: Part): Part {
  return listener('tls', port, [
    httpChain([hello], {}, downstreamTls({ common_tls_context: { tls_certificate_sds_secret_configs: [certificate] } })),
  ]);
}

function socketCluster(path: string): Part {
  const endpoint = { address: { pipe: { path } } };
  return { name: 'agent', connect_timeout: '1s', load_assignment: { cluster_name: 'agent', endpoints: [{ lb_endpoints: [{ endpoint }] }] } };
}

/** The serial number of the certificate that a handshake shows; undefined: there is none. */
function serialAt(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber);
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
  });
}

/** As in workload-secrets: without an identity that can be given later, so that there is time to see who waits. */
function lateIdentity(identity: WorkloadIdentity): WorkloadIdentity & { readonly arrive: () => void } {
  const listeners = new Set<() => void>();
  let isThere = false;
  return {
    current: () => (isThere ? identity.current() : undefined),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    arrive: () => {
      isThere = true;
      for (const listener of listeners) listener();
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

for (const apiType of ['GRPC', 'DELTA_GRPC']) {
  void test(`asks the SDS server behind a static cluster, ${apiType}, and uses what becomes of the secret`, async () => {
    await using folder = await temporaryFolder();
    await using identity = await (await testAuthority()).identity(spiffe);
    using secrets = new WorkloadSecrets(identity, systemClock);
    await using server = await startSdsServer(join(folder.path, 'sds'), secrets);
    const port = await freePort();
    await using proxy = await startEmbedded(bootstrap([tlsListener(port, fromCluster('default', 'agent', apiType))], [socketCluster(server.path)]));
    await proxy.ready;
    const first = await serialAt(port);
    assert.notEqual(first, undefined);
    await identity.renew();
    await waitUntil('the new certificate', async () => ![first, undefined].includes(await serialAt(port)));
  });
}

void test('a secret of a cluster that is not there is refused by its name', async () => {
  const port = await freePort();
  const refused = startEmbedded(bootstrap([tlsListener(port, fromCluster('default', 'nowhere', 'GRPC'))], []));
  await assert.rejects(refused, /listener tls: secret default is asked of nowhere, which is no static cluster/);
  const own = startEmbedded(bootstrap([tlsListener(port, fromCluster('default', 'sds-grpc', 'GRPC'))], []));
  await assert.rejects(own, /neither an identity of its own nor a static cluster of that name/);
  await assert.rejects(startEmbedded(bootstrap([tlsListener(port, { name: 'a' })], [])), /listener tls: unknown static secret a/);
});

async function inMesh(
  identity: WorkloadIdentity,
  resources: readonly XdsResource[],
  run: (source: MemoryNodeSource, ready: Promise<void>) => Promise<void>,
) {
  const source = new MemoryNodeSource();
  source.replace(resources);
  const xds = await startXdsServer({ source, address: '127.0.0.1', port: 0, logger: silentLogger, clock: systemClock, plainCarriesSecrets: true });
  if (!xds.ok) throw new Error(xds.error.reason);
  const node = create(NodeSchema, { id: 'proxy', cluster: 'test' });
  const proxy = await runProxy({
    source: { kind: 'xds', target: `127.0.0.1:${xds.value.port}`, node },
    identity,
    logger: silentLogger,
    clock: systemClock,
    drainMs: 0,
  });
  if (!proxy.ok) throw new Error(proxy.error.join('\n'));
  try {
    await run(source, proxy.value.ready);
  } finally {
    await proxy.value.close();
    await xds.value.close();
  }
}

function listenerResource(port: number, certificate: Part): XdsResource {
  // The same part that a bootstrap has.
  const json = JSON.parse(JSON.stringify(tlsListener(port, certificate))) as Parameters<typeof fromJson>[1];
  return new XdsResource(typeUrls.listener, 'tls', ListenerSchema, fromJson(ListenerSchema, json, { registry: extensions }));
}

void test('a listener and readiness wait for the identity, and nothing else does', async () => {
  const identity = lateIdentity(await (await testAuthority()).identity(spiffe));
  const port = await freePort();
  await inMesh(identity, [listenerResource(port, fromCluster('default', 'sds-grpc', 'GRPC'))], async (_source, ready) => {
    let isReady = false;
    void ready.then(() => (isReady = true));
    assert.equal(await serialAt(port), undefined);
    assert.equal(isReady, false);
    identity.arrive();
    await ready;
    assert.notEqual(await serialAt(port), undefined);
  });
});

void test('a secret that does not come in its time is gone without: the port is open, and handshakes fail until it is there', async () => {
  const identity = lateIdentity(await (await testAuthority()).identity(spiffe));
  const port = await freePort();
  await inMesh(identity, [listenerResource(port, fromCluster('default', 'sds-grpc', 'GRPC', '0.05s'))], async (_source, ready) => {
    await ready;
    assert.equal(await serialAt(port), undefined);
    identity.arrive();
    assert.notEqual(await serialAt(port), undefined);
  });
});

void test('secrets come over the aggregated stream, and one that is wrong leaves the one before it in force', async () => {
  const authority = await testAuthority();
  const [one, other] = [await authority.issue([{ type: 'dns', value: 'a' }]), await authority.issue([{ type: 'dns', value: 'a' }])];
  const port = await freePort();
  const secret = (chain: string, key: string): XdsResource => {
    const json = { name: 'web', tls_certificate: { certificate_chain: { inline_string: chain }, private_key: { inline_string: key } } };
    return new XdsResource(typeUrls.secret, 'web', SecretSchema, fromJson(SecretSchema, json));
  };
  const tls = listenerResource(port, { name: 'web', sds_config: { ads: {}, resource_api_version: 'V3' } });
  await inMesh(lateIdentity(await authority.identity(spiffe)), [tls, secret(one.chain, one.key.reveal())], async (source, ready) => {
    await ready;
    const first = await serialAt(port);
    assert.notEqual(first, undefined);
    source.replace([tls, secret(other.chain, one.key.reveal())]);
    source.replace([tls, secret(other.chain, other.key.reveal())]);
    await waitUntil('the good one of the two', async () => (await serialAt(port)) !== first);
    source.replace([tls]);
    assert.notEqual(await serialAt(port), undefined, 'what is gone stays in force while it is named');
  });
});
