// `heddle scale` and `heddle rollout`: other numbers of pods, pods started anew, and how far that has come.

import type { ChangeAnswer, ResourceName, RolloutView, VerbFailure } from '#admin/client/verbs.ts';
import type { KindMap } from '#api/kinds.ts';
import { isUpToDate, podsOf, wantedOf } from '#app/verbs/columns.ts';
import { findResource } from '#app/verbs/get.ts';
import { labelOf, resolveKind } from '#app/verbs/kind-names.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { type Restartable, restartable } from '#app/verbs/pod-overrides.ts';
import { failed, ok, type Result } from '#base/result.ts';

export function scale({ replicas, ...name }: ResourceName & { readonly replicas: number }, live: LiveMesh): Result<ChangeAnswer, VerbFailure> {
  const found = findController(name, live);
  if (!found.ok) return found;
  const controller = found.value;
  if (controller.kind === 'DaemonSet') return failed({ status: 400, error: 'a DaemonSet has one pod a node, and this machine is one node' });
  const before = controller.spec.replicas ?? 1;
  live.overrides.scale(controller, replicas);
  const note = `from ${before} to ${replicas}, until the mesh ends or its file says another number`;
  return ok(answerFor(controller, 'scaled', note));
}

export function restart(name: ResourceName, live: LiveMesh): Result<ChangeAnswer, VerbFailure> {
  const found = findController(name, live);
  if (!found.ok) return found;
  live.overrides.restart(found.value, new Date(live.clock.nowMs()).toISOString());
  return ok(answerFor(found.value, 'restarted'));
}

/** Done when every pod that is wanted runs as it is asked for now and is ready, and no other one of the controller runs. */
export function rollout(name: ResourceName, live: LiveMesh): Result<RolloutView, VerbFailure> {
  const found = findController(name, live);
  if (!found.ok) return found;
  const controller = found.value;
  const resource = `${labelOf(controller.kind)}/${controller.metadata.name}`;
  const wanted = wantedOf(controller);
  const runs = podsOf(controller, live);
  const updated = runs.filter((run) => isUpToDate(run, live));
  const ready = updated.filter((run) => run.ready).length;
  const leaving = live
    .runs()
    .filter(
      ({ stopping, plan }) =>
        stopping &&
        plan.owner?.kind === controller.kind &&
        plan.owner.name === controller.metadata.name &&
        plan.pod.metadata.namespace === controller.metadata.namespace,
    );
  const old = runs.length - updated.length + leaving.length;
  if (updated.length < wanted) return ok({ resource, isDone: false, message: `${updated.length} of ${wanted} new pods have been started` });
  if (ready < wanted) return ok({ resource, isDone: false, message: `${ready} of ${wanted} new pods are ready` });
  if (old > 0) return ok({ resource, isDone: false, message: `${old} old ${old === 1 ? 'pod is' : 'pods are'} still to end` });
  return ok({ resource, isDone: true, message: `${ready} of ${wanted} pods are ready and up to date` });
}

function findController({ kind: word, name, namespace }: ResourceName, live: LiveMesh): Result<KindMap[Restartable], VerbFailure> {
  const resources = live.resources();
  const kind = resolveKind(word, (one) => resources[one].size);
  if (!kind.ok) return kind;
  const found = restartable.find((one) => one === kind.value);
  if (found === undefined)
    return failed({ status: 400, error: `a ${kind.value} has no pods of its own`, hint: `kinds that have: ${restartable.join(', ')}` });
  const resource = findResource(found, name, namespace, live);
  if (!resource.ok) return resource;
  // It was looked up among its kind.
  return ok(resource.value as KindMap[Restartable]);
}

function answerFor({ kind, metadata }: KindMap[Restartable], change: 'scaled' | 'restarted', note?: string): ChangeAnswer {
  return {
    changes: [{ resource: `${labelOf(kind)}/${metadata.name}`, namespace: metadata.namespace, change, ...(note !== undefined && { note }) }],
    diagnostics: [],
  };
}
