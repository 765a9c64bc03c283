// Expands controllers into the Pods they would make: `<name>-<n>`, n from 0 (a StatefulSet's n starts at its ordinals.start), so that pod
// names agree between the offline model and the processes that `heddle up` starts. Pure. Every field of such a Pod has its place in the
// controller's file: `spec.containers[0]` of the Pod is `spec.template.spec.containers[0]` of the Deployment.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { PodTemplate } from '#api/kubernetes/pod.ts';
import { type FieldOrigins, type ObjectMeta, resourceKey } from '#api/resource.ts';
import { resourceName } from '#api/resource-name.ts';
import { formatPath } from '#base/origin.ts';

export type ControllerKind = 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet' | 'Job';

/** Which controller a Pod comes from; absent for a Pod that was written by hand. */
export type PodOwner = { readonly kind: ControllerKind; readonly name: string; readonly index: number };

/** A Pod to run, and who wants it. `controller`: which one makes Pods of its name, also where this one was there before. */
export type WorkloadPod = { readonly pod: KindMap['Pod']; readonly owner?: PodOwner; readonly controller?: string };

const controllerKinds = ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job'] as const satisfies readonly ControllerKind[];

/**
 * The Pods of all controllers and the Pods written by hand, by `namespace/name` in a stable order. A Pod that is there under its own name
 * (written by hand, or running) comes before the one a controller would make of that name.
 */
export function workloadPods(resources: Pick<ResourcesByKind, 'Pod' | ControllerKind>): ReadonlyMap<string, WorkloadPod> {
  const pods = new Map<string, WorkloadPod>();
  for (const [key, pod] of resources.Pod) pods.set(key, { pod });
  for (const kind of controllerKinds) {
    for (const controller of resources[kind].values()) {
      for (const made of expandController(controller)) {
        const key = resourceKey(made.pod.metadata);
        const there = pods.get(key);
        pods.set(key, { ...(there ?? made), controller: controller.metadata.name });
      }
    }
  }
  return pods;
}

/** The Pods that one controller makes. A DaemonSet makes one: here there is one node. */
export function expandController(controller: KindMap[ControllerKind]): readonly WorkloadPod[] {
  const { template } = controller.spec;
  const first = controller.kind === 'StatefulSet' ? (controller.spec.ordinals?.start ?? 0) : 0;
  return Array.from({ length: podCount(controller) }, (_, offset) => {
    const index = first + offset;
    return { pod: podFromTemplate(controller, template, index), owner: { kind: controller.kind, name: controller.metadata.name, index } };
  });
}

function podCount(controller: KindMap[ControllerKind]): number {
  switch (controller.kind) {
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet':
      return controller.spec.replicas ?? 1;
    case 'DaemonSet':
      return 1;
    case 'Job':
      // As many as run at a time (Kubernetes: min(parallelism, completions)); a suspended Job runs none.
      if (controller.spec.suspend === true) return 0;
      return Math.min(controller.spec.parallelism ?? 1, controller.spec.completions ?? Number.POSITIVE_INFINITY);
  }
}

function podFromTemplate(controller: KindMap[ControllerKind], template: PodTemplate, index: number): KindMap['Pod'] {
  const metadata: ObjectMeta = Object.freeze({
    name: `${controller.metadata.name}-${index}`,
    namespace: controller.metadata.namespace,
    labels: template.metadata?.labels ?? {},
    annotations: template.metadata?.annotations ?? {},
    ...(controller.metadata.creationTimestamp !== undefined && { creationTimestamp: controller.metadata.creationTimestamp }),
  });
  const pod = { apiVersion: 'v1', kind: 'Pod' as const, metadata };
  return Object.freeze({
    ...pod,
    origins: templateOrigins(controller.origins, resourceName(pod)),
    spec: podSpec(controller, template, metadata.name),
  });
}

type PodSpec = PodTemplate['spec'];

/** The same objects again for the same template: what is made of a Pod is found again by them. */
const ofStatefulSets = new WeakMap<PodSpec, Map<string, PodSpec>>();

/** A StatefulSet's pods have a name each below its headless Service: its controller writes that into them. */
function podSpec(controller: KindMap[ControllerKind], { spec }: PodTemplate, hostname: string): PodSpec {
  if (controller.kind !== 'StatefulSet') return spec;
  const { serviceName: subdomain = '' } = controller.spec;
  const key = `${hostname} ${subdomain}`;
  const known = ofStatefulSets.get(spec) ?? new Map<string, PodSpec>();
  ofStatefulSets.set(spec, known);
  const made = known.get(key) ?? Object.freeze({ ...spec, hostname, ...(subdomain !== '' && { subdomain }) });
  known.set(key, made);
  return made;
}

/** Places of the Pod's fields inside the controller's template. */
function templateOrigins(controller: FieldOrigins, resource: string): FieldOrigins {
  return {
    start: { ...controller.start, resource },
    at: (path) => ({ ...controller.at(['spec', 'template', ...path]), resource, path: formatPath(path) }),
  };
}
