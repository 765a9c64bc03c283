// Which host of the table the answer to a name is from, for those who want to know why.
import { parentOf, reversedAddress } from '#dns/dns-name.ts';
import { type DnsClient, lookUp, type Match } from '#dns/lookup.ts';
import type { NameIndex } from '#dns/name-index.ts';
import { servicePlace } from '#dns/service-record.ts';

export type HostBehind = {
  /** As the table has it; of a pod without a name of its own its service. */
  readonly host: string;
  readonly match: Match | 'port' | 'address';
  readonly expandedFrom?: string;
};

/** `name` in lower case, without the last dot. Undefined where the table does not have it. */
export function hostBehind(index: NameIndex, client: DnsClient, name: string): HostBehind | undefined {
  const found = lookUp(index, client, name);
  if (found !== undefined) {
    const { entry, match, expandedFrom } = found;
    return { host: written(index, entry.host), match, ...(expandedFrom !== undefined && { expandedFrom }) };
  }
  const place = servicePlace(index, client, name);
  if (place !== undefined) return { host: place.entry.host, match: 'port' };
  const address = reversedAddress(name);
  const [host] = address === undefined ? [] : index.hostsAt(address);
  return host === undefined ? undefined : { host: written(index, host), match: 'address' };
}

function written(index: NameIndex, host: string): string {
  return index.has(host) ? host : parentOf(host);
}
