// In: Services with their EndpointSlices, and workloads. Out: the services of the mesh by host name.
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { endpointsFromSlices, endpointsFromWorkloads, selectedWorkloads, serviceNameLabel } from '#model/build/endpoint.ts';
import { visibilityOfAnnotation } from '#model/build/export-to.ts';
import { serviceHostname } from '#model/build/host-resolution.ts';
import { placeholderAddresses } from '#model/build/placeholder-address.ts';
import { createdMs } from '#model/build/precedence.ts';
import { protocolOf } from '#model/build/protocol.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Service } from '#model/service.ts';
import type { Workload } from '#model/workload.ts';

type ServiceResource = KindMap['Service'];

/** Services of type ExternalName are left out: see `externalNameDiagnostics`. */
export function buildServices(
  resources: ResourcesByKind,
  workloads: ReadonlyMap<string, Workload>,
  settings: MeshSettings,
  memo: BuildMemo,
): ReadonlyMap<string, Service> {
  return memo.serviceMaps.get('', [resources.Service, resources.EndpointSlice, workloads, settings], () => {
    const internal = [...resources.Service.values()].filter(({ spec }) => spec.type !== 'ExternalName');
    const placeholders = virtualAddresses(internal);
    const slices = Map.groupBy(
      resources.EndpointSlice.values(),
      ({ metadata }) => `${metadata.namespace}/${metadata.labels[serviceNameLabel] ?? ''}`,
    );
    const byNamespace = Map.groupBy(workloads.values(), ({ namespace }) => namespace);
    const services = new Map<string, Service>();
    for (const resource of internal) {
      const key = resourceKey(resource.metadata);
      const address = placeholders.get(key) ?? '';
      const shape = memo.serviceShapes.get([resource, settings], address, () => serviceShape(resource, address, settings));
      const notReadyToo = resource.spec.publishNotReadyAddresses === true;
      const own = slices.get(key);
      const service =
        own !== undefined
          ? memo.services.get(key, [shape, ...own, ...podsOf(own, workloads)], () => ({
              ...shape,
              endpoints: endpointsFromSlices(shape, own, workloads, notReadyToo),
            }))
          : fromWorkloads(key, shape, selectedWorkloads(shape, byNamespace.get(shape.namespace) ?? []), notReadyToo, memo);
      services.set(shape.hostname, service);
    }
    memo.services.keep((key) => resources.Service.has(key));
    return services;
  });
}

type ServiceShape = Omit<Service, 'endpoints'>;

function fromWorkloads(key: string, shape: ServiceShape, selected: readonly Workload[], notReadyToo: boolean, memo: BuildMemo): Service {
  return memo.services.get(key, [shape, ...selected], () => ({ ...shape, endpoints: endpointsFromWorkloads(shape, selected, notReadyToo) }));
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

function serviceShape(resource: ServiceResource, placeholder: string, settings: MeshSettings): ServiceShape {
  const { metadata, spec, origins } = resource;
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
    ports: (spec.ports ?? []).map(({ name = '', port, targetPort = port, protocol, appProtocol }, index) => ({
      name,
      number: port,
      protocol: protocolOf({ number: port, name, appProtocol, transport: protocol }),
      targetPort,
      origin: origins.at(['spec', 'ports', index]),
    })),
    ...(spec.selector !== undefined && { selector: spec.selector }),
    visibility: visibilityOfAnnotation(metadata.annotations['networking.istio.io/exportTo'], metadata.namespace),
    ...(metadata.creationTimestamp !== undefined && { createdMs: createdMs(metadata) }),
    origin: origins.start,
  };
}

/** One warning per service that names a host outside the mesh. */
export function externalNameDiagnostics(services: Iterable<ServiceResource>): readonly Diagnostic[] {
  return [...services]
    .filter(({ spec }) => spec.type === 'ExternalName')
    .map(({ metadata, origins }) => ({
      code: 'HDL0031',
      severity: 'warning',
      message: `Service ${metadata.namespace}/${metadata.name} is of type ExternalName, which is not part of the mesh yet`,
      at: origins.at(['spec', 'type']),
    }));
}
