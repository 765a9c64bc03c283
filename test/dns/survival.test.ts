// Names are answered by the table that came last, whether the control plane is there or not.
import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { systemClock } from '#base/clock.ts';
import { silentLogger } from '#base/logger.ts';
import { subscribeToNames } from '#dns/name-subscription.ts';
import { startDns } from '#dns/start-dns.ts';
import { NodeSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { nameTableName, typeUrls } from '#envoy/type-url.ts';
import { Counters } from '#telemetry/counters.ts';
import { MemoryNodeSource } from '#test/support/memory-node-source.ts';
import { AdsClient } from '#xds/client/ads-client.ts';
import { startXdsServer } from '#xds/server/server.ts';

const address = '127.0.0.1';
const common = { logger: silentLogger, clock: systemClock };

function table(ip: string): XdsResource {
  const message = create(NameTableSchema, { table: { 'api.example.com': { registry: 'External', ips: [ip] } } });
  return new XdsResource(typeUrls.nameTable, nameTableName, NameTableSchema, message);
}

test('a control plane that is gone takes no name with it; one that comes back tells what is new', async () => {
  const source = new MemoryNodeSource();
  source.replace([table('10.0.0.1')]);
  const first = await startXdsServer({ ...common, source, address, port: 0 });
  assert.ok(first.ok);
  const { port } = first.value;
  const dns = await startDns({
    ...common,
    listen: { address, port: 0 },
    namespace: 'a',
    dnsDomain: 'a.svc.cluster.local',
    upstreams: [],
    counters: new Counters(),
    random: () => 0,
  });
  assert.ok(dns.ok);
  const client = new AdsClient({
    ...common,
    target: `${address}:${port}`,
    node: create(NodeSchema, { id: 'sidecar~10.0.0.9~a.a~a.svc.cluster.local' }),
  });
  let told = Promise.withResolvers<void>();
  subscribeToNames(client, dns.value, () => told.resolve());
  const resolver = new Resolver();
  resolver.setServers([`${address}:${dns.value.address.port}`]);
  await told.promise;
  assert.deepEqual(await resolver.resolve4('api.example.com'), ['10.0.0.1']);

  const lost = new Promise<void>((resolve) => client.onStateChange(({ connected }) => !connected && resolve()));
  await first.value.close();
  await lost;
  assert.deepEqual(await resolver.resolve4('api.example.com'), ['10.0.0.1']);

  told = Promise.withResolvers<void>();
  source.replace([table('10.0.0.2')]);
  const second = await startXdsServer({ ...common, source, address, port });
  assert.ok(second.ok);
  await told.promise;
  assert.deepEqual(await resolver.resolve4('api.example.com'), ['10.0.0.2']);
  client.close();
  await second.value.close();
  await dns.value.close();
});
