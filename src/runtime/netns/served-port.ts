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

/** Of each address of the Services, in their order. A port of a Service and one of a slice are the same by their name. */
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
  const addresses = new Set([...(spec.clusterIP === undefined ? [] : [spec.clusterIP]), ...(spec.clusterIPs ?? [])]);
  return [...addresses].flatMap((address) => {
    const family = familyOf(address);
    return family === undefined ? [] : portsAt(address, family, spec.ports ?? [], slices);
  });
}

type Family = 4 | 6;

function portsAt(
  address: string,
  family: Family,
  ports: NonNullable<KindMap['Service']['spec']['ports']>,
  slices: readonly KindMap['EndpointSlice'][],
): readonly ServedPort[] {
  return ports.flatMap((port): readonly ServedPort[] => {
    const protocol = port.protocol ?? 'TCP';
    if (protocol === 'SCTP') return [];
    const endpoints = slices.flatMap((slice) => endpointsOf(slice, port.name ?? '', family));
    return endpoints.length === 0 ? [] : [{ address, protocol: protocol === 'UDP' ? 'udp' : 'tcp', port: port.port, endpoints }];
  });
}

function endpointsOf({ endpoints = [], ports = [] }: KindMap['EndpointSlice'], portName: string, family: Family): ServedPort['endpoints'] {
  const port = ports.find(({ name = '' }) => name === portName)?.port;
  if (port === undefined) return [];
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
  return ready.flatMap(({ addresses }) => addresses.filter((address) => familyOf(address) === family).map((address) => ({ address, port })));
}

/** As rules write it: `::ffff:10.0.0.1` is an address of IPv4, and no such text. Undefined for what is in no rule. */
function familyOf(address: string): Family | undefined {
  const family = parseIp(address)?.family;
  return family === (address.includes(':') ? 6 : 4) ? family : undefined;
}
