import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { Clock } from '#base/clock.ts';
import { compileCluster } from '#decide/cluster.ts';
import type { EndpointEntry } from '#decide/cluster-entry.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { DnsEndpoints } from '#proxy/dns-endpoints.ts';

type Seconds = { readonly seconds: bigint };
type DnsFields = {
  readonly dnsRefreshRate?: Seconds;
  readonly respectDnsTtl?: boolean;
  readonly dnsFailureRefreshRate?: { readonly baseInterval: Seconds; readonly maxInterval: Seconds };
};

function entryOf(type: Cluster_DiscoveryType, dns: DnsFields = {}) {
  const value = {
    address: {
      address: { case: 'socketAddress' as const, value: { address: 'a.example', portSpecifier: { case: 'portValue' as const, value: 80 } } },
    },
  };
  const lbEndpoints = [{ hostIdentifier: { case: 'endpoint' as const, value } }];
  const compiled = compileCluster(
    create(ClusterSchema, {
      name: 'c',
      ...dns,
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
  const resolve = async (): Promise<{ readonly addresses: readonly string[] }> => {
    const answer = answers[asked++] ?? [];
    if (answer instanceof Error) throw answer;
    return { addresses: answer };
  };
  let arrived: () => void = () => {};
  const dns = new DnsEndpoints(entryOf(type), resolve, clock, (endpoints: readonly EndpointEntry[]) => {
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

/** How long is waited after each answer: a lifetime in ms, `none` or a failure. */
async function waits(dns: DnsFields, answers: readonly (number | 'none' | 'fails')[]): Promise<readonly number[]> {
  const found: number[] = [];
  let asked = 0;
  let run: () => void = () => {};
  const endpoints = new DnsEndpoints(
    entryOf(Cluster_DiscoveryType.STRICT_DNS, dns),
    async () => {
      const answer = answers[asked++] ?? 'none';
      if (answer === 'fails') throw new Error('SERVFAIL');
      return { addresses: ['10.0.0.1'], ...(answer === 'none' ? {} : { ttlMs: answer }) };
    },
    {
      nowMs: () => 0,
      monotonicMs: () => 0,
      after: (delayMs, next) => {
        found.push(delayMs);
        run = next;
        return () => {};
      },
    },
    () => {},
  );
  for (let round = 0; round < answers.length; round++) {
    await new Promise<void>((done) => setImmediate(done));
    if (round < answers.length - 1) run();
  }
  endpoints.stop();
  return found;
}

const seconds = (count: number): Seconds => ({ seconds: BigInt(count) });

test('names are asked for again at the rate of the configuration, or when their answer has expired', async () => {
  assert.deepEqual(await waits({}, [1000, 'none', 'fails']), [5_000, 5_000, 5_000]);
  assert.deepEqual(await waits({ dnsRefreshRate: seconds(60), respectDnsTtl: true }, [1000, 'none', 0, 'fails']), [1_000, 60_000, 60_000, 60_000]);
});

test('failures have a rate of their own, ever slower', async () => {
  const dns = { dnsFailureRefreshRate: { baseInterval: seconds(1), maxInterval: seconds(3) } };
  assert.deepEqual(await waits(dns, ['fails', 'fails', 'fails', 'none', 'fails']), [1_000, 2_000, 3_000, 5_000, 1_000]);
});
