// What the mesh learns of the local processes: each pod with its status, and for each Service one EndpointSlice per pod and family behind it, whose
// address is the pod's proxy. Pure. A Service whose pods do not run has a slice without endpoints: that it has none is then known.
import type { AnyResource, KindMap } from '#api/kinds.ts';
import { localPortsAnnotation } from '#api/local-ports.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { type IpFamily, serviceFamilies } from '#runtime/ip-families.ts';
import { podAddresses } from '#runtime/network.ts';
import { selects, targetPort } from '#runtime/pod-ports.ts';
import type { PodRun } from '#runtime/pod-run.ts';

/** A running pod, as far as the mesh cares. */
export type PublishedPod = Pick<PodRun, 'plan' | 'network' | 'generation' | 'phase' | 'ready' | 'stopping'>;

/** Pods (of several generations of one pod, the newest) and EndpointSlices, in a stable order. */
export function publishedResources(pods: readonly PublishedPod[], services: Iterable<KindMap['Service']>): readonly AnyResource[] {
  const newest = new Map<string, PublishedPod>();
  for (const pod of pods) {
    const known = newest.get(pod.plan.key);
    if (known === undefined || known.generation < pod.generation) newest.set(pod.plan.key, pod);
  }
  const slices = [...services].flatMap((service) => serviceSlices(service, pods));
  return [...[...newest.values()].map(podWithStatus), ...slices];
}

/** Istio's sign that a pod takes mutual TLS: on Kubernetes the injection of a sidecar writes it. That of a gateway does not: its servers say what they take. */
const tlsModeLabel = 'security.istio.io/tlsMode';

function podWithStatus({ plan, network, phase, ready }: PublishedPod): KindMap['Pod'] {
  const condition = ready ? 'True' : 'False';
  return {
    ...plan.pod,
    metadata: {
      ...plan.pod.metadata,
      labels: { ...(!plan.isGateway && network.hasProxy && { [tlsModeLabel]: 'istio' }), ...plan.pod.metadata.labels },
      annotations: { ...plan.pod.metadata.annotations, ...(network.choosesPorts && { [localPortsAnnotation]: localPorts(network.ports) }) },
    },
    status: {
      phase,
      podIP: network.ports.address,
      ...(network.ipv6Address !== undefined && { podIPs: podAddresses(network).map((ip) => ({ ip })) }),
      hostIP: network.nodeAddress,
      conditions: [
        { type: 'Ready', status: condition },
        { type: 'ContainersReady', status: condition },
      ],
    },
  };
}

/** Container port → where the proxy listens for it. */
function localPorts({ inbound }: PublishedPod['network']['ports']): string {
  return JSON.stringify(Object.fromEntries(Object.entries(inbound).map(([port, { listen }]) => [port, listen])));
}

function serviceSlices(service: KindMap['Service'], pods: readonly PublishedPod[]): readonly KindMap['EndpointSlice'][] {
  if (Object.keys(service.spec.selector ?? {}).length === 0) return [];
  const slices = pods
    .filter(({ plan, phase }) => selects(service, plan.pod) && (phase === 'Pending' || phase === 'Running'))
    .flatMap((pod) => podSlice(service, pod));
  return slices.length > 0
    ? slices
    : [slice(service, `${service.metadata.name}-none`, service.origins, { addressType: 'IPv4', endpoints: [], ports: [] })];
}

function podSlice(service: KindMap['Service'], { plan, network, generation, ready, stopping }: PublishedPod): readonly KindMap['EndpointSlice'][] {
  const served = (service.spec.ports ?? []).flatMap((port) => servedPort(port, plan, network));
  // A Service without ports, for the names of its pods alone.
  const isForNames = service.spec.clusterIP === 'None' && (service.spec.ports ?? []).length === 0 && !network.choosesPorts;
  if (served.length === 0 && !isForNames) return [];
  const { name, namespace } = plan.pod.metadata;
  const { hostname, subdomain } = plan.pod.spec;
  // Kubernetes: only below the Service that the pod names as its subdomain it has a name of its own.
  const isNamed = hostname !== undefined && subdomain === service.metadata.name;
  const isReady = ready || (service.spec.publishNotReadyAddresses === true && !stopping);
  const ofFamily: Readonly<Record<IpFamily, string | undefined>> = { IPv4: network.ports.address, IPv6: network.ipv6Address };
  return serviceFamilies(service, network.ipv6Address !== undefined).map((addressType) =>
    slice(service, `${service.metadata.name}-${name}-${generation}${addressType === 'IPv6' ? '-ipv6' : ''}`, plan.pod.origins, {
      addressType,
      endpoints: [
        {
          addresses: [ofFamily[addressType] ?? network.ports.address],
          conditions: { ready: isReady, serving: ready || stopping, terminating: stopping },
          ...(isNamed && { hostname }),
          targetRef: { kind: 'Pod', name, namespace },
        },
      ],
      ports: served,
    }),
  );
}

type SlicePort = NonNullable<KindMap['EndpointSlice']['ports']>[number];

/** Where the pod serves a port of a Service: of UDP only where pods have addresses of their own, since nothing stands before it. */
function servedPort(
  port: NonNullable<KindMap['Service']['spec']['ports']>[number],
  plan: PublishedPod['plan'],
  { ports, choosesPorts }: PublishedPod['network'],
): readonly SlicePort[] {
  const target = targetPort(plan.pod, port);
  const protocol = port.protocol ?? 'TCP';
  const isPlain = protocol === 'UDP' && !choosesPorts;
  const number = target === undefined || isPlain ? target : ports.inbound[target]?.listen;
  if (number === undefined || (protocol !== 'TCP' && !isPlain)) return [];
  return [{ name: port.name ?? '', port: number, protocol, ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }) }];
}

function slice(
  service: KindMap['Service'],
  name: string,
  origins: FieldOrigins,
  body: Pick<KindMap['EndpointSlice'], 'addressType' | 'endpoints' | 'ports'>,
): KindMap['EndpointSlice'] {
  const labels = { 'kubernetes.io/service-name': service.metadata.name, 'endpointslice.kubernetes.io/managed-by': 'heddle' };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: service.metadata.namespace, labels, annotations: {} },
    origins,
    ...body,
  };
}
