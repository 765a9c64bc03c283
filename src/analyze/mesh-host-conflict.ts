// Two VirtualServices for calls inside the mesh name the same host and are seen in the same namespace, so that only one of them acts (IST0109).
// Source: Istio's virtualservice.ConflictingMeshGatewayHostsAnalyzer.
import type { Analyzer } from '#analyze/analyzer.ts';
import { qualify } from '#analyze/destination-host.ts';
import type { KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { hostCovers, isWildcard } from '#model/hostname.ts';

type Claim = { readonly virtualService: KindMap['VirtualService']; readonly scope: string; readonly host: string; readonly written: number };

export const meshHostConflict: Analyzer = {
  name: 'mesh-host-conflict',
  run: ({ resources, domain }) => {
    const claims = [...resources.VirtualService.values()].filter(isForMesh).flatMap((virtualService) => claimsOf(virtualService, domain));
    const byHost = Map.groupBy(claims, ({ host }) => host);
    const wildcards = claims.filter(({ host }) => isWildcard(host));
    const reported = new Set<KindMap['VirtualService']>();
    return claims.flatMap((claim): readonly Diagnostic[] => {
      // Only equal hosts and wildcards can collide; a wildcard itself is compared with everything.
      const near = isWildcard(claim.host) ? claims : [...(byHost.get(claim.host) ?? []), ...wildcards];
      const rivals = near.filter((other) => other.virtualService !== claim.virtualService && (collide(claim, other) || collide(other, claim)));
      if (rivals.length === 0 || reported.has(claim.virtualService)) return [];
      reported.add(claim.virtualService);
      const names = [...new Set(rivals.map(({ virtualService }) => resourceKey(virtualService.metadata)))].sort();
      return [
        {
          code: 'IST0109',
          severity: 'error',
          message: `host ${claim.host} is also claimed by VirtualService ${names.join(', ')}; inside the mesh only one of them acts`,
          hint: 'merge them into one VirtualService',
          at: claim.virtualService.origins.at(['spec', 'hosts', claim.written]),
          related: rivals.map(({ virtualService, written }) => ({
            message: `VirtualService ${resourceKey(virtualService.metadata)}`,
            at: virtualService.origins.at(['spec', 'hosts', written]),
          })),
        },
      ];
    });
  },
};

function isForMesh({ spec }: KindMap['VirtualService']): boolean {
  const { gateways = [] } = spec;
  return gateways.length === 0 || gateways.includes('mesh');
}

function claimsOf(virtualService: KindMap['VirtualService'], domain: string): readonly Claim[] {
  const { metadata, spec } = virtualService;
  const { exportTo = [], hosts = [] } = spec;
  const isForAll = exportTo.length === 0 || exportTo.includes('*');
  const scopes = isForAll ? ['*'] : [...new Set(exportTo.map((scope) => (scope === '.' ? metadata.namespace : scope)))];
  return scopes.flatMap((scope) =>
    hosts.map((host, written) => ({ virtualService, scope, host: qualify(host, metadata.namespace, domain), written })),
  );
}

/** Equal hosts in one scope; a claim of one namespace also meets those for all namespaces whose host covers it. */
function collide(a: Claim, b: Claim): boolean {
  if (a.scope === b.scope) return a.host === b.host;
  return b.scope === '*' && hostCovers(b.host, a.host);
}
