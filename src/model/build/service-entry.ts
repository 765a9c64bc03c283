// In: one ServiceEntry. Out: a service for each of its hosts, without what its selector chooses. Source: Istio, convertServices and
// convertServiceEntryToInstances.
import type { KindMap } from '#api/kinds.ts';
import { parseCidr, parseIp } from '#base/cidr.ts';
import { visibilityOf } from '#model/build/export-to.ts';
import { inNetwork } from '#model/build/mesh-networks.ts';
import { createdMs } from '#model/build/precedence.ts';
import { protocolByName } from '#model/build/protocol.ts';
import { endpointsOfEntry, hostEndpoint } from '#model/build/service-entry-endpoint.ts';
import type { EntryService } from '#model/build/service-parts.ts';
import { trafficDistribution } from '#model/build/traffic-distribution.ts';
import { workloadOf } from '#model/build/workload-entry.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Endpoint, Resolution, ServicePort } from '#model/service.ts';

type ServiceEntryResource = KindMap['ServiceEntry'];

const resolutions: Readonly<Record<string, Resolution>> = {
  NONE: 'none',
  STATIC: 'endpoints',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns-round-robin',
  DYNAMIC_DNS: 'dynamic-dns',
};

/** `namespaceAnnotations` may say how traffic is distributed in the whole namespace. */
export function buildServiceEntry(
  resource: ServiceEntryResource,
  namespaceAnnotations: Readonly<Record<string, string>>,
  { defaultExportTo, networkPlan }: MeshSettings,
): readonly EntryService[] {
  const { metadata, spec, origins } = resource;
  const { namespace, name, annotations, labels } = metadata;
  const resolution = resolutions[spec.resolution ?? 'NONE'] ?? 'none';
  const ports = servicePorts(resource);
  const addresses = (spec.addresses ?? []).flatMap(plainAddress);
  const selector = spec.workloadSelector === undefined ? undefined : (spec.workloadSelector.labels ?? {});
  const distribution = trafficDistribution(undefined, annotations, namespaceAnnotations);
  const subjectAltNames = spec.subjectAltNames ?? [];
  const inline = (spec.endpoints ?? []).flatMap((endpoint, index) => {
    const workload = workloadOf(endpoint, { namespace, name: `${name}-${index}` }, origins.at(['spec', 'endpoints', index]));
    return endpointsOfEntry(inNetwork(workload, networkPlan), ports, resolution);
  });
  return [...new Set(spec.hosts.map((host) => host.toLowerCase()))].map((hostname) => ({
    service: {
      hostname,
      name: hostname,
      namespace,
      addresses,
      headless: false,
      resolution,
      registry: 'service-entry',
      external: (spec.location ?? 'MESH_EXTERNAL') === 'MESH_EXTERNAL',
      ports,
      ...(subjectAltNames.length > 0 && { subjectAltNames }),
      ...(selector !== undefined && { selector }),
      ...(labels['experimental.istio.io/disable-gateway-port-translation'] === 'true' && { keepsGatewayPorts: true }),
      ...(distribution !== undefined && { trafficDistribution: distribution }),
      endpoints: ownEndpoints(resource, hostname, ports, resolution, inline),
      visibility: visibilityOf(spec.exportTo, namespace, defaultExportTo?.service),
      ...(metadata.creationTimestamp !== undefined && { createdMs: createdMs(metadata) }),
      origin: origins.at(['spec', 'hosts', spec.hosts.findIndex((host) => host.toLowerCase() === hostname)]),
    },
    entryName: name,
    selector,
    automatic: automaticAddress(resource, hostname, resolution),
  }));
}

/** A name that DNS knows is its own endpoint where no others are named; without resolution, for proxies that have nowhere to pass it on to. */
function ownEndpoints(
  { metadata, spec }: ServiceEntryResource,
  hostname: string,
  ports: readonly ServicePort[],
  resolution: Resolution,
  inline: readonly Endpoint[],
): readonly Endpoint[] {
  const resolves = resolution === 'dns' || resolution === 'dns-round-robin' || (resolution === 'none' && isDomainName(hostname));
  if (!resolves || (spec.endpoints ?? []).length > 0 || spec.workloadSelector !== undefined) return inline;
  return ports.map((port) => hostEndpoint(hostname, port, `${metadata.namespace}/${metadata.name}`));
}

function isDomainName(hostname: string): boolean {
  return !hostname.startsWith('*') && parseIp(hostname) === undefined;
}

function servicePorts({ spec, origins }: ServiceEntryResource): readonly ServicePort[] {
  return (spec.ports ?? []).map(({ name, number, protocol = '', targetPort = number }, index) => ({
    name,
    number,
    protocol: protocolByName(protocol),
    targetPort,
    origin: origins.at(['spec', 'ports', index]),
  }));
}

/** A block of one address is that address. What is neither was refused by validation. */
function plainAddress(written: string): readonly string[] {
  const range = parseCidr(written);
  if (range === undefined) return [];
  const [address = written] = written.split('/');
  return [range.length === range.words.length * 32 ? address : written];
}

/**
 * Who gets an automatic address: hosts without one whose traffic the proxy sends on its own; wildcards only where they are resolved for each
 * request. Source: Istio, ShouldV2AutoAllocateIP and keepHost.
 */
function automaticAddress({ metadata, spec, status }: ServiceEntryResource, hostname: string, resolution: Resolution): EntryService['automatic'] {
  if (resolution === 'none' || (spec.addresses ?? []).length > 0) return undefined;
  if (metadata.labels['networking.istio.io/enable-autoallocate-ip']?.toLowerCase() === 'false') return undefined;
  if (hostname.startsWith('*') && resolution !== 'dynamic-dns') return undefined;
  const assigned = (status?.addresses ?? []).flatMap(({ value = '', host = '' }) => (host.toLowerCase() === hostname && value !== '' ? [value] : []));
  return { assigned };
}
