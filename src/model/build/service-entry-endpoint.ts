// In: a workload and the ports of a ServiceEntry. Out: the endpoints that it is. Source: Istio, convertWorkloadInstanceToServiceInstance.
import { parseIp } from '#base/cidr.ts';
import { withTopology } from '#model/build/locality.ts';
import { tlsModeOf, tlsModeOfEntry } from '#model/build/tls-mode.ts';
import type { Endpoint, Resolution, ServicePort } from '#model/service.ts';
import type { Workload } from '#model/workload.ts';

const unix = 'unix://';

/**
 * An endpoint for each port: on the port that the workload gives to the port's name, else on the target port. A Unix socket has no port; it and
 * a host name can only be reached where nothing has to be told about them beforehand (Istio: STATIC takes sockets, DNS takes names).
 */
export function endpointsOfEntry(workload: Workload, ports: readonly ServicePort[], resolution: Resolution): readonly Endpoint[] {
  const { address } = workload;
  const isSocket = address.startsWith(unix);
  const isName = !isSocket && parseIp(address) === undefined;
  if (resolution === 'dynamic-dns') return [];
  // It is behind the gateway of its network.
  const isElsewhere = address === '' && workload.network !== undefined && resolution !== 'none';
  if (address === '' && !isElsewhere) return [];
  // What is passed on goes to the address that it was sent to; workloads that are selected are where the host is.
  if ((isName && !isElsewhere && (resolution === 'endpoints' || resolution === 'none')) || (isSocket && resolution !== 'endpoints')) return [];
  const fallback = (port: ServicePort): number => (typeof port.targetPort === 'number' ? port.targetPort : port.number);
  return ports.map((port) => {
    const number = workload.ports.find(({ name }) => name === port.name)?.number ?? fallback(port);
    return entryEndpoint(workload, port, isSocket ? 0 : (workload.localPorts?.[number] ?? number));
  });
}

/** Whether a selector of a ServiceEntry or Service can choose it: names are for DNS only, sockets for nobody. Pods must be ready. */
export function isSelectable({ address, ready, network }: Workload, resolution: Resolution): boolean {
  if (!ready) return false;
  if (address === '') return network !== undefined;
  return parseIp(address) !== undefined || resolution === 'dns' || resolution === 'dns-round-robin';
}

/** The endpoint that a host of DNS is for itself. `entry` is the ServiceEntry, `namespace/name`. */
export function hostEndpoint(hostname: string, port: ServicePort, entry: string): Endpoint {
  return {
    address: hostname,
    port: typeof port.targetPort === 'number' ? port.targetPort : port.number,
    servicePort: port.name,
    servicePortNumber: port.number,
    labels: {},
    health: 'ready',
    workloadEntry: entry,
    origin: port.origin,
  };
}

/** A workload as the endpoint of one port; `port` is where it listens. */
export function entryEndpoint(workload: Workload, servicePort: ServicePort, port: number): Endpoint {
  const { kind, namespace, name, address, labels, locality, network, node, weight, serviceAccount, origin } = workload;
  const topology = { ...(locality !== undefined && { locality }), ...(network !== undefined && { network }), ...(node !== undefined && { node }) };
  const isPod = kind === undefined;
  return {
    address,
    port,
    servicePort: servicePort.name,
    servicePortNumber: servicePort.number,
    labels: withTopology(labels, topology),
    health: 'ready',
    ...(isPod ? { workload: `${namespace}/${name}` } : { workloadEntry: `${namespace}/${name}` }),
    ...(workload.controller !== undefined && { workloadName: workload.controller }),
    ...(weight !== undefined && { weight }),
    ...(serviceAccount !== '' && serviceAccount !== (isPod ? 'default' : '') && { serviceAccount }),
    ...(isPod ? tlsModeOf(workload) : tlsModeOfEntry(workload)),
    ...topology,
    origin,
  };
}
