// In: Services, ServiceEntries, and what stands behind them. Out: the services of the mesh by host name. A host may be named more than once:
// within a namespace those are one service, across namespaces each sees its own. Source: Istio, initServiceRegistry, appendSidecarServices
// and mergeServicesInstancesByNamespaceHost.
import type { ResourcesByKind } from '#api/kinds.ts';
import { addressConflicts } from '#model/build/address-conflict.ts';
import { aliasDiagnostics, aliasesByTarget, buildAliases } from '#model/build/alias.ts';
import { automaticAddresses } from '#model/build/automatic-address.ts';
import type { BuildMemo } from '#model/build/build-memo.ts';
import { compareEndpoints } from '#model/build/endpoint.ts';
import { mergeEntries, mergeProblems } from '#model/build/entry-merge.ts';
import { kubernetesServices, type ServiceInputs } from '#model/build/service.ts';
import { buildServiceEntry } from '#model/build/service-entry.ts';
import { serviceEntryAdvice } from '#model/build/service-entry-advice.ts';
import { endpointsOfEntry, isSelectable } from '#model/build/service-entry-endpoint.ts';
import type { EntryService, ServiceParts, ServiceRegistry } from '#model/build/service-parts.ts';
import { WorkloadIndex } from '#model/build/workload-index.ts';
import type { Mesh, MeshSettings } from '#model/mesh.ts';
import type { Endpoint, Service } from '#model/service.ts';
import type { Workload } from '#model/workload.ts';

type Workloads = Pick<Mesh, 'workloads' | 'workloadEntries'>;

/** A service whose parts are the objects of the last build is the object of the last build. */
export function buildServiceRegistry(
  resources: ResourcesByKind,
  { workloads, workloadEntries }: Workloads,
  settings: MeshSettings,
  memo: BuildMemo,
): ServiceRegistry {
  const { Service, ServiceEntry, EndpointSlice, Namespace } = resources;
  return memo.registries.get('', [Service, ServiceEntry, EndpointSlice, Namespace, workloads, workloadEntries, settings], () => {
    const inputs = {
      resources,
      workloads,
      pods: new WorkloadIndex(workloads.values()),
      entries: new WorkloadIndex(workloadEntries.values()),
      settings,
      memo,
    };
    const aliases = buildAliases(resources, settings);
    const ofAliases = aliasesByTarget(aliases);
    const ofKubernetes = new Map(kubernetesServices(inputs).map((service) => [keyOf(service.shape), service]));
    const ofEntries = Map.groupBy(entryServices(inputs), ({ service }) => keyOf(service));
    const automatic = assignAddresses(ofEntries);
    const keys = new Set([...ofKubernetes.keys(), ...ofEntries.keys()]);
    const all = [...keys].map((key) => {
      const group = { service: ofKubernetes.get(key), entries: ofEntries.get(key) ?? [], automatic: automatic.get(key) };
      return makeService(key, group, ofAliases, inputs);
    });
    memo.services.keep((key) => keys.has(key));
    return {
      ...byHost(all),
      aliases,
      diagnostics: [
        ...serviceEntryAdvice(resources),
        ...addressConflicts([...all].sort(compareAge)),
        ...aliasDiagnostics(aliases),
        ...[...ofEntries].flatMap(([key, same]) => mergeProblems(same, ofKubernetes.get(key)?.shape)),
      ],
    };
  });
}

function keyOf({ namespace, hostname }: { readonly namespace: string; readonly hostname: string }): string {
  return `${namespace}/${hostname}`;
}

const noAnnotations = {};

/** In order of precedence: older first, then by host, namespace and the name of the ServiceEntry. */
function entryServices({ resources, settings, memo }: ServiceInputs): readonly EntryService[] {
  const services = [...resources.ServiceEntry.values()].flatMap((resource) => {
    const annotations = resources.Namespace.get(resource.metadata.namespace)?.metadata.annotations ?? noAnnotations;
    return memo.serviceEntries.get([resource, annotations, settings], '', () => buildServiceEntry(resource, annotations, settings));
  });
  return services.sort((a, b) => compareAge(a.service, b.service) || (a.entryName < b.entryName ? -1 : 1));
}

function compareAge(a: Service, b: Service): number {
  return (a.createdMs ?? 0) - (b.createdMs ?? 0) || compareText(a.name, b.name) || compareText(a.namespace, b.namespace);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** By `namespace/hostname`: what a cluster's allocator gave, else an address of our own choice. */
function assignAddresses(byKey: ReadonlyMap<string, readonly EntryService[]>): ReadonlyMap<string, readonly string[]> {
  const asking = [...byKey.values()].flat().filter(({ automatic }) => automatic !== undefined);
  const assigned = new Map<string, readonly string[]>();
  for (const { service, automatic } of asking) {
    const key = keyOf(service);
    if (!assigned.has(key) && automatic !== undefined && automatic.assigned.length > 0) assigned.set(key, automatic.assigned);
  }
  const taken = new Set([...byKey.values()].flat().flatMap(({ service }) => service.addresses));
  for (const addresses of assigned.values()) for (const address of addresses) taken.add(address);
  const free = asking.filter(({ service }) => !assigned.has(keyOf(service))).map(({ service }) => service);
  return new Map([...automaticAddresses(free, taken), ...assigned]);
}

type Group = {
  readonly service: ServiceParts | undefined;
  readonly entries: readonly EntryService[];
  readonly automatic: readonly string[] | undefined;
};

/** One service of all that speak of a host in one namespace. A Kubernetes Service stays as it is and gets the endpoints of its ports' names. */
function makeService(
  key: string,
  { service, entries, automatic }: Group,
  ofAliases: ReadonlyMap<string, readonly string[]>,
  inputs: ServiceInputs,
): Service {
  const chosen = entries.map((entry) => selectedBy(entry, inputs));
  const aliases = ofAliases.get(service?.shape.hostname ?? entries[0]?.service.hostname ?? '');
  const parts = [...(service?.parts ?? []), ...entries, ...chosen.flat(), automatic?.join(), aliases?.join()];
  return inputs.memo.services.get(key, parts, () => {
    const more = { ...(automatic !== undefined && { automaticAddresses: automatic }), ...(aliases !== undefined && { aliases }) };
    const ofEntries = entries.flatMap((entry, index) => entryEndpoints(entry, chosen[index] ?? []));
    if (service === undefined) return { ...mergeEntries(entries, ofEntries), ...more };
    const { shape } = service;
    const sharing = ofEntries.flatMap((endpoint): readonly Endpoint[] => {
      const port = shape.ports.find(({ name }) => name === endpoint.servicePort);
      return port === undefined ? [] : [{ ...endpoint, servicePortNumber: port.number }];
    });
    const endpoints = [...service.endpoints(), ...sharing];
    return { ...shape, ...(aliases !== undefined && { aliases }), endpoints: sharing.length === 0 ? endpoints : endpoints.sort(compareEndpoints) };
  });
}

/** Pods before WorkloadEntries, each in the order of their names. */
function selectedBy({ selector, service }: EntryService, { pods, entries }: ServiceInputs): readonly Workload[] {
  if (selector === undefined) return [];
  return [...pods.select(service.namespace, selector), ...entries.select(service.namespace, selector)].filter((workload) =>
    isSelectable(workload, service.resolution),
  );
}

function entryEndpoints({ service }: EntryService, chosen: readonly Workload[]): readonly Endpoint[] {
  return [...service.endpoints, ...chosen.flatMap((workload) => endpointsOfEntry(workload, service.ports, service.resolution))];
}

/** Kubernetes' own first, so that nobody takes a name from it; then the older one. */
function byHost(services: readonly Service[]): Pick<Mesh, 'services' | 'sharedHosts'> {
  const groups = Map.groupBy(services, ({ hostname }) => hostname);
  const first = new Map<string, Service>();
  const shared = new Map<string, readonly Service[]>();
  for (const [hostname, same] of groups) {
    const sorted =
      same.length === 1 ? same : same.sort((a, b) => Number(b.registry === 'kubernetes') - Number(a.registry === 'kubernetes') || compareAge(a, b));
    const [best] = sorted;
    if (best !== undefined) first.set(hostname, best);
    if (sorted.length > 1) shared.set(hostname, sorted);
  }
  return { services: first, sharedHosts: shared };
}
