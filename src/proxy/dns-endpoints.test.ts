import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { Clock } from '#base/clock.ts';
import { compileCluster } from '#decide/cluster.ts';
import type { EndpointEntry } from '#decide/cluster-entry.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { DnsEndpoints } from '#proxy/dns-endpoints.ts';

function entryOf(type: Cluster_DiscoveryType) {
  const value = {
    address: {
      address: { case: 'socketAddress' as const, value: { address: 'a.example', portSpecifier: { case: 'portValue' as const, value: 80 } } },
    },
  };
  const lbEndpoints = [{ hostIdentifier: { case: 'endpoint' as const, value } }];
  const compiled = compileCluster(
    create(ClusterSchema, {
      name: 'c',
      clusterDiscoveryType: { case: 'type', value: type },
      loadAssignment: { clusterName: 'c', endpoints: [{ lbEndpoints }] },
    }),
  );
  assert.ok(compiled.ok);
  return compiled.value;
}

/** A clock whose timers run when the test says so. */
function heldClock(): Clock & { readonly tick: () => void } {
  let waiting: (() => void)[] = [];
  return {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after: (_delayMs, run) => {
      waiting.push(run);
      return () => {
        waiting = waiting.filter((other) => other !== run);
      };
    },
    tick: () => {
      for (const run of waiting.splice(0)) run();
    },
  };
}

async function rounds(type: Cluster_DiscoveryType, answers: readonly (readonly string[] | Error)[]): Promise<readonly (readonly string[])[]> {
  const clock = heldClock();
  const seen: string[][] = [];
  let asked = 0;
  const resolve = async (): Promise<readonly string[]> => {
    const answer = answers[asked++] ?? [];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  let arrived: () => void = () => {};
  const dns = new DnsEndpoints(entryOf(type), 5_000, resolve, clock, (endpoints: readonly EndpointEntry[]) => {
    seen.push(endpoints.map(({ key, hostname }) => `${key} ${hostname}`));
    arrived();
  });
  for (const _ of answers) {
    if (seen.length < asked || seen.length === 0) await new Promise<void>((done) => (arrived = done));
    await new Promise<void>((done) => setImmediate(done));
    clock.tick();
    await new Promise<void>((done) => setImmediate(done));
  }
  dns.stop();
  return seen.slice(0, answers.length);
}

test('a strict DNS cluster has an endpoint for each address, and keeps them when the name fails', async () => {
  const seen = await rounds(Cluster_DiscoveryType.STRICT_DNS, [['10.0.0.1', '10.0.0.2'], new Error('SERVFAIL'), ['10.0.0.3']]);
  assert.deepEqual(seen, [
    ['10.0.0.1:80 a.example', '10.0.0.2:80 a.example'],
    ['10.0.0.1:80 a.example', '10.0.0.2:80 a.example'],
    ['10.0.0.3:80 a.example'],
  ]);
});

test('a logical DNS cluster uses the first address of the moment', async () => {
  const seen = await rounds(Cluster_DiscoveryType.LOGICAL_DNS, [
    ['10.0.0.1', '10.0.0.2'],
    ['10.0.0.2', '10.0.0.1'],
  ]);
  assert.deepEqual(seen, [['10.0.0.1:80 a.example'], ['10.0.0.2:80 a.example']]);
});
