// What Istio demands of a workload beyond its schema, as its webhook does: in a WorkloadEntry, and among the endpoints of a ServiceEntry.
// Source: Istio, ValidateWorkloadEntry and ValidateWorkloadGroup.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { WorkloadEntrySpec } from '#api/istio/workload-entry.ts';
import type { WorkloadGroupSpec } from '#api/istio/workload-group.ts';
import { parseIp } from '#base/cidr.ts';

const unix = 'unix://';
const portName = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/i;
const domainName = /^(?:[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?\.?$/i;

/** `servicePorts`: the names of the ServiceEntry's ports, for an endpoint of one. `names`: whether a host name will do for an address. */
export type EndpointRules = { readonly servicePorts?: ReadonlySet<string>; readonly names: boolean };

export function checkWorkloadEntry({ spec }: { readonly spec: WorkloadEntrySpec }): readonly Finding[] {
  return checkWorkload(spec, ['spec'], { names: true });
}

/** The template has no address yet, so only its ports are looked at; a probe has to say how to ask. */
export function checkWorkloadGroup({ spec }: { readonly spec: WorkloadGroupSpec }): readonly Finding[] {
  const { probe, template } = spec;
  const asks = probe === undefined || [probe.httpGet, probe.tcpSocket, probe.exec, probe.grpc].some((method) => method !== undefined);
  return [
    ...checkPorts(template, ['spec', 'template'], undefined),
    ...(asks ? [] : [invalid(['spec', 'probe'], 'key', 'the probe does not say how to ask', 'add httpGet, tcpSocket, exec or grpc')]),
  ];
}

/** All broken rules of one workload. */
export function checkWorkload(workload: WorkloadEntrySpec, path: Path, rules: EndpointRules): readonly Finding[] {
  const { address = '', network = '' } = workload;
  if (address === '' && network === '') return [invalid(path, 'key', 'an address is missing', 'add address, or the network that a gateway leads to')];
  const isSocket = address.startsWith(unix);
  return [
    ...(isSocket ? checkSocket(workload, address.slice(unix.length), path, rules) : checkAddress(address, path, rules)),
    ...checkPorts(workload, path, rules.servicePorts),
  ];
}

/** A host name in letters, digits, `-` and `_`, as DNS has them. */
export function isDomainName(text: string): boolean {
  return text.length <= 255 && domainName.test(text);
}

export function isPortName(text: string): boolean {
  return portName.test(text);
}

function checkAddress(address: string, path: Path, { names }: EndpointRules): readonly Finding[] {
  if (address === '' || parseIp(address) !== undefined) return [];
  if (names && isDomainName(address)) return [];
  const message = names ? `${address} is neither an IP address nor a host name` : `${address} is no IP address`;
  return [invalid([...path, 'address'], 'value', message, names ? undefined : 'use resolution DNS for endpoints that are host names')];
}

function checkSocket({ ports = {} }: WorkloadEntrySpec, socket: string, path: Path, { servicePorts }: EndpointRules): readonly Finding[] {
  const isPath = socket.startsWith('@') || (socket.startsWith('/') && !socket.endsWith('/'));
  return [
    ...(isPath ? [] : [invalid([...path, 'address'], 'value', `${unix}${socket} is no absolute path to a socket`, 'such as unix:///run/app.sock')]),
    ...(Object.keys(ports).length > 0 ? [invalid([...path, 'ports'], 'key', 'a Unix socket has no ports')] : []),
    ...(servicePorts !== undefined && servicePorts.size !== 1
      ? [invalid([...path, 'address'], 'value', 'a Unix socket serves one port, and the ServiceEntry has not exactly one')]
      : []),
  ];
}

function checkPorts({ ports = {} }: WorkloadEntrySpec, path: Path, servicePorts: ReadonlySet<string> | undefined): readonly Finding[] {
  return Object.keys(ports).flatMap((name): readonly Finding[] => {
    const at = [...path, 'ports', name];
    if (!isPortName(name)) return [invalid(at, 'key', `port name ${name} must consist of letters, digits and "-"`)];
    if (servicePorts === undefined || servicePorts.has(name)) return [];
    return [
      invalid(
        at,
        'key',
        `the ServiceEntry has no port named ${name}`,
        servicePorts.size === 0 ? undefined : `it has ${[...servicePorts].join(', ')}`,
      ),
    ];
  });
}
