// Two Gateways open the same port for the same host on the same workloads (IST0145). Source: Istio's gateway.ConflictingGatewayAnalyzer.
import { type Analyzer, formatLabels } from '#analyze/analyzer.ts';
import type { Facts } from '#analyze/facts.ts';
import type { KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { labelsMatch } from '#model/labels.ts';

type Gateway = KindMap['Gateway'];
type Server = NonNullable<Gateway['spec']['servers']>[number];

export const gatewayConflict: Analyzer = {
  name: 'gateway-conflict',
  run: (facts) => {
    const gateways = [...facts.resources.Gateway.values()];
    const claims = claimsByHost(gateways);
    return gateways.flatMap((gateway) =>
      (gateway.spec.servers ?? []).flatMap((server, index) => {
        const others = new Set(server.hosts.flatMap((host) => [...(claims.get(claimKey(server, host)) ?? [])]));
        const rivals = [...others].filter((other) => other !== gateway && shareWorkloads(gateway, other, facts));
        return checkServer(gateway, server, index, rivals);
      }),
    );
  },
};

/** Which Gateways open a port for a host, so that only those are compared. */
function claimsByHost(gateways: readonly Gateway[]): ReadonlyMap<string, ReadonlySet<Gateway>> {
  const claims = new Map<string, Set<Gateway>>();
  for (const gateway of gateways) {
    for (const server of gateway.spec.servers ?? []) {
      for (const host of server.hosts) {
        const key = claimKey(server, host);
        claims.set(key, (claims.get(key) ?? new Set()).add(gateway));
      }
    }
  }
  return claims;
}

function claimKey({ port, bind = '' }: Server, host: string): string {
  return `${port.number} ${bind} ${host}`;
}

function checkServer(gateway: Gateway, server: Server, index: number, rivals: readonly Gateway[]): readonly Diagnostic[] {
  const conflicts = rivals.flatMap((rival) => {
    const at = (rival.spec.servers ?? []).findIndex((other) => conflicting(server, other));
    return at === -1 ? [] : [{ rival, at: rival.origins.at(['spec', 'servers', at]) }];
  });
  if (conflicts.length === 0) return [];
  const names = conflicts.map(({ rival }) => resourceKey(rival.metadata)).join(', ');
  return [
    {
      code: 'IST0145',
      severity: 'error',
      message: `port ${server.port.number} for ${server.hosts.join(', ')} is also opened by Gateway ${names} (workloads with ${formatLabels(gateway.spec.selector ?? {})})`,
      hint: 'keep one of them, or give them different hosts or ports',
      at: gateway.origins.at(['spec', 'servers', index]),
      related: conflicts.map(({ rival, at }) => ({ message: `Gateway ${resourceKey(rival.metadata)}`, at })),
    },
  ];
}

function conflicting(a: Server, b: Server): boolean {
  const keys = new Set(a.hosts.map((host) => claimKey(a, host)));
  return b.hosts.some((host) => keys.has(claimKey(b, host)));
}

/** Equal selectors, or one Pod that both select. */
function shareWorkloads(a: Gateway, b: Gateway, { templates }: Facts): boolean {
  const first = a.spec.selector ?? {};
  const second = b.spec.selector ?? {};
  if (labelsMatch(first, second) && labelsMatch(second, first)) return true;
  return templates.some(({ labels }) => labelsMatch(first, labels) && labelsMatch(second, labels));
}
