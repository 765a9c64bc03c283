// SRV: `_http._tcp.web.shop.svc.cluster.local` → the port that a Service has under that name, and where; one record for a Service with an address of its
// own, one for each pod of a headless one. Source: Kubernetes' specification of DNS, 2.3.2 and 2.4.2.
import { type DnsClient, lookUp } from '#dns/lookup.ts';
import type { HostEntry, HostPort, NameIndex } from '#dns/name-index.ts';
import { type RecordBody, recordBody } from '#dns/record.ts';

/** Ports of a Service that a name asks for; none where it has no such port. */
export type ServicePlace = { readonly entry: HostEntry; readonly ports: readonly HostPort[] };

const portName = /^_([^.]+)\._(tcp|udp)\.(.+)$/;

/** Undefined where the name is not one of a Service's ports. */
export function servicePlace(index: NameIndex, client: DnsClient, name: string): ServicePlace | undefined {
  if (!name.startsWith('_')) return undefined;
  const [, port, transport, service = ''] = portName.exec(name) ?? [];
  if (port === undefined) return undefined;
  const found = lookUp(index, client, service);
  if (found === undefined || !found.entry.isKubernetes || found.entry.alias !== undefined) return undefined;
  const { entry } = found;
  return { entry, ports: entry.ports.filter((one) => one.name.toLowerCase() === port && one.udp === (transport === 'udp')) };
}

/** The SRV records, and the hosts that they name. */
export function serviceRecords(
  index: NameIndex,
  { entry, ports }: ServicePlace,
): { readonly services: readonly RecordBody[]; readonly hosts: readonly HostEntry[] } {
  const pods = index.podsOf(entry);
  const hosts = pods.length > 0 ? pods : [entry];
  const weight = Math.max(1, Math.floor(100 / hosts.length));
  const services = hosts.flatMap((host) =>
    ports.flatMap((port) => {
      const { number } = host.ports.find(({ name, udp }) => name === port.name && udp === port.udp) ?? port;
      return recordBody({ type: 'SRV', data: { priority: 0, weight, port: number, target: host.host } }) ?? [];
    }),
  );
  return { services, hosts };
}
