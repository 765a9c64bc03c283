// Several ServiceEntries give one port of one host different protocols, and are seen in the same namespace (IST0177). Source: Istio's
// serviceentry.ConflictingServiceEntryProtocolAnalyzer.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

type Claim = {
  readonly entry: KindMap['ServiceEntry'];
  readonly host: string;
  readonly port: number;
  readonly index: number;
  readonly protocol: string;
  readonly scopes: ReadonlySet<string>;
};

export const serviceEntryConflict: Analyzer = {
  name: 'service-entry-conflict',
  run: ({ resources }) => {
    const claims = [...resources.ServiceEntry.values()].flatMap(claimsOf);
    const reported = new Set<KindMap['ServiceEntry']>();
    return [...Map.groupBy(claims, ({ host, port }) => `${host}:${port}`).values()].flatMap((same) =>
      same.flatMap((claim): readonly Diagnostic[] => {
        const rival = same.find((other) => other.protocol !== claim.protocol && meet(claim.scopes, other.scopes));
        if (rival === undefined || reported.has(claim.entry)) return [];
        reported.add(claim.entry);
        return [
          {
            code: 'IST0177',
            severity: 'warning',
            message: `port ${claim.port} of ${claim.host} ${spoken(claim.protocol)} here and ${spoken(rival.protocol)} in ServiceEntry ${resourceKey(rival.entry.metadata)}`,
            hint: 'give both the same protocol',
            at: claim.entry.origins.at(['spec', 'ports', claim.index, 'protocol']),
            related: [{ message: 'the other protocol', at: rival.entry.origins.at(['spec', 'ports', rival.index, 'protocol']) }],
          },
        ];
      }),
    );
  },
};

function spoken(protocol: string): string {
  return protocol === '' ? 'has no protocol' : `is ${protocol}`;
}

function claimsOf(entry: KindMap['ServiceEntry']): readonly Claim[] {
  const { hosts, ports = [], exportTo = [] } = entry.spec;
  const isForAll = exportTo.length === 0 || exportTo.includes('*');
  const scopes = new Set(isForAll ? ['*'] : exportTo.map((scope) => (scope === '.' ? entry.metadata.namespace : scope)));
  return hosts.flatMap((host) =>
    ports.map(({ number, protocol = '' }, index) => ({ entry, host, port: number, index, protocol: protocol.toUpperCase(), scopes })),
  );
}

function meet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.has('*') || b.has('*') || !a.isDisjointFrom(b);
}
