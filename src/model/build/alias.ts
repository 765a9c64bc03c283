// In: Services of type ExternalName. Out: the host each of them stands for in the end. Source: Istio, resolveServiceAliases.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { visibilityOfAnnotation } from '#model/build/export-to.ts';
import { serviceHostname } from '#model/build/host-resolution.ts';
import { isExternalName, servicePorts } from '#model/build/service.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Alias } from '#model/service.ts';

/** By host name, in the order of the resources. */
export function buildAliases({ Service }: Pick<ResourcesByKind, 'Service'>, settings: MeshSettings): ReadonlyMap<string, Alias> {
  const { domain } = settings;
  const named = [...Service.values()].filter(isExternalName);
  const targets = new Map(named.map(({ metadata, spec }) => [serviceHostname(metadata.name, metadata.namespace, domain), targetOf(spec)]));
  return new Map(named.map((resource) => toAlias(resource, targets, settings)).map((alias) => [alias.hostname, alias]));
}

function toAlias(resource: KindMap['Service'], targets: ReadonlyMap<string, string>, { domain, defaultExportTo }: MeshSettings): Alias {
  const { metadata, origins } = resource;
  const { name, namespace, annotations } = metadata;
  const hostname = serviceHostname(name, namespace, domain);
  return {
    hostname,
    name,
    namespace,
    target: finalTarget(hostname, targets),
    ports: servicePorts(resource),
    visibility: visibilityOfAnnotation(annotations['networking.istio.io/exportTo'], namespace, defaultExportTo?.service),
    origin: origins.at(['spec', 'externalName']),
  };
}

/** Names in DNS may end with a dot and have no case. */
function targetOf({ externalName = '' }: KindMap['Service']['spec']): string {
  return externalName.toLowerCase().replace(/\.$/, '');
}

function finalTarget(hostname: string, targets: ReadonlyMap<string, string>): string | undefined {
  const seen = new Set([hostname]);
  let target = targets.get(hostname) ?? '';
  for (;;) {
    if (seen.has(target)) return undefined;
    seen.add(target);
    const next = targets.get(target);
    if (next === undefined) return target;
    target = next;
  }
}

/** The aliases of each host, sorted by namespace and name. */
export function aliasesByTarget(aliases: ReadonlyMap<string, Alias>): ReadonlyMap<string, readonly string[]> {
  const sorted = [...aliases.values()].sort((a, b) => (`${a.namespace}/${a.hostname}` < `${b.namespace}/${b.hostname}` ? -1 : 1));
  const byTarget = new Map<string, string[]>();
  for (const { target, hostname } of sorted) {
    if (target === undefined) continue;
    const known = byTarget.get(target);
    if (known === undefined) byTarget.set(target, [hostname]);
    else known.push(hostname);
  }
  return byTarget;
}

/** HDL0031 for an alias that leads back to itself: no name server answers for it either. */
export function aliasDiagnostics(aliases: ReadonlyMap<string, Alias>): readonly Diagnostic[] {
  return [...aliases.values()]
    .filter(({ target }) => target === undefined)
    .map(({ namespace, name, origin }) => ({
      code: 'HDL0031',
      severity: 'error',
      message: `Service ${namespace}/${name} of type ExternalName stands for itself, through other Services of that type`,
      hint: 'let externalName be a host that is no such Service',
      at: origin,
    }));
}
