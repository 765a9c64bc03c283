// What Istio demands of a ServiceEntry beyond its schema, as its webhook does. Source: Istio, ValidateServiceEntry.
import { type Finding, invalid } from '#api/finding.ts';
import { checkExportTo } from '#api/istio/export-to-rules.ts';
import type { ServiceEntrySpec } from '#api/istio/service-entry.ts';
import { checkWorkload, isDomainName, isPortName } from '#api/istio/workload-entry-rules.ts';
import { parseCidr, parseIp } from '#base/cidr.ts';
import { closest } from '#base/closest.ts';

const protocols = ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTPS', 'TLS', 'TCP', 'MONGO', 'REDIS', 'MYSQL', 'UDP', 'HTTP_PROXY'] as const;
/** By their host a request or connection of these can be told from others. */
const tellsHost: readonly string[] = ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB', 'HTTP_PROXY', 'HTTPS', 'TLS'];
const resolvedPerRequest: readonly string[] = ['HTTP', 'HTTP2', 'GRPC', 'TLS'];

/** All broken rules, in the order of the fields. */
export function checkServiceEntry({ spec }: { readonly spec: ServiceEntrySpec }): readonly Finding[] {
  return [
    ...spec.hosts.flatMap((host, index) =>
      host === '*' ? [invalid(['spec', 'hosts', index], 'value', 'a ServiceEntry cannot be for all hosts')] : [],
    ),
    ...checkAddresses(spec),
    ...checkPorts(spec),
    ...checkResolution(spec),
    ...checkSharedPorts(spec),
    ...checkSelector(spec),
    ...checkExportTo(spec.exportTo ?? [], ['spec', 'exportTo'], { isServiceEntry: true }),
  ];
}

function checkAddresses({ addresses = [], resolution = 'NONE' }: ServiceEntrySpec): readonly Finding[] {
  return addresses.flatMap((address, index): readonly Finding[] => {
    const path = ['spec', 'addresses', index];
    const isBlock = address.includes('/');
    if (isBlock ? parseCidr(address) === undefined : parseIp(address) === undefined) {
      return [invalid(path, 'value', `${JSON.stringify(address)} is neither an IP address nor a CIDR block`, 'such as 10.1.2.3 or 10.1.0.0/16')];
    }
    if (!isBlock || resolution === 'NONE' || resolution === 'STATIC') return [];
    return [invalid(path, 'value', `a CIDR block needs resolution NONE or STATIC, not ${resolution}`)];
  });
}

function checkPorts({ ports = [] }: ServiceEntrySpec): readonly Finding[] {
  return ports.flatMap(({ name, number, protocol = '' }, index): readonly Finding[] => {
    const path = ['spec', 'ports', index];
    const earlier = ports.slice(0, index);
    const guess = closest(protocol.toUpperCase(), protocols);
    const isKnown = protocol === '' || protocols.some((known) => known === protocol.toUpperCase());
    return [
      ...(earlier.some((port) => port.name === name) ? [invalid([...path, 'name'], 'value', `port name ${name} is taken by an earlier port`)] : []),
      ...(earlier.some((port) => port.number === number) ? [invalid([...path, 'number'], 'value', `port ${number} is there already`)] : []),
      ...(isPortName(name) ? [] : [invalid([...path, 'name'], 'value', `port name ${JSON.stringify(name)} must consist of letters, digits and "-"`)]),
      ...(isKnown
        ? []
        : [invalid([...path, 'protocol'], 'value', `unknown protocol ${protocol}`, guess === undefined ? undefined : `did you mean ${guess}?`)]),
    ];
  });
}

function checkResolution(spec: ServiceEntrySpec): readonly Finding[] {
  switch (spec.resolution ?? 'NONE') {
    case 'NONE':
      return (spec.endpoints ?? []).length === 0
        ? []
        : [invalid(['spec', 'endpoints'], 'key', 'endpoints need a resolution', 'add resolution: STATIC, or DNS for host names')];
    case 'STATIC':
      return checkEndpoints(spec, false);
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      return [...checkEndpoints(spec, true), ...checkNames(spec)];
    case 'DYNAMIC_DNS':
      return checkDynamic(spec);
  }
}

function checkEndpoints({ endpoints = [], ports = [] }: ServiceEntrySpec, names: boolean): readonly Finding[] {
  const servicePorts = new Set(ports.map(({ name }) => name));
  return endpoints.flatMap((endpoint, index) => {
    const path = ['spec', 'endpoints', index];
    if (names && (endpoint.address ?? '').startsWith('unix://')) {
      return [invalid([...path, 'address'], 'value', 'a Unix socket needs resolution STATIC')];
    }
    return checkWorkload(endpoint, path, { servicePorts, names });
  });
}

function checkNames({ hosts, endpoints = [], resolution }: ServiceEntrySpec): readonly Finding[] {
  const unasked = endpoints.length > 0 ? [] : hosts.flatMap((host, index) => (isDomainName(host) ? [] : [index]));
  const [first] = unasked;
  const several = resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1;
  return [
    ...(first === undefined
      ? []
      : [
          invalid(
            ['spec', 'hosts', first],
            'value',
            `DNS cannot be asked for ${hosts[first]}`,
            'add endpoints to ask for, or use resolution NONE or DYNAMIC_DNS',
          ),
        ]),
    ...(several ? [invalid(['spec', 'endpoints', 1], 'value', 'resolution DNS_ROUND_ROBIN takes at most one endpoint')] : []),
  ];
}

function checkDynamic({ hosts, addresses = [], endpoints = [], ports = [] }: ServiceEntrySpec): readonly Finding[] {
  return [
    ...hosts.flatMap((host, index) =>
      host.startsWith('*')
        ? []
        : [invalid(['spec', 'hosts', index], 'value', `resolution DYNAMIC_DNS needs wildcards, and ${host} is none`, 'use DNS')],
    ),
    ...(addresses.length > 0 ? [invalid(['spec', 'addresses'], 'key', 'resolution DYNAMIC_DNS takes no addresses')] : []),
    ...(endpoints.length > 0 ? [invalid(['spec', 'endpoints'], 'key', 'resolution DYNAMIC_DNS takes no endpoints')] : []),
    ...ports.flatMap(({ protocol = '' }, index) =>
      resolvedPerRequest.includes(protocol.toUpperCase())
        ? []
        : [invalid(['spec', 'ports', index, 'protocol'], 'value', `resolution DYNAMIC_DNS needs protocol ${resolvedPerRequest.join(', ')}`)],
    ),
  ];
}

/** Bytes do not say which of several hosts they are for; where they go on as they came that does not matter. */
function checkSharedPorts({ hosts, ports = [], resolution = 'NONE' }: ServiceEntrySpec): readonly Finding[] {
  if (resolution === 'NONE' || hosts.length < 2) return [];
  const index = ports.findIndex(({ protocol = '' }) => !tellsHost.includes(protocol.toUpperCase()));
  if (index < 0) return [];
  const message = `port ${ports[index]?.number} cannot be for several hosts: its protocol does not tell them apart`;
  return [invalid(['spec', 'ports', index], 'value', message, 'give each host a ServiceEntry of its own, or the port protocol HTTP or TLS')];
}

function checkSelector({ workloadSelector }: ServiceEntrySpec): readonly Finding[] {
  return Object.entries(workloadSelector?.labels ?? {}).flatMap(([name, value]) =>
    name === '' || `${name}${value}`.includes('*')
      ? [invalid(['spec', 'workloadSelector', 'labels', name], 'key', 'a label has a name, and neither it nor its value a wildcard')]
      : [],
  );
}
