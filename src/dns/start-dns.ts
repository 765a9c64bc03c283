// The name server beside a proxy, put together: where it listens, who asks, and whom it asks in turn. The table comes later, from whoever has the
// proxy's xDS stream (`subscribeToNames`), and stays in force when that ends.
import { randomInt } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { ok, type Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import { dnsCounters } from '#dns/dns-counters.ts';
import { dnsClient } from '#dns/lookup.ts';
import { Resolver } from '#dns/resolver.ts';
import { type DnsServer, serveDns } from '#dns/server.ts';
import { Upstreams } from '#dns/upstream.ts';
import type { ServerAddress } from '#dns/upstream-answer.ts';
import type { NameTable } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import type { Counters } from '#telemetry/counters.ts';

export type DnsOptions = {
  /** Such as 127.0.0.1:15053; port 0 takes a free one. */
  readonly listen: ServerAddress;
  /** Where that address is, if not where this process is. */
  readonly network?: SocketNetwork | undefined;
  /** The proxy's namespace, and the DNS domain of its node id, `shop.svc.cluster.local`: whose short names hold. */
  readonly namespace: string;
  readonly dnsDomain: string;
  /** Asked for names that the table does not have; none: there are no such names. */
  readonly upstreams: readonly ServerAddress[];
  /** The addresses that they are asked from, at most one of each family. */
  readonly bindSources?: readonly string[];
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
};

export type RunningDns = {
  readonly address: ServerAddress;
  /** Replaces all that was known. */
  readonly setTable: (table: NameTable) => void;
  /** Whether a table has come; until then questions fail. */
  readonly isReady: () => boolean;
  readonly close: () => Promise<void>;
};

/** The error names the address that cannot be had, and why. */
export async function startDns(options: DnsOptions): Promise<Result<RunningDns, string>> {
  const { listen, network, namespace, dnsDomain, upstreams, bindSources = [], counters, clock, logger, random } = options;
  const servers = new Upstreams({
    servers: upstreams,
    clock,
    logger,
    randomId: () => randomInt(65_536),
    bindSources,
  });
  const resolver = new Resolver({
    client: dnsClient(namespace, dnsDomain),
    counters: dnsCounters(counters),
    clock,
    random,
    ...(upstreams.length > 0 && { ask: servers.ask }),
  });
  const served = await serveDns(listen, resolver, network);
  if (!served.ok) return served;
  return ok(runningDns(served.value, resolver, () => servers.close()));
}

export function runningDns({ address, close }: DnsServer, resolver: Resolver, atEnd: () => void): RunningDns {
  return {
    address,
    setTable: (table) => resolver.setTable(table),
    isReady: () => resolver.index !== undefined,
    close: async () => {
      await close();
      atEnd();
    },
  };
}
