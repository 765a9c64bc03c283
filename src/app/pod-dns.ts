// The name server of a pod, for the program beside its apps: the embedded proxy, or the agent of an Envoy. In: where it listens and whom it asks, and the
// xDS node, whose namespace and domain say whose short names hold. Loaded where there is one.
import type { PodOptions } from '#app/pod-options.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import type { Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import { type RunningDns, startDns } from '#dns/start-dns.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { Counters } from '#telemetry/counters.ts';

export type PodDnsOptions = {
  readonly dns: NonNullable<PodOptions['dns']>;
  /** The pod's, if this process is not in it. */
  readonly network?: SocketNetwork | undefined;
  /** What its own questions are sent from. */
  readonly proxyAddresses: readonly string[];
  readonly node: Node;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
};

/** The error names the address that cannot be had, and why. */
export function startPodDns({ dns, proxyAddresses, node, ...rest }: PodDnsOptions): Promise<Result<RunningDns, string>> {
  const [, , workload = '', dnsDomain = ''] = node.id.split('~');
  const written = node.metadata?.['NAMESPACE'];
  const namespace = typeof written === 'string' ? written : workload.slice(workload.lastIndexOf('.') + 1);
  const upstreams = dns.upstream === undefined ? [] : [dns.upstream];
  return startDns({ ...rest, listen: dns.listen, upstreams, bindSources: proxyAddresses, namespace, dnsDomain });
}
