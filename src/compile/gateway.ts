// In: a gateway proxy and what its namespace sees. Out: a listener for each port and address its Gateways open, their route configurations and
// certificates, and the clusters that clients may name themselves.
import type { Diagnostic } from '#base/diagnostic.ts';
import { isUnixSocket } from '#compile/address.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { planChains } from '#compile/gateway-chain.ts';
import type { ChainContext, ChainPlan, ChainPlans } from '#compile/gateway-chain-plan.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';
import { type BindAddress, distinctChains, type GatewayOptions, gatewayListener } from '#compile/gateway-listener.ts';
import { type BoundServer, type MergedGateway, mergeGateways, type ServerGroup, serverLeftOut } from '#compile/gateway-server.ts';
import { sniDnatTargets, sniDnatUnits } from '#compile/gateway-sni-dnat.ts';
import { listenerName } from '#compile/names.ts';
import { gatewayRouteConfig } from '#compile/route-config-gateway.ts';
import type { Scope } from '#compile/scope.ts';
import type { ProxyUnits } from '#compile/sidecar.ts';
import type { Unit } from '#compile/unit.ts';
import { workloadFilters } from '#compile/workload-policies.ts';
import type { ResourceSet } from '#envoy/resource.ts';
import type { Interception, Proxy } from '#model/proxy.ts';

/** What a gateway is compiled with beside its mesh: `clusters` are the ordinary ones of its namespace. */
export type GatewayParts = { readonly cache: CompileCache; readonly credentials: GatewayCredentials; readonly clusters: ResourceSet };

const allAddresses = '0.0.0.0';

export function compileGateway(scope: Scope, proxy: Proxy, { cache, credentials, clusters }: GatewayParts): ProxyUnits {
  const { settings, workloads } = scope.mesh;
  const own = workloads.get(`${proxy.namespace}/${proxy.name}`)?.gatewayTopology;
  const filters = workloadFilters(scope.mesh, proxy, scope.tokenKeys, cache);
  const options = { explainFailures: proxy.explainFailures, settings, topology: { ...settings.gatewayTopology, ...own }, filters };
  const client = scope.client(proxy);
  const merged = mergeGateways(scope, proxy, cache);
  const asking = { namespace: proxy.namespace, withoutIdentity: proxy.withoutIdentity === true };
  const { tlsDefaults } = settings;
  const context = { scope, client, credentials: { credentials, client: asking, ...(tlsDefaults !== undefined && { tlsDefaults }) } };
  const diagnostics: Diagnostic[] = [...merged.diagnostics];
  const routes = new Set<string>();
  const units: Unit[] = [];
  const holders = new Map<string, BoundServer | undefined>();
  for (const [name, groups] of Map.groupBy(merged.groups, gatewayListenerName)) {
    const bind = bindAddress(proxy.interception, groups[0]);
    const place = bind === undefined ? '' : `${bind.address}:${bind.port}`;
    if (bind !== undefined && holders.has(place)) {
      const servers = groups.flatMap((group) => group.servers);
      for (const server of servers) diagnostics.push(serverLeftOut(server, holders.get(place), 'at another address, and here all are one'));
      continue;
    }
    const listener = makeListener(name, groups, bind, context, options, cache);
    holders.set(place, groups[0]?.servers[0]);
    diagnostics.push(...listener.diagnostics);
    if (listener.unit === undefined) continue;
    units.push(listener.unit, ...listener.secrets);
    for (const route of listener.routes) routes.add(route);
  }
  for (const table of merged.tables) if (routes.has(table.name)) units.push(gatewayRouteConfig(scope, table, client, cache));
  return { shared: [], units: [...units, ...namedClusters(scope, merged, clusters)], diagnostics };
}

/** Of all servers at one address and port. */
export function gatewayListenerName({ bind = allAddresses, port }: ServerGroup): string {
  return listenerName(bind, port);
}

type MadeListener = {
  readonly unit: Unit | undefined;
  readonly routes: readonly string[];
  readonly secrets: readonly Unit[];
  readonly diagnostics: readonly Diagnostic[];
};

/** No unit where nothing is left to serve, or where the proxy has no such port. */
function makeListener(
  name: string,
  groups: readonly ServerGroup[],
  bind: BindAddress | undefined,
  context: ChainContext,
  options: GatewayOptions,
  cache: CompileCache,
): MadeListener {
  const planned = groups.map((group) => planChains(group, context, cache));
  const { chains, gateways, parts, routes, secrets, diagnostics } = cache.once('chains of a listener', [...groups, ...planned], '', () =>
    joinChains(groups, planned),
  );
  const isClosed = chains.every(({ content }) => content.kind === 'closed');
  if (isClosed || bind === undefined) return { unit: undefined, routes: [], secrets: [], diagnostics };
  const { namespace, withoutIdentity } = context.credentials.client;
  const who = `${namespace} ${withoutIdentity} ${options.explainFailures}`;
  const key = `${name} ${bind.address}:${bind.port} ${who} ${JSON.stringify(options.topology)} ${gateways}`;
  const unit = cache.madeOf('gateway listener', key, [options.filters, ...parts], () => gatewayListener(name, chains, bind, options));
  return { unit, routes, secrets, diagnostics };
}

type JoinedChains = Pick<MadeListener, 'routes' | 'secrets' | 'diagnostics'> & {
  readonly chains: readonly ChainPlan[];
  /** The names of the Gateways. */
  readonly gateways: string;
  /** Everything that chains are made of: the servers by identity, and what was found for them as text. */
  readonly parts: readonly unknown[];
};

/** The chains of all groups beside each other, and what there is to say of them. */
function joinChains(groups: readonly ServerGroup[], planned: readonly ChainPlans[]): JoinedChains {
  const servers = groups.flatMap((group) => group.servers);
  const { chains, diagnostics } = distinctChains(planned.flatMap(({ plans }) => plans));
  // A chain for HTTP says nothing else that is not its server's.
  const contents = chains.flatMap(({ serverNames, content, transportSocket }) => [
    content.kind === 'http' ? content.routeName : JSON.stringify([serverNames, content]),
    transportSocket,
  ]);
  return {
    chains,
    gateways: [...new Set(servers.map(({ gatewayName }) => gatewayName))].join(' '),
    parts: [...servers.map(({ server }) => server), ...chains.map(({ owner }) => owner.origin), ...contents],
    routes: chains.flatMap(({ content }) => (content.kind === 'http' ? [content.routeName] : [])),
    secrets: chains.flatMap((chain) => chain.secrets ?? []),
    diagnostics: [...planned.flatMap((one) => one.diagnostics), ...diagnostics],
  };
}

/** In loopback mode only ports that were given one: opening 80 as it is would need rights that a laptop's user does not have. */
function bindAddress(interception: Interception, group: ServerGroup | undefined): BindAddress | undefined {
  if (group === undefined) return undefined;
  if (interception.kind !== 'none') return { address: group.bind ?? allAddresses, port: group.port };
  if (group.bind !== undefined && isUnixSocket(group.bind)) return { address: group.bind, port: 0 };
  const given = interception.inbound[String(group.port)];
  return given === undefined ? undefined : { address: interception.inboundAddress ?? interception.address, port: given.listen };
}

/** For AUTO_PASSTHROUGH servers. */
function namedClusters(scope: Scope, { groups }: MergedGateway, clusters: ResourceSet): readonly Unit[] {
  const servers = groups.flatMap((group) => group.servers).filter(({ server }) => server.tls?.mode === 'auto-passthrough');
  if (servers.length === 0) return [];
  const hosts = [...new Set(servers.flatMap(({ serverNames }) => serverNames))];
  return scope.once(`named clusters ${hosts.join(' ')}`, () => sniDnatUnits(sniDnatTargets(scope, hosts), clusters));
}
