// Which host names exist for whom: Services of the cluster and ServiceEntries, with exportTo. Source: Istio, service discovery and exportTo.
import type { ResourcesByKind } from '#api/kinds.ts';
import { hostCovers, isWildcard } from '#model/hostname.ts';

export type KnownHost = {
  readonly hostname: string;
  readonly kind: 'Service' | 'ServiceEntry';
  readonly name: string;
  readonly namespace: string;
  readonly ports: readonly number[];
  /** Empty where the service has none. */
  readonly selector: Readonly<Record<string, string>>;
  /** Namespaces that see it; `*` for all. */
  readonly visibleIn: ReadonlySet<string>;
};

export class HostIndex {
  readonly #exact = new Map<string, KnownHost[]>();
  readonly #wildcards: KnownHost[] = [];

  constructor(resources: ResourcesByKind, domain: string) {
    for (const { metadata, spec } of resources.Service.values()) {
      const { name, namespace, annotations } = metadata;
      this.#add({
        hostname: `${name}.${namespace}.svc.${domain}`,
        kind: 'Service',
        name,
        namespace,
        ports: (spec.ports ?? []).map((port) => port.port),
        selector: spec.selector ?? {},
        visibleIn: scopes(annotations['networking.istio.io/exportTo']?.split(','), namespace),
      });
    }
    for (const { metadata, spec } of resources.ServiceEntry.values()) {
      for (const host of spec.hosts) {
        this.#add({
          hostname: host.toLowerCase(),
          kind: 'ServiceEntry',
          name: metadata.name,
          namespace: metadata.namespace,
          ports: (spec.ports ?? []).map((port) => port.number),
          selector: spec.workloadSelector?.labels ?? {},
          visibleIn: scopes(spec.exportTo, metadata.namespace),
        });
      }
    }
  }

  #add(host: KnownHost): void {
    if (isWildcard(host.hostname)) this.#wildcards.push(host);
    const same = this.#exact.get(host.hostname);
    if (same === undefined) this.#exact.set(host.hostname, [host]);
    else same.push(host);
  }

  /** The host that `hostname` (fully qualified, lower case) stands for as seen from any of `namespaces`. */
  find(hostname: string, namespaces: readonly string[]): KnownHost | undefined {
    const isVisible = ({ visibleIn }: KnownHost): boolean => visibleIn.has('*') || namespaces.some((namespace) => visibleIn.has(namespace));
    return this.#exact.get(hostname)?.find(isVisible) ?? this.#wildcards.find((host) => isVisible(host) && hostCovers(host.hostname, hostname));
  }

  /** Whether the host exists at all, seen or not. */
  exists(hostname: string): boolean {
    return this.#exact.has(hostname);
  }

  all(): readonly KnownHost[] {
    return [...this.#exact.values()].flat();
  }
}

function scopes(exportTo: readonly string[] | undefined, namespace: string): ReadonlySet<string> {
  if (exportTo === undefined || exportTo.length === 0) return new Set(['*']);
  return new Set(exportTo.map((scope) => (scope.trim() === '.' ? namespace : scope.trim())));
}
