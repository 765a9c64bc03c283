// Which Sidecar is in force for a proxy. Source: Istio, PushContext.getSidecarScope and initSidecarScopes.
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import type { Sidecar } from '#model/sidecar.ts';

/** The Sidecars of a mesh by namespace, those with a selector first, older ones first. Made once per mesh. */
export type SidecarIndex = { readonly byNamespace: ReadonlyMap<string, readonly Sidecar[]>; readonly ofMesh: Sidecar | undefined };

export function indexSidecars({ sidecars, settings }: Pick<Mesh, 'sidecars' | 'settings'>): SidecarIndex {
  const selecting = sidecars.filter(({ workloadSelector }) => workloadSelector !== undefined);
  const general = sidecars.filter(({ workloadSelector }) => workloadSelector === undefined);
  return {
    byNamespace: Map.groupBy([...selecting, ...general], ({ namespace }) => namespace),
    ofMesh: general.find(({ namespace }) => namespace === settings.rootNamespace),
  };
}

/** One that selects the workload, else the namespace's own, else the mesh's. Gateways have none. */
export function sidecarFor({ byNamespace, ofMesh }: SidecarIndex, mesh: Mesh, proxy: Proxy): Sidecar | undefined {
  if (proxy.type === 'router') return undefined;
  const labels = mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  const own = byNamespace.get(proxy.namespace)?.find(({ workloadSelector = {} }) => labelsMatch(workloadSelector, labels));
  return own ?? ofMesh;
}
