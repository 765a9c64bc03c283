// Everything that makes Pods, seen as one thing: a Pod written by hand, or the template of a controller. Fields have their place in the file.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { PodSpec } from '#api/kubernetes/pod.ts';
import type { Origin } from '#base/origin.ts';

type WorkloadKind = 'Pod' | 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet' | 'Job';

export type PodTemplateView = {
  readonly kind: WorkloadKind;
  /** `Deployment default/hello`. */
  readonly title: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  /** Where the Pod's `metadata` or `spec` stands, `['spec', 'containers', 0]`. */
  readonly at: (path: readonly (string | number)[]) => Origin;
};

const controllerKinds = ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job'] as const;

/** All of them, Pods first. */
export function podTemplates(resources: ResourcesByKind): readonly PodTemplateView[] {
  const controllers = controllerKinds.flatMap((kind): readonly KindMap[(typeof controllerKinds)[number]][] => [...resources[kind].values()]);
  return [...[...resources.Pod.values()].map(viewOfPod), ...controllers.map(viewOfController)];
}

function viewOfPod(pod: KindMap['Pod']): PodTemplateView {
  const { name, namespace, labels, annotations } = pod.metadata;
  return { kind: 'Pod', title: `Pod ${namespace}/${name}`, name, namespace, labels, annotations, spec: pod.spec, at: pod.origins.at };
}

function viewOfController(controller: KindMap[(typeof controllerKinds)[number]]): PodTemplateView {
  const { kind, metadata, origins } = controller;
  const { template } = controller.spec;
  return {
    kind,
    title: `${kind} ${metadata.namespace}/${metadata.name}`,
    name: metadata.name,
    namespace: metadata.namespace,
    labels: template.metadata?.labels ?? {},
    annotations: template.metadata?.annotations ?? {},
    spec: template.spec,
    at: (path) => origins.at(['spec', 'template', ...path]),
  };
}
