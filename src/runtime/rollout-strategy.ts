// How the pods of one controller are replaced, as Kubernetes has it: how many at a time, and who goes first. Pure.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { PodOwner } from '#api/workload-pods.ts';

export type RolloutStrategy = {
  /** Pods with one of these names are counted together: `Deployment default/reviews-v1`; a pod without owner is alone. */
  readonly group: string;
  /** `new`: it is ready before the old one leaves. `old`: two of them at once would have one name and one store. */
  readonly first: 'new' | 'old';
  /** How many may be under way in the group. */
  readonly most: number;
};

/** Deployment.spec.strategy (maxSurge, or maxUnavailable where that is 0, but always a new pod first unless Recreate); StatefulSets one by one. */
export function rolloutStrategy(
  podKey: string,
  namespace: string,
  owner: PodOwner | undefined,
  resources: Pick<ResourcesByKind, 'Deployment' | 'StatefulSet'>,
): RolloutStrategy {
  if (owner === undefined) return { group: podKey, first: 'new', most: 1 };
  const key = resourceKey({ namespace, name: owner.name });
  const group = `${owner.kind} ${key}`;
  if (owner.kind === 'StatefulSet') return { group, first: 'old', most: 1 };
  if (owner.kind === 'Deployment') return ofDeployment(group, resources.Deployment.get(key));
  return { group, first: 'new', most: 1 };
}

function ofDeployment(group: string, deployment: KindMap['Deployment'] | undefined): RolloutStrategy {
  const { replicas = 1, strategy } = deployment?.spec ?? {};
  if (strategy?.type === 'Recreate') return { group, first: 'old', most: Math.max(1, replicas) };
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  // Kubernetes rounds the one up and the other down.
  const surge = Math.ceil(share(maxSurge, replicas));
  const most = surge > 0 ? surge : Math.floor(share(maxUnavailable, replicas));
  return { group, first: 'new', most: Math.max(1, most) };
}

/** `25%` of `total`, or a number as it is. */
function share(value: number | string, total: number): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  return percent === undefined ? Number(value) || 0 : (Number(percent) / 100) * total;
}
