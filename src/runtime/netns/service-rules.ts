// What the node does for pods that have no proxy: a connection to a Service's address goes to one of its ready endpoints, chosen at random, as
// kube-proxy does it. In: Services and EndpointSlices. Out: the text of the rules. Pure.
import type { AnyResource, KindMap } from '#api/kinds.ts';
import { parseIp } from '#base/cidr.ts';

export type ServedPort = {
  readonly address: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly endpoints: readonly { readonly address: string; readonly port: number }[];
};

/** Ports of Services with an IPv4 address of their own and somebody who serves them, in a stable order. A port of one is a port of the other by its name. */
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
  if (parseIp(address)?.family !== 4) return [];
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
  return ready.flatMap(({ addresses }) => addresses.filter((address) => parseIp(address)?.family === 4).map((address) => ({ address, port })));
}

/** What leaves the mesh's range, and where it goes instead: the relay to the real network. */
export type Egress = { readonly cidr: string; readonly port: number };

/**
 * The whole table, in place of an earlier one at once. A pod that reaches itself by a Service gets the node as its caller, since what comes back to a
 * pod from its own address is thrown away.
 */
export function serviceRules(ports: readonly ServedPort[], nodeAddress: string, egress: Egress | undefined): string {
  const ways = ports.map(({ address, protocol, port, endpoints }) => {
    const called = `    ip daddr ${address} ${protocol} dport ${port}`;
    const [first] = endpoints;
    if (endpoints.length === 1 && first !== undefined) return `${called} dnat to ${first.address}:${first.port}`;
    const choices = endpoints.map((one, index) => `${index} : goto ${chainOf(one, protocol)}`).join(', ');
    return `${called} numgen random mod ${endpoints.length} vmap { ${choices} }`;
  });
  const chains = new Map(
    ports.flatMap(({ protocol, endpoints }) =>
      endpoints.map((one): [string, string] => [
        chainOf(one, protocol),
        `  chain ${chainOf(one, protocol)} { meta l4proto ${protocol} dnat to ${one.address}:${one.port}; }`,
      ]),
    ),
  );
  const own = [...new Set(ports.flatMap(({ endpoints }) => endpoints.map(({ address }) => `${address} . ${address}`)))];
  return [
    'table ip heddle-services {}',
    'delete table ip heddle-services',
    'table ip heddle-services {',
    ...chains.values(),
    '  chain prerouting {',
    '    type nat hook prerouting priority -100; policy accept;',
    ...ways,
    ...(egress === undefined
      ? []
      : [`    ip daddr != ${egress.cidr} ip daddr != 127.0.0.0/8 meta l4proto tcp dnat to ${nodeAddress}:${egress.port}`]),
    '  }',
    '  chain postrouting {',
    '    type nat hook postrouting priority 100; policy accept;',
    ...(own.length === 0 ? [] : [`    ip saddr . ip daddr { ${own.join(', ')} } snat to ${nodeAddress}`]),
    '  }',
    '}',
    '',
  ].join('\n');
}

function chainOf({ address, port }: ServedPort['endpoints'][number], protocol: ServedPort['protocol']): string {
  return `to-${address.replaceAll('.', '-')}-${protocol}-${port}`;
}
