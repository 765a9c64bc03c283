// Envoy's FilterChainMatch message, compiled to the values that matching compares.
import { type IpRange, ipRange } from '#base/cidr.ts';
import type { Problems } from '#decide/config-error.ts';
import type { ChainMatch } from '#decide/filter-chain-match.ts';
import type { CidrRange } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import {
  type FilterChainMatch,
  FilterChainMatch_ConnectionSourceType as SourceType,
} from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';

const sourceTypes: Readonly<Record<SourceType, ChainMatch['sourceType']>> = {
  [SourceType.ANY]: 'any',
  [SourceType.SAME_IP_OR_LOOPBACK]: 'same-or-loopback',
  [SourceType.EXTERNAL]: 'external',
};

/** Undefined matches any connection. */
export function compileChainMatch(match: FilterChainMatch | undefined, field: string, problems: Problems): ChainMatch {
  return {
    destinationPort: match?.destinationPort,
    destinationRanges: compileRanges(match?.prefixRanges ?? [], `${field}.prefix_ranges`, problems),
    serverNames: (match?.serverNames ?? []).flatMap((name, index) => compileServerName(name, `${field}.server_names[${index}]`, problems)),
    transportProtocol: match?.transportProtocol ?? '',
    applicationProtocols: match?.applicationProtocols ?? [],
    directSourceRanges: compileRanges(match?.directSourcePrefixRanges ?? [], `${field}.direct_source_prefix_ranges`, problems),
    sourceType: sourceTypes[match?.sourceType ?? SourceType.ANY],
    sourceRanges: compileRanges(match?.sourcePrefixRanges ?? [], `${field}.source_prefix_ranges`, problems),
    sourcePorts: match?.sourcePorts ?? [],
  };
}

function compileRanges(ranges: readonly CidrRange[], field: string, problems: Problems): IpRange[] {
  return ranges.flatMap(({ addressPrefix, prefixLen }, index) => {
    const range = ipRange(addressPrefix, prefixLen ?? 0);
    if (range === undefined) problems.report(`${field}[${index}]`, `${addressPrefix}/${prefixLen ?? 0} is not an IP range`);
    return range ?? [];
  });
}

/** `*` alone is refused by Envoy too; a `*` only stands for whole labels at the front. */
function compileServerName(name: string, field: string, problems: Problems): string[] {
  const lower = name.toLowerCase();
  if (lower.startsWith('*.') && !lower.slice(1).includes('*')) return [lower.slice(1)];
  if (!lower.includes('*')) return [lower];
  problems.report(field, `${name}: a wildcard must be the whole first label, as in *.example.com`);
  return [];
}
