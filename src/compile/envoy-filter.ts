// In: what was compiled for a proxy, and the EnvoyFilters of its mesh. Out: the same with the patches of those that select it. Resources that
// no patch concerns stay the same objects; a patched one stays the same as long as it is made of the same resource and patches.
import { clone, type DescMessage, isMessage, type MessageShape } from '@bufbuild/protobuf';
import { RE2JS } from 're2js';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { clusterContext, concernsCluster, patchCluster } from '#compile/envoy-filter-cluster.ts';
import { resolveExtensions } from '#compile/envoy-filter-extension.ts';
import { concernsListener, listenerContext, patchListener } from '#compile/envoy-filter-listener.ts';
import { Patching, type ResourceContext } from '#compile/envoy-filter-patch.ts';
import { concernsRoutes, patchRoutes } from '#compile/envoy-filter-route.ts';
import { selectsProxy } from '#compile/selects-proxy.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { OriginTable, type XdsNode } from '#envoy/origin-table.ts';
import { type ResourceSet, XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import type { EnvoyFilter, EnvoyPatch } from '#model/envoy-filter.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';

export type Patched = {
  readonly resources: ResourceSet;
  readonly origins: OriginTable;
  readonly diagnostics: readonly Diagnostic[];
  /** The patches that were meant for this proxy, and those of them that changed something. */
  readonly patches: readonly EnvoyPatch[];
  readonly touched: ReadonlySet<EnvoyPatch>;
};

/** The patches in force for a proxy in the order in which they act: the root namespace's first, then its own; by priority, then by age. */
export function patchesFor(mesh: Mesh, proxy: Proxy): readonly EnvoyPatch[] {
  if (mesh.envoyFilters.length === 0) return [];
  const { rootNamespace } = mesh.settings;
  const chosen = mesh.envoyFilters.filter((filter) => selectsProxy(filter, mesh, proxy));
  const rank = ({ namespace }: EnvoyFilter): number => (namespace === rootNamespace ? 0 : 1);
  // A stable sort: among equals the order of precedence stays.
  const sorted = [...chosen].sort((a, b) => rank(a) - rank(b) || a.priority - b.priority);
  return sorted.flatMap(({ patches }) => patches).filter((patch) => isForProxy(patch, proxy));
}

/** The Istio whose behaviour is ours: what a proxy that does not say its ISTIO_VERSION has. */
const istioVersion = '1.32.0';

/** Source: Istio, EnvoyFilter.ProxyMatch. */
function isForProxy({ context, proxy: wanted }: EnvoyPatch, proxy: Proxy): boolean {
  if (proxy.type === 'router' ? context.startsWith('sidecar') : context === 'gateway') return false;
  if (
    wanted.version !== undefined &&
    !RE2JS.compile(wanted.version)
      .matcher(proxy.metadata?.['ISTIO_VERSION'] ?? istioVersion)
      .find()
  )
    return false;
  return Object.entries(wanted.metadata).every(([key, value]) => proxy.metadata?.[key] === value);
}

/** One kind of resource: which patches concern one, and the patch. */
type Patcher<Schema extends DescMessage> = {
  readonly schema: Schema;
  readonly concerns: (patch: EnvoyPatch, message: MessageShape<Schema>) => boolean;
  readonly patch: (message: MessageShape<Schema>, patching: Patching) => MessageShape<Schema> | undefined;
  readonly node: (name: string) => XdsNode;
};

export function applyPatches(
  before: { readonly resources: ResourceSet; readonly origins: OriginTable },
  meant: readonly EnvoyPatch[],
  { type }: Proxy,
  cache: CompileCache,
): Patched {
  const { patches, used } = resolveExtensions(meant, cache);
  const found = new Collected(before.resources, cache);
  for (const patch of used) found.touched.add(patch);
  const routeContext: ResourceContext = type === 'router' ? 'gateway' : 'sidecar-outbound';
  found.patchType(typeUrls.cluster, patches, {
    schema: ClusterSchema,
    concerns: (patch, cluster) => concernsCluster(patch, cluster, clusterContext(cluster.name, type)),
    patch: patchCluster,
    node: (cluster) => ({ kind: 'cluster', cluster }),
  });
  found.patchType(typeUrls.listener, patches, {
    schema: ListenerSchema,
    concerns: (patch, listener) => concernsListener(patch, listener, listenerContext(listener, type)),
    patch: patchListener,
    node: (listener) => ({ kind: 'listener', listener }),
  });
  found.patchType(typeUrls.route, patches, {
    schema: RouteConfigurationSchema,
    concerns: (patch, config) => concernsRoutes(patch, config, routeContext),
    patch: patchRoutes,
    node: (routeConfig) => ({ kind: 'routeConfig', routeConfig }),
  });
  // A listener for any context is one for what goes out, as in Istio.
  const adds = patches.filter(({ operation, context }) => operation === 'ADD' && (context === 'any' || isForContextOf(context, type)));
  found.add(
    typeUrls.cluster,
    adds.filter(({ applyTo }) => applyTo === 'CLUSTER'),
    ClusterSchema,
    (cluster) => ({ kind: 'cluster', cluster }),
  );
  found.add(
    typeUrls.listener,
    adds.filter(({ applyTo }) => applyTo === 'LISTENER'),
    ListenerSchema,
    (listener) => ({ kind: 'listener', listener }),
  );
  return {
    resources: found.resources,
    origins: new OriginTable([found.origins, before.origins]),
    diagnostics: found.diagnostics,
    patches,
    touched: found.touched,
  };
}

function isForContextOf(context: Exclude<EnvoyPatch['context'], 'any'>, type: Proxy['type']): boolean {
  return type === 'router' ? context === 'gateway' : context !== 'gateway';
}

type Remembered = {
  readonly resource: XdsResource | undefined;
  readonly touched: ReadonlySet<EnvoyPatch>;
  readonly diagnostics: readonly Diagnostic[];
};

/** The resources of one proxy while they are patched. */
class Collected {
  resources: ResourceSet;
  readonly origins = new OriginTable();
  readonly diagnostics: Diagnostic[] = [];
  readonly touched = new Set<EnvoyPatch>();
  readonly #cache: CompileCache;

  constructor(resources: ResourceSet, cache: CompileCache) {
    this.resources = resources;
    this.#cache = cache;
  }

  patchType<Schema extends DescMessage>(typeUrl: TypeUrl, patches: readonly EnvoyPatch[], patcher: Patcher<Schema>): void {
    const before = this.resources.get(typeUrl);
    if (before === undefined) return;
    const after = new Map<string, XdsResource>();
    for (const [name, resource] of before) {
      const { message } = resource;
      const concerned = isMessage(message, patcher.schema) ? patches.filter((patch) => patcher.concerns(patch, message)) : [];
      const patched = concerned.length === 0 || !isMessage(message, patcher.schema) ? resource : this.#patched(resource, message, concerned, patcher);
      if (patched !== undefined) after.set(patched.name, patched);
      if (patched !== resource) this.#note(patcher.node(name), concerned);
    }
    this.resources = new Map(this.resources).set(typeUrl, after);
  }

  #patched<Schema extends DescMessage>(
    resource: XdsResource,
    message: MessageShape<Schema>,
    patches: readonly EnvoyPatch[],
    patcher: Patcher<Schema>,
  ): XdsResource | undefined {
    const found = this.#cache.once('envoy filter', [resource, ...patches], '', (): Remembered => {
      const patching = new Patching(patches);
      const patched = patcher.patch(clone(patcher.schema, message), patching);
      const { touched, diagnostics } = patching;
      if (touched.size === 0) return { resource, touched, diagnostics };
      const made = patched === undefined ? undefined : new XdsResource(resource.typeUrl, resource.name, patcher.schema, patched);
      return { resource: made, touched, diagnostics };
    });
    for (const patch of found.touched) this.touched.add(patch);
    this.diagnostics.push(...found.diagnostics);
    return found.resource;
  }

  /** Whole resources of the user's own. */
  add<Schema extends DescMessage>(typeUrl: TypeUrl, patches: readonly EnvoyPatch[], schema: Schema, node: (name: string) => XdsNode): void {
    for (const patch of patches) {
      const { resource, touched, diagnostics } = this.#cache.once('envoy filter addition', [patch], '', (): Remembered => {
        const patching = new Patching([patch]);
        const message = patching.read(schema, patch);
        const name = message !== undefined && 'name' in message && typeof message.name === 'string' ? message.name : '';
        patching.touch(patch);
        const made = message === undefined ? undefined : new XdsResource(typeUrl, name, schema, message);
        return { resource: made, touched: patching.touched, diagnostics: patching.diagnostics };
      });
      for (const seen of touched) this.touched.add(seen);
      this.diagnostics.push(...diagnostics);
      if (resource === undefined) continue;
      this.resources = new Map(this.resources).set(typeUrl, new Map(this.resources.get(typeUrl)).set(resource.name, resource));
      this.#note(node(resource.name), [patch]);
    }
  }

  #note(node: XdsNode, patches: readonly EnvoyPatch[]): void {
    for (const { origin } of patches.filter((patch) => this.touched.has(patch))) this.origins.add(node, origin);
  }
}
