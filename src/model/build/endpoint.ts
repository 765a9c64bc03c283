// In: a service, and its EndpointSlices or the workloads it selects. Out: its endpoints, in a stable order.
import type { KindMap } from '#api/kinds.ts';
import { withTopology } from '#model/build/locality.ts';
import { entryEndpoint } from '#model/build/service-entry-endpoint.ts';
import { tlsModeOf } from '#model/build/tls-mode.ts';
import type { Endpoint, Service, ServicePort } from '#model/service.ts';
import type { Workload } from '#model/workload.ts';

type ServiceShape = Omit<Service, 'endpoints'>;
type Slice = KindMap['EndpointSlice'];

/** The label by which a slice belongs to a Service of its namespace. */
export const serviceNameLabel = 'kubernetes.io/service-name';

/** From slices. A port is found by its name; labels come from the pod that an endpoint refers to. */
export function endpointsFromSlices(service: ServiceShape, slices: readonly Slice[], workloads: ReadonlyMap<string, Workload>): readonly Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    for (const [index, entry] of (slice.endpoints ?? []).entries()) {
      const pod =
        entry.targetRef?.kind === 'Pod' ? `${entry.targetRef.namespace ?? slice.metadata.namespace}/${entry.targetRef.name ?? ''}` : undefined;
      const workload = pod === undefined ? undefined : workloads.get(pod);
      const health = healthOf(entry.conditions);
      for (const slicePort of slice.ports ?? []) {
        const port = service.ports.find(({ name }) => name === (slicePort.name ?? ''));
        if (port === undefined || slicePort.port === undefined) continue;
        for (const address of entry.addresses) {
          const origin = slice.origins.at(['endpoints', index]);
          const { hostname } = entry;
          endpoints.push(makeEndpoint(service, { address, port: slicePort.port, servicePort: port, health, workload, pod, hostname, origin }));
        }
      }
    }
  }
  return endpoints.sort(compareEndpoints);
}

/** From the pods that the selector chooses, as Kubernetes' endpoint controller would. */
export function endpointsFromWorkloads(service: ServiceShape, workloads: readonly Workload[], publishNotReady: boolean): readonly Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const workload of workloads) {
    const pod = `${workload.namespace}/${workload.name}`;
    for (const port of service.ports) {
      const number = typeof port.targetPort === 'number' ? port.targetPort : workload.ports.find(({ name }) => name === port.targetPort)?.number;
      if (number === undefined) continue;
      const health = workload.ready || publishNotReady ? 'ready' : 'unready';
      const { address, origin } = workload;
      endpoints.push(makeEndpoint(service, { address, port: number, servicePort: port, health, workload, pod, origin }));
    }
  }
  return endpoints.sort(compareEndpoints);
}

/**
 * From WorkloadEntries that a Service selects: on the target port, or, where that is a name, on the port that the entry gives to the name.
 * Source: Istio, serviceInstanceFromWorkloadInstance.
 */
export function endpointsFromEntries(service: ServiceShape, entries: readonly Workload[]): readonly Endpoint[] {
  return entries.flatMap((entry) =>
    service.ports.flatMap((port) => {
      const number = typeof port.targetPort === 'number' ? port.targetPort : entry.ports.find(({ name }) => name === port.targetPort)?.number;
      return number === undefined ? [] : [entryEndpoint(entry, port, number)];
    }),
  );
}

/** `ready` decides, and counts as true where it is not said. Source: Istio, endpointHealthStatus. */
function healthOf(
  conditions: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean } | undefined,
): Endpoint['health'] {
  if (conditions?.ready !== false) return 'ready';
  return conditions.terminating === true && conditions.serving !== false ? 'draining' : 'unready';
}

type EndpointFacts = Pick<Endpoint, 'address' | 'port' | 'health' | 'origin'> & {
  readonly servicePort: ServicePort;
  readonly workload: Workload | undefined;
  readonly pod: string | undefined;
  /** As an EndpointSlice says it. */
  readonly hostname?: string | undefined;
};

function makeEndpoint({ name, headless }: ServiceShape, { servicePort, workload, pod, hostname, ...facts }: EndpointFacts): Endpoint {
  const { podHost } = workload ?? {};
  const ownName = hostname ?? (podHost?.subdomain === name ? podHost.hostname : undefined);
  return {
    ...facts,
    servicePort: servicePort.name,
    servicePortNumber: servicePort.number,
    labels: workload === undefined ? {} : withTopology(workload.labels, workload),
    ...(pod !== undefined && { workload: pod }),
    ...(workload?.controller !== undefined && { workloadName: workload.controller }),
    ...(headless && ownName !== undefined && { hostname: ownName.toLowerCase() }),
    ...(workload !== undefined && { ...placeOf(workload), ...tlsModeOf(workload) }),
  };
}

function placeOf({ locality, node, network, serviceAccount }: Workload): Partial<Endpoint> {
  return {
    ...(locality !== undefined && { locality }),
    ...(node !== undefined && { node }),
    ...(network !== undefined && { network }),
    ...(serviceAccount !== 'default' && { serviceAccount }),
  };
}

/** By service port, then by who stands behind them. */
export function compareEndpoints(a: Endpoint, b: Endpoint): number {
  const left = `${a.workload ?? ''} ${a.address}`;
  const right = `${b.workload ?? ''} ${b.address}`;
  return a.servicePortNumber - b.servicePortNumber || (left < right ? -1 : left > right ? 1 : a.port - b.port);
}
