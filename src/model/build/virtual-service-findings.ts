// What Istio accepts in silence and users are surprised by: weights that do not add up to 100, and hosts that an older virtual service has.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import type { VirtualService } from '#model/virtual-service.ts';
import type { Visibility } from '#model/visibility.ts';

/** Warnings about virtual services in order of precedence. Routes of the Gateway API share out and overlap by rules of their own. */
export function virtualServiceDiagnostics(virtualServices: readonly VirtualService[]): readonly Diagnostic[] {
  const written = virtualServices.filter(({ semantics }) => semantics === undefined);
  return [...weightDiagnostics(written), ...hostDiagnostics(written)];
}

function weightDiagnostics(virtualServices: readonly VirtualService[]): readonly Diagnostic[] {
  // Rules of a delegate are in every virtual service that delegates to it.
  const seen = new Set<Origin>();
  return virtualServices.flatMap(({ http, tcp, tls }) =>
    [...http, ...tcp, ...tls].flatMap(({ destinations, origin }): readonly Diagnostic[] => {
      const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
      if (destinations.length < 2 || total === 100 || seen.has(origin)) return [];
      seen.add(origin);
      const shares = destinations.map(({ host, subset, weight }) => {
        const name = subset === undefined ? host.written : `${host.written} ${subset}`;
        return `${name} ${Number(((weight / total) * 100).toFixed(1))} %`;
      });
      return [
        {
          code: 'HDL0015',
          severity: 'warning',
          message: `the weights add up to ${total}, not 100: they count as shares, ${shares.join(', ')}`,
          hint: 'give weights that add up to 100',
          at: destinations[0]?.origin ?? origin,
        },
      ];
    }),
  );
}

/** Inside the mesh one virtual service decides about a host for each client; at gateways they are joined. */
function hostDiagnostics(virtualServices: readonly VirtualService[]): readonly Diagnostic[] {
  const claims = new Map<string, VirtualService[]>();
  const found: Diagnostic[] = [];
  for (const virtualService of virtualServices) {
    if (!virtualService.gateways.includes('mesh')) continue;
    for (const { hostname, written, origin } of virtualService.hosts) {
      const earlier = claims.get(hostname) ?? [];
      const rival = earlier.find(({ visibility }) => overlaps(visibility, virtualService.visibility));
      claims.set(hostname, [...earlier, virtualService]);
      if (rival === undefined) continue;
      found.push({
        code: 'IST0109',
        severity: 'warning',
        message: `host ${written} is also claimed by VirtualService ${rival.namespace}/${rival.name}; inside the mesh only one of them acts for a client`,
        hint: 'merge them: the older one acts, one exported to the client by name before one for all',
        at: origin,
        related: [{ message: `VirtualService ${rival.namespace}/${rival.name}`, at: rival.origin }],
      });
    }
  }
  return found;
}

function overlaps(a: Visibility, b: Visibility): boolean {
  if (a.kind === 'everywhere' || b.kind === 'everywhere') return true;
  return [...a.namespaces].some((namespace) => b.namespaces.has(namespace));
}
