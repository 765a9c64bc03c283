// In: a group of servers of one port and address. Out: the filter chains for them, as plans, and what is left out of them with the reason.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { type ChainContext, type ChainPlan, type ChainPlans, ownerOf } from '#compile/gateway-chain-plan.ts';
import { autoPassthroughChains, connectionChains, passthroughChains } from '#compile/gateway-connection.ts';
import type { MissingSecret } from '#compile/gateway-credentials.ts';
import type { BoundServer, ServerGroup } from '#compile/gateway-server.ts';
import { serverTransportSocket } from '#compile/gateway-tls.ts';
import { type GatewayServer, isHttpsServer, isPassthroughServer, isPlainHttpServer } from '#model/gateway.ts';

/** Source: Istio, buildGatewayTCPBasedFilterChains. Plain HTTP servers share one chain; each other server has its own. */
export function planChains(group: ServerGroup, context: ChainContext, cache: CompileCache): ChainPlans {
  if (!group.servers.every(({ server }) => endsInHttp(server))) return makePlans(group, context);
  // No virtual service has a say in these.
  const { credentials, client } = context.credentials;
  const who = `${client.namespace} ${client.withoutIdentity}`;
  return cache.once('chains for HTTP', [group, credentials.content], who, () => makePlans(group, context));
}

function endsInHttp(server: GatewayServer): boolean {
  return isPlainHttpServer(server) || isHttpsServer(server);
}

function makePlans(group: ServerGroup, context: ChainContext): ChainPlans {
  const [first] = group.servers;
  if (first !== undefined && isPlainHttpServer(first.server)) return { plans: [plainHttpChain(first, group)], diagnostics: [] };
  const all = group.servers.map((bound) => planServer(bound, context));
  return { plans: all.flatMap(({ plans }) => plans), diagnostics: all.flatMap(({ diagnostics }) => diagnostics) };
}

function plainHttpChain(first: BoundServer, { servers }: ServerGroup): ChainPlan {
  const isGrpcWeb = servers.some(({ server }) => server.port.protocol === 'grpc-web');
  return {
    serverNames: [],
    applicationProtocols: [],
    content: { kind: 'http', routeName: first.routeName, protocol: isGrpcWeb ? 'grpc-web' : 'http' },
    owner: ownerOf(first),
  };
}

function planServer(bound: BoundServer, context: ChainContext): ChainPlans {
  const { server } = bound;
  if (isPassthroughServer(server)) {
    const plans = server.tls?.mode === 'auto-passthrough' ? autoPassthroughChains(bound, context) : passthroughChains(bound, context);
    return { plans, diagnostics: [] };
  }
  if (server.tls === undefined) return { plans: connectionChains(bound, context), diagnostics: [] };
  const made = serverTransportSocket(server, bound.gateway.namespace, context.credentials);
  const match = { serverNames: bound.serverNames, applicationProtocols: [], owner: ownerOf(bound) };
  if (!made.ok) return { plans: [{ ...match, content: { kind: 'closed' } }], diagnostics: [notServed(bound, made.error)] };
  const ended = { ...match, transportSocket: made.value.socket, secrets: made.value.secrets };
  if (!isHttpsServer(server)) return { plans: connectionChains(bound, context).map((plan) => ({ ...plan, ...ended })), diagnostics: [] };
  const content = { kind: 'http' as const, routeName: bound.routeName, protocol: 'http' as const, ...statPrefix(server.name) };
  return { plans: [{ ...ended, content }], diagnostics: [] };
}

function statPrefix(serverName: string | undefined): { readonly statPrefix?: string } {
  return serverName === undefined ? {} : { statPrefix: serverName };
}

/** HDL0030: TLS that the proxy cannot be given what it needs for. The port is open for its other servers, never without what this one asks for. */
function notServed({ gateway, server }: BoundServer, { what, hint }: MissingSecret): Diagnostic {
  // An Ingress is called by its own name, not by that of the Gateway that it comes to.
  const owner = server.origin.resource ?? `Gateway ${gateway.namespace}/${gateway.name}`;
  const message = `${owner}: port ${server.port.number} does not serve ${hostList(server.hosts)}, as ${what}`;
  return { code: 'HDL0030', severity: 'error', message, hint, at: server.tls?.origin ?? server.origin };
}

function hostList(hosts: BoundServer['server']['hosts']): string {
  return hosts.map(({ host }) => host).join(', ');
}
