// In: Pods, the controllers that make them, and Nodes. Out: the workloads, each with an address, real or placeholder.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { readLocalPorts } from '#api/local-ports.ts';
import { resourceKey } from '#api/resource.ts';
import { workloadPods } from '#api/workload-pods.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { annotatedTopology } from '#model/build/gateway-topology.ts';
import { workloadLocality } from '#model/build/locality.ts';
import { placeholderAddresses } from '#model/build/placeholder-address.ts';
import { annotatedTraffic } from '#model/build/proxy-traffic.ts';
import type { Workload } from '#model/workload.ts';

/** Stands for a status that is not there. */
const noStatus = {};
const noLabels = {};

/** By `namespace/name` of the pod. Pods that have ended are not part of the mesh any more. */
export function buildWorkloads(resources: ResourcesByKind, memo: BuildMemo): ReadonlyMap<string, Workload> {
  const { Pod, Node, Deployment, ReplicaSet, StatefulSet, DaemonSet, Job } = resources;
  return memo.workloadMaps.get('', [Pod, Node, Deployment, ReplicaSet, StatefulSet, DaemonSet, Job], () => {
    const pods = [...workloadPods(resources).values()].filter(({ pod: { status } }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
    const real = new Set(pods.flatMap(({ pod: { status } }) => (status?.podIP === undefined ? [] : [status.podIP])));
    const unaddressed = pods.filter(({ pod: { status } }) => status?.podIP === undefined).map(({ pod }) => resourceKey(pod.metadata));
    const placeholders = placeholderAddresses('10.244', unaddressed.sort(), real);
    return new Map(
      pods.map(({ pod, controller }) => {
        const key = resourceKey(pod.metadata);
        const address = pod.status?.podIP ?? placeholders.get(key) ?? '';
        const { labels, annotations } = pod.metadata;
        const nodeLabels = Node.get(pod.spec.nodeName ?? '')?.metadata.labels ?? noLabels;
        const parts = [pod.spec, labels, annotations, pod.status ?? noStatus, nodeLabels];
        const workload = memo.workloads.get(parts, `${key} ${address} ${controller ?? ''}`, () => toWorkload(pod, address, nodeLabels, controller));
        return [key, workload];
      }),
    );
  });
}

function toWorkload(pod: KindMap['Pod'], address: string, nodeLabels: Readonly<Record<string, string>>, controller: string | undefined): Workload {
  const { name, namespace, labels, annotations } = pod.metadata;
  const locality = workloadLocality(labels, nodeLabels);
  const { nodeName = '', hostname = name, subdomain = '' } = pod.spec;
  const network = labels['topology.istio.io/network'] ?? '';
  const ports = readLocalPorts(annotations);
  const otherAddresses = (pod.status?.podIPs ?? []).flatMap(({ ip = '' }) => (ip === '' || ip === address ? [] : [ip]));
  const gatewayTopology = annotatedTopology(annotations);
  const proxyTraffic = annotatedTraffic(annotations);
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  return {
    name,
    namespace,
    ...(controller !== undefined && { controller }),
    labels,
    annotations,
    serviceAccount: pod.spec.serviceAccountName ?? pod.spec.serviceAccount ?? 'default',
    address,
    ports: pod.spec.containers.flatMap(({ ports = [] }) => ports.map((port) => ({ name: port.name ?? '', number: port.containerPort }))),
    // A pod that says nothing about itself is taken for ready: offline, what would be is what counts.
    ready: ready === undefined ? pod.status?.phase !== 'Pending' : ready.status === 'True',
    ...(locality !== undefined && { locality }),
    ...(subdomain !== '' && { podHost: { hostname, subdomain } }),
    ...(nodeName !== '' && { node: nodeName }),
    ...(network !== '' && { network }),
    ...(ports !== undefined && { localPorts: ports }),
    ...(otherAddresses.length > 0 && { otherAddresses }),
    ...(gatewayTopology !== undefined && { gatewayTopology }),
    ...(proxyTraffic !== undefined && { proxyTraffic }),
    origin: pod.origins.start,
  };
}
