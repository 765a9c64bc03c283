import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { decode, encode } from 'dns-packet';
import { dnsCounters } from '#dns/dns-counters.ts';
import { Resolver } from '#dns/resolver.ts';
import { NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { Counters } from '#telemetry/counters.ts';

const question = encode({ type: 'query', id: 7, questions: [{ name: 'web.shop.svc.cluster.local', type: 'A' }] });

test('who asks for the first table in vain makes room for those who ask later', async () => {
  const timers = new Set<() => void>();
  const resolver = new Resolver({
    client: { namespace: 'shop', domain: 'svc.cluster.local' },
    counters: dnsCounters(new Counters()),
    clock: {
      nowMs: () => 0,
      monotonicMs: () => 0,
      after: (_, run) => {
        timers.add(run);
        return () => void timers.delete(run);
      },
    },
    random: () => 0,
  });
  const inVain = Array.from({ length: 1_000 }, async () => resolver.resolve(question, 'udp'));
  assert.ok(resolver.resolve(question, 'udp') instanceof Buffer, 'one too many is told at once');
  for (const run of timers) run();
  timers.clear();
  assert.equal((await Promise.all(inVain)).length, 1_000);
  const later = resolver.resolve(question, 'udp');
  assert.ok(later instanceof Promise);
  resolver.setTable(create(NameTableSchema, { table: { 'web.shop.svc.cluster.local': { registry: 'Kubernetes', ips: ['10.1.0.1'] } } }));
  const answer = await later;
  assert.deepEqual(
    decode(answer ?? question).answers?.map((record) => 'data' in record && record.data),
    ['10.1.0.1'],
  );
  assert.equal(timers.size, 0);
});
