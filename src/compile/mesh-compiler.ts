// In: a mesh. Out: for any proxy, everything it needs as xDS, with origins. Pure: the same mesh and proxy give the same resources, and what
// proxies have in common is the same object for all of them. The cache carries what did not change over to the next mesh.
import { type Assembly, assemble, join } from '#compile/assembly.ts';
import { outboundClusters } from '#compile/cluster.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import type { Compiled } from '#compile/compiled.ts';
import { loadAssignments } from '#compile/endpoint.ts';
import { fixedClusters } from '#compile/fixed-clusters.ts';
import { compileGateway } from '#compile/gateway.ts';
import { indexMesh, type MeshIndex } from '#compile/mesh-index.ts';
import { Scope } from '#compile/scope.ts';
import { compileSidecar } from '#compile/sidecar.ts';
import type { Unit } from '#compile/unit.ts';
import type { DestinationRule } from '#model/destination-rule.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';

/** Stands for "no destination rule" among the objects that a cache entry is found by. */
const noRule = {};

export class MeshCompiler {
  readonly mesh: Mesh;
  readonly #cache: CompileCache;
  readonly #scopes = new Map<string, Scope>();
  readonly #index: MeshIndex;

  /** `cache` may have served an earlier mesh; a compiler for each mesh, one cache for all. */
  constructor(mesh: Mesh, cache: CompileCache = new CompileCache()) {
    cache.useSettings(mesh.settings);
    this.mesh = mesh;
    this.#cache = cache;
    this.#index = indexMesh(mesh);
  }

  /** All resources of this proxy. Diagnostics are about what the mesh asks of it that cannot be compiled. */
  compile(proxy: Proxy): Compiled {
    const scope = this.#scope(proxy.namespace);
    const clusters = this.#clusters(scope, proxy);
    const own = proxy.type === 'router' ? compileGateway(scope, proxy, this.#cache) : compileSidecar(scope, proxy, this.#cache);
    return { ...join([clusters, ...own.shared, assemble(own.units)]), diagnostics: own.diagnostics };
  }

  #scope(namespace: string): Scope {
    let scope = this.#scopes.get(namespace);
    if (scope === undefined) {
      scope = new Scope(this.mesh, namespace, this.#index, this.#cache);
      this.#scopes.set(namespace, scope);
    }
    return scope;
  }

  /** Clusters and endpoints of the services that a namespace sees: the same for all its proxies of one kind. */
  #clusters(scope: Scope, proxy: Proxy): Assembly {
    const client = { type: proxy.type, hasOriginalDestination: proxy.interception.kind === 'redirect' };
    const clientKey = `${client.type} ${client.hasOriginalDestination}`;
    const { settings } = this.mesh;
    return scope.once(`clusters ${clientKey}`, () =>
      assemble([
        ...[...scope.services.values()].flatMap((service) => {
          const rule: DestinationRule | undefined = scope.destinationRule(service);
          // Clusters know nothing of endpoints: an endpoint that comes or goes leaves them as they are.
          const shape = [service.ports, service.origin, rule ?? noRule];
          const clusterKey = `${clientKey} ${service.hostname} ${service.headless}`;
          const clusters = this.#cache.once('clusters', shape, clusterKey, () => outboundClusters(service, rule, client, settings));
          const endpoints = this.#cache.once('endpoints', [service, rule ?? noRule], '', () => loadAssignments(service, rule));
          const discovered = new Set(clusters.filter(isDiscovered).map(({ resource }) => resource.name));
          return [...clusters, ...endpoints.filter(({ resource }) => discovered.has(resource.name))];
        }),
        ...this.#cache.once('fixed clusters', [], client.type, () => fixedClusters(client.type, settings)),
      ]),
    );
  }
}

/** Whether the cluster takes its endpoints from EDS: one that passes through has none to send. */
function isDiscovered({ resource }: Unit): boolean {
  return 'edsClusterConfig' in resource.message && resource.message.edsClusterConfig !== undefined;
}
