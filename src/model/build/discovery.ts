// MeshConfig.discoverySelectors: the namespaces that are part of the mesh at all. In: all resources. Out: those of the namespaces that are
// chosen, and of the root namespace; kinds that belong to no namespace stay whole.
import { type AnyResource, kindNames, kinds, type ResourcesByKind } from '#api/kinds.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { selectsNamespace } from '#model/build/namespace-labels.ts';
import type { MeshSettings } from '#model/mesh.ts';

/** The same object where nothing is selected by namespace; maps of kinds without a change stay the same. */
export function discoveredResources(resources: ResourcesByKind, settings: MeshSettings, memo: BuildMemo): ResourcesByKind {
  const { discoverySelectors, rootNamespace } = settings;
  if (discoverySelectors === undefined) return resources;
  const known = new Map<string, boolean>([[rootNamespace, true]]);
  const isIn = (namespace: string): boolean => {
    let found = known.get(namespace);
    if (found === undefined) {
      found = discoverySelectors.some((selector) => selectsNamespace(selector, namespace, resources.Namespace));
      known.set(namespace, found);
    }
    return found;
  };
  const discovered = kindNames().map((kind) => {
    const all: ReadonlyMap<string, AnyResource> = resources[kind];
    if (kinds[kind].scope === 'cluster') return [kind, all] as const;
    const chosen = memo.discovered.get(kind, [all, resources.Namespace, settings], () => filterMap(all, ({ metadata }) => isIn(metadata.namespace)));
    return [kind, chosen] as const;
  });
  // Every kind keeps the resources it had.
  return Object.fromEntries(discovered) as unknown as ResourcesByKind;
}

function filterMap<Value>(all: ReadonlyMap<string, Value>, keep: (value: Value) => boolean): ReadonlyMap<string, Value> {
  return new Map([...all].filter(([, value]) => keep(value)));
}
