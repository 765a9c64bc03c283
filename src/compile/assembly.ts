// Units put together: resources by type and name, and their origins. Assemblies that many proxies have in common are made once and joined;
// a type that comes from one assembly alone keeps that assembly's map.
import type { Unit } from '#compile/unit.ts';
import { OriginTable } from '#envoy/origin-table.ts';
import type { ResourceSet, XdsResource } from '#envoy/resource.ts';
import type { TypeUrl } from '#envoy/type-url.ts';

export type Assembly = { readonly resources: ResourceSet; readonly origins: OriginTable };

export function assemble(units: readonly Unit[]): Assembly {
  const resources = new Map<TypeUrl, Map<string, XdsResource>>();
  for (const { resource } of units) {
    const ofType = resources.get(resource.typeUrl);
    if (ofType === undefined) resources.set(resource.typeUrl, new Map([[resource.name, resource]]));
    else ofType.set(resource.name, resource);
  }
  return { resources, origins: new OriginTable(units.map(({ origins }) => origins)) };
}

/** Later assemblies win where names are the same; they never are, as each type's names tell where a resource is from. */
export function join(assemblies: readonly Assembly[]): Assembly {
  const resources = new Map<TypeUrl, ReadonlyMap<string, XdsResource>>();
  for (const assembly of assemblies) {
    for (const [typeUrl, ofType] of assembly.resources) {
      const known = resources.get(typeUrl);
      resources.set(typeUrl, known === undefined ? ofType : joinMaps(known, ofType));
    }
  }
  return { resources, origins: new OriginTable(assemblies.map(({ origins }) => origins)) };
}

function joinMaps<Key, Value>(first: ReadonlyMap<Key, Value>, second: ReadonlyMap<Key, Value>): ReadonlyMap<Key, Value> {
  const joined = new Map(first);
  for (const [key, value] of second) joined.set(key, value);
  return joined;
}
