// In: Kubernetes Services with their EndpointSlices, pods and WorkloadEntries. Out: for each what the mesh knows of it; those of type
// ExternalName apart.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { endpointsFromEntries, endpointsFromSlices, endpointsFromWorkloads, serviceNameLabel } from '#model/build/endpoint.ts';
import { onePerPod } from '#model/build/endpoint-families.ts';
import { visibilityOfAnnotation } from '#model/build/export-to.ts';
import { serviceHostname } from '#model/build/host-resolution.ts';
import { placeholderAddresses } from '#model/build/placeholder-address.ts';
import { createdMs } from '#model/build/precedence.ts';
import { protocolOf } from '#model/build/protocol.ts';
import { isSelectable } from '#model/build/service-entry-endpoint.ts';
import type { ServiceParts, ServiceShape } from '#model/build/service-parts.ts';
import { trafficDistribution } from '#model/build/traffic-distribution.ts';
import type { WorkloadIndex } from '#model/build/workload-index.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Endpoint, ServicePort } from '#model/service.ts';
import type { Workload } from '#model/workload.ts';

type ServiceResource = KindMap['Service'];
type Labels = Readonly<Record<string, string>>;

export type ServiceInputs = {
  readonly resources: ResourcesByKind;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly pods: WorkloadIndex;
  readonly entries: WorkloadIndex;
  readonly settings: MeshSettings;
  readonly memo: BuildMemo;
};

const noAnnotations: Labels = {};

/** In the order of the resources; not those of type ExternalName, which have nothing of their own. */
export function kubernetesServices(inputs: ServiceInputs): readonly ServiceParts[] {
  const { resources, settings, memo } = inputs;
  const internal = [...resources.Service.values()].filter((resource) => !isExternalName(resource));
  const placeholders = virtualAddresses(internal);
  const slices = Map.groupBy(resources.EndpointSlice.values(), ({ metadata }) => `${metadata.namespace}/${metadata.labels[serviceNameLabel] ?? ''}`);
  return internal.map((resource) => {
    const key = resourceKey(resource.metadata);
    const address = placeholders.get(key) ?? '';
    const ofNamespace = resources.Namespace.get(resource.metadata.namespace)?.metadata.annotations ?? noAnnotations;
    const shape = memo.serviceShapes.get([resource, settings, ofNamespace], address, () => serviceShape(resource, address, ofNamespace, settings));
    return withEndpoints(resource, shape, slices.get(key), inputs);
  });
}

/** A Service of type ExternalName without a name is an ordinary one, as in Istio. */
export function isExternalName({ spec }: ServiceResource): boolean {
  return spec.type === 'ExternalName' && (spec.externalName ?? '') !== '';
}

/** Slices where there are any, else the pods that the selector chooses; and WorkloadEntries that it chooses, unless the service is headless. */
function withEndpoints(
  resource: ServiceResource,
  shape: ServiceShape,
  slices: readonly KindMap['EndpointSlice'][] | undefined,
  { workloads, pods, entries }: ServiceInputs,
): ServiceParts {
  const selector = resource.spec.selector ?? {};
  const selects = Object.keys(selector).length > 0;
  const chosen = selects && !shape.headless ? entries.select(shape.namespace, selector).filter((entry) => isSelectable(entry, 'endpoints')) : [];
  const ofEntries = (): readonly Endpoint[] => endpointsFromEntries(shape, chosen);
  if (slices !== undefined) {
    const parts = [shape, ...slices, ...podsOf(slices, workloads), ...chosen];
    return { shape, parts, endpoints: () => [...onePerPod(endpointsFromSlices(shape, slices, workloads), firstFamily(resource)), ...ofEntries()] };
  }
  const selected = selects ? pods.select(shape.namespace, selector) : [];
  const notReadyToo = resource.spec.publishNotReadyAddresses === true;
  return {
    shape,
    parts: [shape, ...selected, ...chosen],
    endpoints: () => [...endpointsFromWorkloads(shape, selected, notReadyToo), ...ofEntries()],
  };
}

/** That of the ClusterIP; of a headless one as it says, and IPv4 where it does not. */
function firstFamily({ spec }: ServiceResource): 4 | 6 {
  const [family] = spec.ipFamilies ?? [];
  return family === 'IPv6' || (family === undefined && spec.clusterIP?.includes(':') === true) ? 6 : 4;
}

/** The workloads behind slices: their labels are part of the endpoints. */
function podsOf(slices: readonly KindMap['EndpointSlice'][], workloads: ReadonlyMap<string, Workload>): readonly (Workload | undefined)[] {
  return slices.flatMap(({ metadata, endpoints = [] }) =>
    endpoints.map(({ targetRef }) => workloads.get(`${targetRef?.namespace ?? metadata.namespace}/${targetRef?.name ?? ''}`)),
  );
}

/** For services that would have a ClusterIP on a cluster, and have none yet. */
function virtualAddresses(services: readonly ServiceResource[]): ReadonlyMap<string, string> {
  const real = new Set(services.flatMap(({ spec }) => (spec.clusterIP === undefined ? [] : [spec.clusterIP])));
  const without = services.filter(({ spec }) => spec.clusterIP === undefined || spec.clusterIP === '').map(({ metadata }) => resourceKey(metadata));
  return placeholderAddresses('10.96', without.sort(), real);
}

function serviceShape(resource: ServiceResource, placeholder: string, ofNamespace: Labels, settings: MeshSettings): ServiceShape {
  const { metadata, spec, origins } = resource;
  const distribution = trafficDistribution(spec.trafficDistribution, metadata.annotations, ofNamespace);
  const headless = spec.clusterIP === 'None';
  const clusterIps = spec.clusterIPs ?? (spec.clusterIP === undefined || spec.clusterIP === '' ? [placeholder] : [spec.clusterIP]);
  return {
    hostname: serviceHostname(metadata.name, metadata.namespace, settings.domain),
    name: metadata.name,
    namespace: metadata.namespace,
    addresses: headless ? [] : clusterIps,
    headless,
    resolution: 'endpoints',
    registry: 'kubernetes',
    external: false,
    ports: servicePorts(resource),
    // An empty one is none: it would match every Pod.
    ...(Object.keys(spec.selector ?? {}).length > 0 && { selector: spec.selector }),
    ...(metadata.labels['experimental.istio.io/disable-gateway-port-translation'] === 'true' && { keepsGatewayPorts: true }),
    ...(distribution !== undefined && { trafficDistribution: distribution }),
    ...(spec.internalTrafficPolicy === 'Local' && { nodeLocal: true }),
    visibility: visibilityOfAnnotation(metadata.annotations['networking.istio.io/exportTo'], metadata.namespace, settings.defaultExportTo?.service),
    ...(metadata.creationTimestamp !== undefined && { createdMs: createdMs(metadata) }),
    origin: origins.start,
  };
}

/** The ports of a Service, with the protocol that appProtocol or the name tells. */
export function servicePorts({ spec, origins }: ServiceResource): readonly ServicePort[] {
  return (spec.ports ?? []).map(({ name = '', port, targetPort = port, protocol, appProtocol }, index) => ({
    name,
    number: port,
    protocol: protocolOf({ number: port, name, appProtocol, transport: protocol }),
    targetPort,
    origin: origins.at(['spec', 'ports', index]),
  }));
}
