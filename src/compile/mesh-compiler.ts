// In: a mesh. Out: for any proxy, everything it needs as xDS, with origins. Pure: the same mesh and proxy give the same resources, and what
// proxies have in common is the same object for all of them. The cache carries what did not change over to the next mesh.
import { type Assembly, assemble, join } from '#compile/assembly.ts';
import { authorizationOrigins } from '#compile/authorization.ts';
import { missingSecrets } from '#compile/client-secrets.ts';
import { clusterAssembly } from '#compile/cluster-assembly.ts';
import { CompileCache } from '#compile/compile-cache.ts';
import type { Compiled } from '#compile/compiled.ts';
import { applyPatches, patchesFor } from '#compile/envoy-filter.ts';
import { compileGateway, gatewayListenerName } from '#compile/gateway.ts';
import { type GatewayCredentials, meshCredentials, withoutSecrets } from '#compile/gateway-credentials.ts';
import { mergeGateways } from '#compile/gateway-server.ts';
import { indexMesh, type MeshIndex } from '#compile/mesh-index.ts';
import { applyMetrics } from '#compile/metrics.ts';
import { metricsPlan } from '#compile/metrics-plan.ts';
import { clusterNameTable, nameTable } from '#compile/name-table.ts';
import { applyProxyTraffic } from '#compile/proxy-traffic.ts';
import { rateLimitPatches } from '#compile/rate-limit.ts';
import { Scope } from '#compile/scope.ts';
import { selectsProxy } from '#compile/selects-proxy.ts';
import { compileSidecar } from '#compile/sidecar.ts';
import { indexSidecars, type SidecarIndex, sidecarFor } from '#compile/sidecar-selection.ts';
import { noTokenKeys, type TokenKeys } from '#compile/token-keys.ts';
import { trafficOf } from '#compile/traffic-of-proxy.ts';
import type { Unit } from '#compile/unit.ts';
import { unseenAuthorizers } from '#compile/unseen-authorizers.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { EnvoyPatch } from '#model/envoy-filter.ts';
import type { GatewayServer } from '#model/gateway.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';

export class MeshCompiler {
  readonly mesh: Mesh;
  readonly #cache: CompileCache;
  readonly #credentials: GatewayCredentials;
  readonly #tokenKeys: TokenKeys;
  readonly #scopes = new Map<string, Scope>();
  readonly #index: MeshIndex;
  readonly #sidecars: SidecarIndex;

  /** `cache` may have served an earlier mesh; a compiler for each mesh, one cache for all. `credentials`: those of the mesh unless given. */
  constructor(
    mesh: Mesh,
    cache: CompileCache = new CompileCache(),
    credentials: GatewayCredentials = meshCredentials(mesh.credentials, cache),
    tokenKeys: TokenKeys = noTokenKeys,
  ) {
    cache.useSettings(mesh.settings);
    this.mesh = mesh;
    this.#cache = cache;
    this.#credentials = credentials;
    this.#tokenKeys = tokenKeys;
    this.#index = indexMesh(mesh);
    this.#sidecars = indexSidecars(mesh);
  }

  /** All resources of this proxy. Diagnostics are about what the mesh asks of it that cannot be compiled. */
  compile(proxy: Proxy): Compiled {
    const scope = this.#scope(proxy);
    const credentials = proxy.withoutSecrets === true ? withoutSecrets(this.#credentials) : this.#credentials;
    const clusters = clusterAssembly(scope, proxy, credentials, this.#cache);
    const parts = { cache: this.#cache, credentials, clusters: clusters.resources };
    const own = proxy.type === 'router' ? compileGateway(scope, proxy, parts) : compileSidecar(scope, proxy, credentials, this.#cache);
    const policies = { resources: new Map(), origins: authorizationOrigins(this.mesh) };
    const whole = join([clusters, ...own.shared, assemble(own.units), ...nameTable(scope, proxy, this.#cache), policies]);
    const joined = this.#withMetrics(this.#withTraffic(whole, proxy), proxy);
    const patches = [...this.#rateLimits(proxy), ...patchesFor(this.mesh, proxy)];
    const diagnostics = [
      ...own.diagnostics,
      ...missingSecrets(scope, proxy, credentials),
      ...unseenAuthorizers(this.mesh, proxy, clusters.resources),
    ];
    if (patches.length === 0) return { ...joined, diagnostics };
    const patched = applyPatches(joined, patches, proxy, this.#cache);
    return { ...patched, diagnostics: [...diagnostics, ...patched.diagnostics] };
  }

  /**
   * The servers that a gateway opens, as Gateways are merged and its Services translate their ports, each with the port that the proxy listens on; those
   * are left out that cannot be served, or lead nowhere.
   */
  gatewayServers(proxy: Proxy): readonly { readonly listen: number; readonly server: GatewayServer }[] {
    const listeners = this.compile(proxy).resources.get(typeUrls.listener);
    return mergeGateways(this.#scope(proxy), proxy, this.#cache).groups.flatMap((group) =>
      listeners?.has(gatewayListenerName(group)) === true ? group.servers.map(({ server }) => ({ listen: group.port, server })) : [],
    );
  }

  /** What the DNS behind the proxies answers: a name table that is nobody's own. */
  clusterNames(): Unit {
    return clusterNameTable(this.mesh, this.#cache);
  }

  /** With what its ProxyConfig says about headers and connections. */
  #withTraffic(joined: Assembly, proxy: Proxy): Assembly {
    const traffic = trafficOf(this.mesh, proxy);
    return traffic === undefined ? joined : { ...joined, resources: applyProxyTraffic(joined.resources, traffic, proxy, this.#cache) };
  }

  /** Before patches likewise: who replaces a filter, replaces what it reports. */
  #withMetrics(joined: Assembly, proxy: Proxy): Assembly {
    const plan = metricsPlan(this.mesh, proxy, this.#cache);
    return plan === undefined
      ? joined
      : { ...joined, resources: applyMetrics(joined.resources, plan, proxy, this.mesh.settings.metrics !== undefined, this.#cache) };
  }

  /** Before the EnvoyFilters' patches, so that those may change what a limit has made. */
  #rateLimits(proxy: Proxy): readonly EnvoyPatch[] {
    return this.mesh.rateLimits
      .filter((limit) => selectsProxy(limit, this.mesh, proxy))
      .flatMap((limit) => this.#cache.once('rate limit', [limit], '', () => rateLimitPatches(limit)))
      .filter(({ context }) => (context === 'gateway') === (proxy.type === 'router'));
  }

  /** Shared by all proxies of a namespace for which the same Sidecar is in force. */
  #scope(proxy: Proxy): Scope {
    const { namespace } = proxy;
    const sidecar = sidecarFor(this.#sidecars, this.mesh, proxy);
    const redirected = proxy.interception.kind === 'redirect';
    const key = `${namespace} ${sidecar === undefined ? '' : `${sidecar.namespace}/${sidecar.name}`} ${redirected}`;
    let scope = this.#scopes.get(key);
    if (scope === undefined) {
      scope = new Scope({ mesh: this.mesh, namespace, sidecar, redirected, index: this.#index, cache: this.#cache, tokenKeys: this.#tokenKeys });
      this.#scopes.set(key, scope);
    }
    return scope;
  }
}
