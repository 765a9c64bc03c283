// References to nothing: a route to a host that nobody has, a subset that no destination rule defines, a Gateway that does not exist.
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { IdentityCache, PartsCache } from '#base/identity-cache.ts';
import type { Origin } from '#base/origin.ts';
import { hostCovers, isWildcard } from '#model/hostname.ts';
import type { Mesh } from '#model/mesh.ts';
import { explainMissingHost, type NamedHost } from '#model/missing-host.ts';
import type { VirtualService, WeightedDestination } from '#model/virtual-service.ts';

type Parts = Omit<Mesh, 'diagnostics'>;

/** Which host was meant instead of one that is missing takes a look at all hosts: remembered as long as these have the same names. */
export class HostHints {
  readonly #known = new PartsCache<readonly NamedHost[]>();
  readonly #hints = new IdentityCache<string>();
  #last: { readonly services: Mesh['services']; readonly known: readonly NamedHost[] } | undefined;

  /** `services`: those that are there. */
  hint({ written, hostname }: WeightedDestination['host'], namespace: string, services: Mesh['services']): string {
    const known = this.#hosts(services);
    return this.#hints.get([known], `${namespace} ${written} ${hostname}`, () => {
      const { because, hint } = explainMissingHost({ written, hostname, namespace }, known);
      return [because, hint ?? 'no Service has this name'].filter((part) => part !== undefined).join('; ');
    });
  }

  #hosts(services: Mesh['services']): readonly NamedHost[] {
    if (this.#last?.services === services) return this.#last.known;
    const all = [...services.values()];
    const names = all.flatMap(({ hostname, name, namespace, registry }) => [hostname, name, namespace, registry]);
    const known = this.#known.get('', names, () =>
      all.map(({ hostname, name, namespace, registry }) => ({ hostname, name, namespace, isService: registry === 'kubernetes' })),
    );
    this.#last = { services, known };
    return known;
  }
}

/** IST0101, Istio's ReferencedResourceNotFound, for every reference of a virtual service that leads nowhere. */
export function referenceDiagnostics(mesh: Parts, hints: HostHints = new HostHints()): readonly Diagnostic[] {
  const gateways = new Set(mesh.gateways.map(({ namespace, name }) => `${namespace}/${name}`));
  const subsets = subsetsByHost(mesh);
  // Routes of the Gateway API have words of their own for it.
  const written = mesh.virtualServices.filter(({ semantics }) => semantics !== 'gateway-api');
  return written.flatMap((virtualService) => [
    ...gatewayDiagnostics(virtualService, gateways),
    ...allDestinations(virtualService).flatMap((destination) => destinationDiagnostics(destination, virtualService, { mesh, subsets, hints })),
  ]);
}

function gatewayDiagnostics(virtualService: VirtualService, known: ReadonlySet<string>): readonly Diagnostic[] {
  return virtualService.gateways
    .filter((gateway) => gateway !== 'mesh' && !known.has(gateway))
    .map((gateway) => notFound('gateway', gateway, virtualService.origin, suggestion(gateway, known)));
}

type Named = Pick<WeightedDestination, 'host' | 'subset' | 'port'>;

/** Of rules and of their mirrors. */
function allDestinations({ http, tls, tcp }: VirtualService): readonly Named[] {
  const mirrors = http.flatMap(({ mirrors: ofRule = [] }) => ofRule.map(({ destination }) => destination));
  return [...[...http, ...tls, ...tcp].flatMap(({ destinations }) => destinations), ...mirrors];
}

function destinationDiagnostics(
  { host, subset, port }: Named,
  { namespace }: VirtualService,
  { mesh, subsets, hints }: { readonly mesh: Parts; readonly subsets: SubsetIndex; readonly hints: HostHints },
): readonly Diagnostic[] {
  if (!isKnownHost(mesh, host.hostname)) return [notFound('host', host.written, host.origin, hints.hint(host, namespace, mesh.services))];
  const ports = portsOf(mesh, host.hostname);
  if (port !== undefined && !ports.includes(port)) {
    return [notFound('host:port', `${host.written}:${port}`, host.origin, `the ports of ${host.hostname} are ${ports.join(', ')}`)];
  }
  if (subset === undefined) return [];
  const known = subsets.of(host.hostname);
  if (known.has(subset)) return [];
  const hint = known.size === 0 ? `define it in a DestinationRule for ${host.hostname}` : suggestion(subset, known);
  return [notFound('host+subset in destinationrule', `${host.written}+${subset}`, host.origin, hint)];
}

/** A service's own name, or an alias of one. A name that only a wildcard of a ServiceEntry covers has no cluster, as in Istio. */
function isKnownHost({ services, aliases }: Parts, hostname: string): boolean {
  return services.has(hostname) || services.has(aliases.get(hostname)?.target ?? '');
}

function portsOf({ services, aliases }: Parts, hostname: string): readonly number[] {
  const service = services.get(hostname) ?? services.get(aliases.get(hostname)?.target ?? '');
  return (service?.ports ?? []).map(({ number }) => number);
}

function suggestion(word: string, known: Iterable<string>): string | undefined {
  const best = closest(word, known);
  return best === undefined ? undefined : `did you mean ${best}?`;
}

type SubsetIndex = { readonly of: (hostname: string) => ReadonlySet<string> };

/** The subsets that any destination rule defines for a host. */
function subsetsByHost(mesh: Parts): SubsetIndex {
  const byHost = Map.groupBy(mesh.destinationRules, ({ host }) => host.hostname);
  const wildcards = [...byHost].filter(([host]) => isWildcard(host));
  return {
    of: (hostname) => {
      const covering = wildcards.filter(([host]) => hostCovers(host, hostname)).flatMap(([, rules]) => rules);
      return new Set([...(byHost.get(hostname) ?? []), ...covering].flatMap(({ subsets }) => subsets.map(({ name }) => name)));
    },
  };
}

/** Istio's words for it. */
function notFound(kind: string, name: string, at: Origin, hint: string | undefined): Diagnostic {
  const diagnostic: Diagnostic = { code: 'IST0101', severity: 'error', message: `Referenced ${kind} not found: "${name}"`, at };
  return hint === undefined ? diagnostic : { ...diagnostic, hint };
}
