// What a cluster that speaks the PROXY protocol tells its endpoints of a client's connection: the connection as it is, whatever x-forwarded-for says.
import type { ClusterEntry } from '#decide/cluster-entry.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';
import type { ConnectionFacts } from '#telemetry/access-record.ts';

/** Undefined for the clusters that tell nothing. */
export function announcedEnds({ proxyProtocol }: ClusterEntry, facts: ConnectionFacts): ConnectionEnds | undefined {
  if (proxyProtocol === undefined) return undefined;
  return {
    sourceIp: facts.directRemoteIp,
    sourcePort: facts.directRemotePort,
    destinationIp: facts.localIp,
    destinationPort: facts.localPort,
  };
}
