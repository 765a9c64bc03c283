// Who a local pod's proxy is, as it tells the control plane: Istio's node id and metadata, and the ports of loopback mode.
import { systemRootsFile } from '#app/system-roots.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';
import type { PodPorts } from '#runtime/port-plan.ts';

/** `sidecar~127.0.0.1~hello-v1.default~default.svc.cluster.local` */
export function nodeId({ isGateway, pod }: PodPlan, domain: string): string {
  const { name, namespace } = pod.metadata;
  return `${isGateway ? 'router' : 'sidecar'}~127.0.0.1~${name}.${namespace}~${namespace}.svc.${domain}`;
}

/** Istio's names (NAMESPACE, LABELS, INTERCEPTION_MODE …) and those of Heddle: HEDDLE_LOOPBACK, HEDDLE_EXPLAIN_FAILURES, HEDDLE_SYSTEM_ROOTS. */
export function nodeMetadata({ pod }: PodPlan, ports: PodPorts) {
  const { name, namespace, labels, annotations } = pod.metadata;
  const roots = systemRootsFile();
  return {
    NAME: name,
    NAMESPACE: namespace,
    LABELS: { ...labels },
    ANNOTATIONS: { ...annotations },
    SERVICE_ACCOUNT: pod.spec.serviceAccountName ?? 'default',
    WORKLOAD_NAME: name,
    CLUSTER_ID: 'Kubernetes',
    MESH_ID: 'cluster.local',
    INSTANCE_IPS: ports.address,
    INTERCEPTION_MODE: 'NONE',
    HEDDLE_LOOPBACK: ports,
    HEDDLE_EXPLAIN_FAILURES: 'true',
    ...(roots !== undefined && { HEDDLE_SYSTEM_ROOTS: roots }),
  };
}
