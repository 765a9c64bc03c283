// Who a local pod's proxy is, as it tells the control plane: Istio's node id and metadata; in loopback mode its ports, where nothing can be captured.
import { systemRootsFile } from '#app/system-roots.ts';
import { type PodNetwork, podAddresses } from '#runtime/network.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';

/** `sidecar~127.0.0.1~hello-v1.default~default.svc.cluster.local` */
export function nodeId({ isGateway, pod }: PodPlan, { ports }: PodNetwork, domain: string): string {
  const { name, namespace } = pod.metadata;
  return `${isGateway ? 'router' : 'sidecar'}~${ports.address}~${name}.${namespace}~${namespace}.svc.${domain}`;
}

/** Istio's names (NAMESPACE, LABELS, INTERCEPTION_MODE …) and those of Heddle: HEDDLE_LOOPBACK, HEDDLE_EXPLAIN_FAILURES, HEDDLE_SYSTEM_ROOTS. */
export function nodeMetadata({ pod, owner, proxy }: PodPlan, network: PodNetwork) {
  const { kind, ports } = network;
  const { name, namespace, labels, annotations } = pod.metadata;
  const roots = systemRootsFile();
  return {
    NAME: name,
    NAMESPACE: namespace,
    LABELS: { ...labels },
    ANNOTATIONS: { ...annotations },
    SERVICE_ACCOUNT: pod.spec.serviceAccountName ?? 'default',
    WORKLOAD_NAME: owner?.name ?? name,
    CLUSTER_ID: 'Kubernetes',
    MESH_ID: 'cluster.local',
    INSTANCE_IPS: podAddresses(network).join(','),
    ...(kind === 'loopback'
      ? { INTERCEPTION_MODE: 'NONE', HEDDLE_LOOPBACK: ports }
      : { INTERCEPTION_MODE: 'REDIRECT', DNS_CAPTURE: 'true', DNS_AUTO_ALLOCATE: 'true' }),
    ...proxyConfigOf(proxy),
    HEDDLE_EXPLAIN_FAILURES: 'true',
    ...(roots !== undefined && { HEDDLE_SYSTEM_ROOTS: roots }),
  };
}

/** Of the ProxyConfig what is told by metadata, as Istio's agent does: the rest is in how the proxy is started, and in its environment. */
function proxyConfigOf({ listenerDrainMs, connectionLimit, runtimeValues }: PodPlan['proxy']) {
  const config = {
    ...(listenerDrainMs !== undefined && { drainDuration: `${listenerDrainMs / 1000}s` }),
    ...(connectionLimit !== undefined && { connectionSettings: { globalDownstreamConnectionLimit: connectionLimit } }),
    ...(runtimeValues !== undefined && { runtimeValues: { ...runtimeValues } }),
  };
  return Object.keys(config).length === 0 ? {} : { PROXY_CONFIG: config };
}
