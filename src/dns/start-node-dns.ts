// The name server of a node, as a cluster's own DNS is: it answers pods without a sidecar, and what the name servers beside proxies do not know. It knows
// all Services; names outside are asked of whoever is handed in, as a network of its own may have nobody to ask.
import type { Clock } from '#base/clock.ts';
import { ok, type Result } from '#base/result.ts';
import { dnsCounters } from '#dns/dns-counters.ts';
import { Resolver } from '#dns/resolver.ts';
import { serveDns } from '#dns/server.ts';
import { type RunningDns, runningDns } from '#dns/start-dns.ts';
import type { AskUpstream } from '#dns/upstream.ts';
import type { ServerAddress } from '#dns/upstream-answer.ts';
import type { Counters } from '#telemetry/counters.ts';

export type NodeDnsOptions = {
  /** Such as 198.18.0.1:53. */
  readonly listen: ServerAddress;
  /** `cluster.local`: names below it are known here or nowhere. */
  readonly domain: string;
  /** A question for names outside, as bytes; undefined where nothing outside may be asked: such names are then none. */
  readonly ask?: AskUpstream;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly random: () => number;
};

/** The table is `MeshCompiler.clusterNames()`. The error names the address that cannot be had, and why. */
export async function startNodeDns({ listen, domain, ask, counters, clock, random }: NodeDnsOptions): Promise<Result<RunningDns, string>> {
  const resolver = new Resolver({
    // Its clients are of all namespaces, so short names would be anybody's: those who ask put their search domains behind them.
    client: { namespace: '', domain: '' },
    ownDomain: domain,
    counters: dnsCounters(counters),
    clock,
    random,
    ...(ask !== undefined && { ask }),
  });
  const served = await serveDns(listen, resolver);
  return served.ok ? ok(runningDns(served.value, resolver, () => {})) : served;
}
