// In: a service, or an ExternalName. Out: its part of a name table: its host, and the hosts of its pods where it is headless, with addresses and
// ports; as values and as bytes, remembered as long as nothing of it changes.
import { isIP } from 'node:net';
import type { Origin } from '#base/origin.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { create } from '#envoy/create.ts';
import { encode } from '#envoy/encode.ts';
import { NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import { type Alias, addressesFor, type Endpoint, type Service } from '#model/service.ts';

type Port = { readonly name: string; readonly number: number; readonly udp?: boolean };
/** As the message has it, without what is not there. */
type NameInfo = {
  readonly registry: HostPart['registry'];
  readonly shortname?: string;
  readonly namespace?: string;
  readonly ips?: string[];
  readonly ports?: Port[];
  readonly alias?: string;
  readonly headless?: true;
};
type Hosts = Readonly<Record<string, NameInfo>>;

export type HostPart = {
  /** Of the service itself. */
  readonly host: string;
  readonly registry: 'Kubernetes' | 'External';
  /** Empty where nothing is known to answer. */
  readonly table: Hosts;
  /** `table` in wire form. */
  readonly bytes: Uint8Array;
  readonly origin: Origin;
};

export type HostPartOptions = {
  /** Which addresses the client can use. Those that a ServiceEntry names are told whatever they are, as Istio does. */
  readonly families: 'v4' | 'v6' | 'both';
  /** Whether automatic addresses count. */
  readonly automatic: boolean;
  /** The client's network: pods of others are not told, as there is no way to them but by their gateway. Undefined: all are. */
  readonly network?: string | undefined;
};

export function hostPart(of: Service | Alias, options: HostPartOptions, cache: CompileCache): HostPart {
  const { families, automatic, network = '' } = options;
  if (!('registry' in of)) return cache.once('names of an alias', [of], '', () => aliasPart(of));
  const { hostname, addresses, automaticAddresses = [], ports, origin } = of;
  // Endpoints come and go without a change of what most services are called.
  const objects = answersByEndpoints(of) ? [of] : [ports, origin];
  const text = `${families} ${automatic} ${network} ${hostname} ${addresses.join()} ${automaticAddresses.join()}`;
  return cache.once('names of a service', objects, text, () => servicePart(of, options));
}

/** Two ServiceEntries for one host: it is at the addresses of both. */
export function joinParts(first: HostPart, second: HostPart): HostPart {
  const table: Record<string, NameInfo> = { ...first.table };
  for (const [host, info] of Object.entries(second.table)) {
    const { ips = [] } = table[host] ?? {};
    table[host] = { ...info, ips: [...new Set([...ips, ...(info.ips ?? [])])] };
  }
  return partOf(first.host, first.registry, table, first.origin);
}

/** Headless services, and entries that stand for no address of their own: whoever asks is told where the endpoints are. */
function answersByEndpoints(service: Service): boolean {
  return service.headless || (service.resolution === 'none' && service.addresses.length === 0);
}

function servicePart(service: Service, options: HostPartOptions): HostPart {
  const { hostname, registry, origin } = service;
  const table = answersByEndpoints(service) ? endpointHosts(service, options) : addressHost(service, options);
  return partOf(hostname, registry === 'kubernetes' ? 'Kubernetes' : 'External', table, origin);
}

function partOf(host: string, registry: HostPart['registry'], table: Hosts, origin: Origin): HostPart {
  return { host, registry, table, bytes: encode(NameTableSchema, create(NameTableSchema, { table })), origin };
}

function addressHost(service: Service, { families, automatic }: HostPartOptions): Hosts {
  const { hostname, registry, addresses, ports } = service;
  const isWritten = registry === 'service-entry' && addresses.length > 0;
  // Blocks are no addresses, and can only be known by whoever asks somebody else.
  const single = addressesFor(service, { capturesDns: automatic }).filter((address) => isIP(address) !== 0);
  const ips = isWritten || families === 'both' ? single : single.filter((address) => isIP(address) === (families === 'v4' ? 4 : 6));
  if (ips.length === 0) return {};
  const known = ports.map(({ name, number, protocol }) => portOf(name, number, protocol === 'udp'));
  return { [hostname]: { ...identity(service), ips: [...ips], ...(registry === 'kubernetes' && { ports: known }) } };
}

function identity({ registry, name, namespace }: Service): NameInfo {
  return registry === 'kubernetes' ? { registry: 'Kubernetes', shortname: name, namespace } : { registry: 'External' };
}

/** All ready endpoints; and each pod that has a name of its own. Source: Kubernetes' specification of DNS, 2.4. */
function endpointHosts(service: Service, { network: own }: HostPartOptions): Hosts {
  const { hostname, registry, name, namespace, endpoints } = service;
  const ready = endpoints.filter(({ health, address, network }) => health === 'ready' && isIP(address) !== 0 && isNear(network, own));
  if (ready.length === 0) return {};
  const isKubernetes = registry === 'kubernetes';
  const named = isKubernetes ? Map.groupBy(ready, (endpoint) => endpoint.hostname ?? '') : new Map<string, Endpoint[]>();
  named.delete('');
  const pods = [...named].map(([pod, own]): readonly [string, NameInfo] => [
    `${pod}.${hostname}`,
    { registry: 'Kubernetes', shortname: `${pod}.${name}`, namespace, ips: addressesOf(own), ports: portsOf(service, own) },
  ]);
  const whole: NameInfo = {
    ...identity(service),
    ips: addressesOf(ready),
    ...(isKubernetes && { ports: portsOf(service, ready), headless: true }),
  };
  return { [hostname]: whole, ...Object.fromEntries(pods) };
}

/** Where either says nothing it is one network. */
function isNear(network: string | undefined, own: string | undefined): boolean {
  return network === undefined || own === undefined || network === own;
}

function addressesOf(endpoints: readonly Endpoint[]): string[] {
  return [...new Set(endpoints.flatMap(({ address, otherAddresses = [] }) => [address, ...otherAddresses]))];
}

/** The ports that the pods themselves listen on. */
function portsOf({ ports }: Service, endpoints: readonly Endpoint[]): Port[] {
  return ports.flatMap(({ name, number, protocol }) => {
    const endpoint = endpoints.find(({ servicePortNumber }) => servicePortNumber === number);
    return endpoint === undefined ? [] : [portOf(name, endpoint.port, protocol === 'udp')];
  });
}

function portOf(name: string, number: number, udp: boolean): Port {
  return { name, number, ...(udp && { udp }) };
}

function aliasPart({ hostname, name, namespace, target, origin }: Alias): HostPart {
  // One that leads in a circle is answered by nobody.
  const table: Hosts =
    target === undefined || target === '' ? {} : { [hostname]: { registry: 'Kubernetes', shortname: name, namespace, alias: target } };
  return partOf(hostname, 'Kubernetes', table, origin);
}
