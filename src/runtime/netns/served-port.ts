// Which endpoints serve each port of the Services that have an address. In: Services and EndpointSlices. Pure.
import type { AnyResource, KindMap } from '#api/kinds.ts';
import { parseIp } from '#base/cidr.ts';

export type ServedPort = {
  readonly address: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** At least one. */
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
};

/** In the order of the Services; IPv4 alone. A port of a Service and one of a slice are the same by their name. */
export function servedPorts(resources: readonly AnyResource[]): readonly ServedPort[] {
  const slices = new Map<string, KindMap['EndpointSlice'][]>();
  for (const one of resources) {
    if (one.kind !== 'EndpointSlice') continue;
    const key = `${one.metadata.namespace}/${one.metadata.labels['kubernetes.io/service-name'] ?? ''}`;
    slices.set(key, [...(slices.get(key) ?? []), one]);
  }
  return resources.flatMap((one) => (one.kind === 'Service' ? portsOf(one, slices.get(`${one.metadata.namespace}/${one.metadata.name}`) ?? []) : []));
}

function portsOf({ spec }: KindMap['Service'], slices: readonly KindMap['EndpointSlice'][]): readonly ServedPort[] {
  const address = spec.clusterIP ?? '';
  if (!isIpv4(address)) return [];
  return (spec.ports ?? []).flatMap((port): readonly ServedPort[] => {
    const protocol = port.protocol ?? 'TCP';
    if (protocol === 'SCTP') return [];
    const endpoints = slices.flatMap((slice) => endpointsOf(slice, port.name ?? ''));
    return endpoints.length === 0 ? [] : [{ address, protocol: protocol === 'UDP' ? 'udp' : 'tcp', port: port.port, endpoints }];
  });
}

function endpointsOf({ endpoints = [], ports = [] }: KindMap['EndpointSlice'], portName: string): ServedPort['endpoints'] {
  const port = ports.find(({ name = '' }) => name === portName)?.port;
  if (port === undefined) return [];
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
  return ready.flatMap(({ addresses }) => addresses.filter(isIpv4).map((address) => ({ address, port })));
}

/** As rules write it: `::ffff:10.0.0.1` is the same address, and no such text. */
function isIpv4(address: string): boolean {
  return !address.includes(':') && parseIp(address) !== undefined;
}
