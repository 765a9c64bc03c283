// In: what a proxy sees of the mesh. Out: the name table for the name server beside it, as Istio's NDS has it, with the line that each host is from.
// Made of a part for each service, so that a changed service costs its part; one table for all proxies that see the same. Source: Istio,
// BuildNameTable. Beyond Istio's: ports and ExternalName Services, in fields that Istio's agent skips.
import { type Assembly, assemble } from '#compile/assembly.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { ownNetwork } from '#compile/endpoint-network.ts';
import { type HostPart, type HostPartOptions, hostPart, joinParts } from '#compile/name-table-part.ts';
import type { Scope } from '#compile/scope.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { create } from '#envoy/create.ts';
import { type NameTable, NameTableSchema } from '#envoy/gen/istio/networking/nds/v1/nds_pb.js';
import type { NodeOrigin } from '#envoy/origin-table.ts';
import { nameTableName, typeUrls } from '#envoy/type-url.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { type Alias, allServices, type Endpoint, type Service } from '#model/service.ts';
import { serviceSelects } from '#model/service-selection.ts';
import { isVisibleIn } from '#model/visibility.ts';
import type { Workload } from '#model/workload.ts';

/** The table of a proxy that captures DNS; of others nothing, as nobody beside them asks for it. */
export function nameTable(scope: Scope, proxy: Proxy, cache: CompileCache): readonly Assembly[] {
  if (proxy.capturesDns !== true) return [];
  const options: HostPartOptions = { families: familiesOf(proxy.addresses), automatic: true, network: networkOf(scope, proxy) };
  const key = `name table ${options.families} ${options.network ?? ''}`;
  return [
    scope.once(key, () => {
      const shared = sharedOf(scope.mesh, key);
      const parts = [...servicesOf(scope), ...aliasesOf(scope)].map((one) => shared.part(one, () => hostPart(one, options, cache)));
      return cache.madeOf(key, scope.key, parts, () => shared.table(parts));
    }),
  ];
}

/**
 * What the DNS of a cluster answers whoever asks: its Services, those too that are exported to few, their pods, and ExternalNames. Nothing of
 * ServiceEntries, which only proxies know how to reach.
 */
export function clusterNameTable(mesh: Mesh, cache: CompileCache): Unit {
  const options: HostPartOptions = { families: 'both', automatic: false };
  const services = allServices(mesh).flatMap((service) => (service.registry === 'kubernetes' ? [withPods(service, mesh, cache)] : []));
  const parts = [...services, ...mesh.aliases.values()].map((one) => hostPart(one, options, cache));
  return cache.madeOf('name table of the cluster', '', parts, () => tableOf(parts));
}

/** A headless Service without ports has no endpoints as proxies know them; it still names its pods. */
function withPods(service: Service, { workloads }: Mesh, cache: CompileCache): Service {
  if (!service.headless || service.ports.length > 0) return service;
  const pods = [...workloads.values()].filter((workload) => workload.ready && serviceSelects(service, workload));
  return cache.once('pods of a service without ports', [service, ...pods], '', () => ({
    ...service,
    endpoints: pods.map((pod) => asEndpoint(pod, service)),
  }));
}

function asEndpoint({ address, podHost, labels, origin }: Workload, { name }: Service): Endpoint {
  const hostname = podHost?.subdomain === name ? { hostname: podHost.hostname.toLowerCase() } : {};
  return { address, port: 0, servicePort: '', servicePortNumber: 0, labels, health: 'ready', origin, ...hostname };
}

/** Of each egress listener what it lets in. */
function servicesOf(scope: Scope): readonly Service[] {
  const [only, ...others] = scope.egress;
  if (others.length === 0) return [...(only?.services.values() ?? [])];
  return [...new Set(scope.egress.flatMap(({ services }) => [...services.values()]))];
}

/** Where a Sidecar says what is seen, other names are asked of the DNS behind. */
function aliasesOf({ mesh, sidecar, namespace }: Scope): readonly Alias[] {
  return sidecar === undefined ? [...mesh.aliases.values()].filter(({ visibility }) => isVisibleIn(visibility, namespace)) : [];
}

function familiesOf(addresses: readonly string[]): HostPartOptions['families'] {
  const [v4, v6] = [addresses.some((address) => !address.includes(':')), addresses.some((address) => address.includes(':'))];
  return v4 === v6 ? 'both' : v4 ? 'v4' : 'v6';
}

function networkOf({ mesh }: Scope, proxy: Proxy): string | undefined {
  return ownNetwork(proxy, mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.network) || undefined;
}

type Made = { readonly parts: readonly HostPart[]; readonly table: Assembly };

/** What the namespaces of a mesh have in common: mostly they see the same. */
class Shared {
  readonly #parts = new Map<Service | Alias, HostPart>();
  readonly #tables: Made[] = [];

  part(of: Service | Alias, make: () => HostPart): HostPart {
    const known = this.#parts.get(of);
    if (known !== undefined) return known;
    const part = make();
    this.#parts.set(of, part);
    return part;
  }

  table(parts: readonly HostPart[]): Assembly {
    const known = this.#tables.find((one) => one.parts.length === parts.length && one.parts.every((part, index) => part === parts[index]));
    if (known !== undefined) return known.table;
    const table = assemble([tableOf(parts)]);
    this.#tables.push({ parts, table });
    return table;
  }
}

const ofMeshes = new WeakMap<Mesh, Map<string, Shared>>();

function sharedOf(mesh: Mesh, key: string): Shared {
  const ofMesh = ofMeshes.get(mesh) ?? new Map<string, Shared>();
  ofMeshes.set(mesh, ofMesh);
  const shared = ofMesh.get(key) ?? new Shared();
  ofMesh.set(key, shared);
  return shared;
}

function tableOf(parts: readonly HostPart[]): Unit {
  const merged = withoutRepeats(parts);
  return makeUnit(
    typeUrls.nameTable,
    nameTableName,
    NameTableSchema,
    (): NameTable => create(NameTableSchema, { table: Object.fromEntries(merged.flatMap(({ table }) => Object.entries(table))) }),
    () => merged.flatMap(({ table, origin }) => Object.keys(table).map((host): NodeOrigin => [{ kind: 'name', host }, origin])),
    // A map is written entry by entry, so tables that lie behind each other are one.
    () => Buffer.concat(merged.map(({ bytes }) => bytes)),
  );
}

/** A host that several egress listeners let in, or several parts name: the Kubernetes Service, else all addresses together. */
function withoutRepeats(parts: readonly HostPart[]): readonly HostPart[] {
  const byHost = new Map<string, HostPart>();
  for (const part of parts) {
    const known = byHost.get(part.host);
    if (known === undefined) byHost.set(part.host, part);
    else if (known.registry !== 'Kubernetes') byHost.set(part.host, part.registry === 'Kubernetes' ? part : joinParts(known, part));
  }
  return [...byHost.values()];
}
