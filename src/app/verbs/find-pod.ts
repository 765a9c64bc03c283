// From what a command names (a pod, a Deployment, a Service) to one pod that runs, and to the container or port that is meant.

import type { ForwardRequest, ResourceName, VerbFailure } from '#admin/client/verbs.ts';
import { resourceKey } from '#api/resource.ts';
import { podsOf } from '#app/verbs/columns.ts';
import { findResource } from '#app/verbs/get.ts';
import { resolveKind } from '#app/verbs/kind-names.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { namedPort, selects, targetPort } from '#runtime/pod-ports.ts';
import type { PodRun } from '#runtime/pod-run.ts';

/** The pod of that name; of a controller or Service, one of its pods, a ready one before others. */
export function findRun({ kind: word, name, namespace }: ResourceName, live: LiveMesh): Result<PodRun, VerbFailure> {
  const resources = live.resources();
  const kind = resolveKind(word, (one) => resources[one].size);
  if (!kind.ok) return kind;
  if (kind.value === 'Endpoints' || kind.value === 'Event') return failed({ status: 400, error: `${kind.value} are no pods` });
  const resource = findResource(kind.value, name, namespace, live);
  if (!resource.ok) return resource;
  const found = resource.value;
  const runs =
    found.kind === 'Pod'
      ? live.current().filter(({ plan }) => plan.key === resourceKey(found.metadata))
      : found.kind === 'Service'
        ? live.current().filter(({ plan }) => selects(found, plan.pod))
        : podsOf(found, live);
  const run = runs.find(({ ready }) => ready) ?? runs.find(({ stopping }) => !stopping) ?? runs[0];
  if (run === undefined) return failed({ status: 409, error: `${found.kind} ${name} has no pod that runs`, hint: 'heddle get pods' });
  return ok(run);
}

/** The container port that a port of the pod or Service means. */
export function findPort({ kind, name, namespace, port }: ForwardRequest, run: PodRun, live: LiveMesh): Result<number, VerbFailure> {
  const number = /^\d+$/.test(port) ? Number(port) : undefined;
  const resolved = resolveKind(kind, () => 0);
  if (resolved.ok && resolved.value === 'Service') {
    const service = findResource('Service', name, namespace, live);
    if (!service.ok) return service;
    const ports = service.value.kind === 'Service' ? (service.value.spec.ports ?? []) : [];
    const meant = ports.find((one) => one.name === port || one.port === number);
    const target = meant === undefined ? undefined : targetPort(run.plan.pod, meant);
    if (target !== undefined) return ok(target);
    const hint = `it has: ${ports.map((one) => (one.name === undefined ? one.port : `${one.port} (${one.name})`)).join(', ')}`;
    return failed({ status: 404, error: `Service ${name} has no port ${port}`, hint });
  }
  if (number !== undefined && (number < 1 || number > 65_535)) {
    return failed({ status: 400, error: `there is no port ${port}`, hint: 'a port is a number from 1 to 65535, or the name of one' });
  }
  const target = number ?? namedPort(run.plan.pod, port);
  if (target === undefined)
    return failed({ status: 404, error: `Pod ${name} has no port named ${port}`, hint: `it serves: ${run.plan.inbound.join(', ')}` });
  return ok(target);
}
