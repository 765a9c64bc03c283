// In: the mesh and the gateways that run. Out: which ports they open on this machine beside the one for plain HTTP, for people to see.
import { CompileCache } from '#compile/compile-cache.ts';
import { meshCredentials } from '#compile/gateway-credentials.ts';
import { serverTransportSocket } from '#compile/gateway-tls.ts';
import { type Gateway, type GatewayServer, isHttpsServer, isPassthroughServer, isPlainHttpServer } from '#model/gateway.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import { serviceSelects } from '#model/service-selection.ts';
import type { TcpRule, TlsRule } from '#model/virtual-service.ts';
import type { Workload } from '#model/workload.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import type { GatewayPortState } from '#runtime/state.ts';

/** A gateway's container port that `gatewayUrl` stands for. */
const httpPort = 8080;

type RunningGateway = { readonly plan: PodRun['plan']; readonly network: Pick<PodRun['network'], 'hostAddresses'> };

/** In the order of the ports; each address once. */
export function openGatewayPorts(mesh: Mesh, current: readonly RunningGateway[]): readonly GatewayPortState[] {
  const found = new Map<string, GatewayPortState>();
  for (const { plan, network } of current) {
    const workload = mesh.workloads.get(plan.key);
    if (!plan.isGateway || workload === undefined) continue;
    const gateways = mesh.gateways.filter((gateway) => selects(gateway, workload, mesh));
    for (const { gateway, server } of gateways.flatMap((one) => one.servers.map((each) => ({ gateway: one, server: each })))) {
      const container = containerPort(server.port.number, workload, mesh);
      const address = container === httpPort || !isServed(gateway, server, workload, mesh) ? undefined : network.hostAddresses[String(container)];
      if (address === undefined) continue;
      if (!found.has(address)) found.set(address, { port: server.port.number, protocol: protocolOf(server), address });
    }
  }
  return [...found.values()].sort((a, b) => a.port - b.port);
}

function selects({ selector, services, namespace }: Gateway, workload: Workload, mesh: Mesh): boolean {
  if (services === undefined) return labelsMatch(selector, workload.labels);
  return workload.namespace === namespace && servicesOf(workload, mesh).some(({ hostname }) => services.includes(hostname));
}

function servicesOf(workload: Workload, mesh: Mesh) {
  return [...mesh.services.values()].filter((service) => serviceSelects(service, workload));
}

/** The target port of the first Service with the port, or the port itself. */
function containerPort(port: number, workload: Workload, mesh: Mesh): number {
  for (const { ports } of servicesOf(workload, mesh)) {
    const target = ports.find(({ number }) => number === port)?.targetPort;
    if (typeof target === 'number') return target;
    if (target !== undefined) return workload.ports.find(({ name }) => name === target)?.number ?? port;
  }
  return port;
}

/** Whether the gateway's proxy can be given what the server needs, and connections have somewhere to go. */
function isServed(gateway: Gateway, server: GatewayServer, { namespace }: Workload, mesh: Mesh): boolean {
  const { tls } = server;
  if (isHttpsServer(server) || (tls !== undefined && !isPlainHttpServer(server) && !isPassthroughServer(server))) {
    const credentials = meshCredentials(mesh.credentials, new CompileCache());
    const scope = { credentials, client: { namespace, withoutIdentity: false } };
    if (!serverTransportSocket(server, gateway.namespace, scope).ok) return false;
  }
  if (isPlainHttpServer(server) || isHttpsServer(server) || tls?.mode === 'auto-passthrough') return true;
  const name = `${gateway.namespace}/${gateway.name}`;
  const bound = mesh.virtualServices.filter(({ gateways }) => gateways.includes(name));
  const isFor = ({ matches }: TcpRule | TlsRule): boolean =>
    matches.length === 0 || matches.some(({ port }) => port === undefined || port === server.port.number);
  return bound.some((one) => [...one.tcp, ...(tls === undefined ? [] : one.tls)].some(isFor));
}

function protocolOf(server: GatewayServer): string {
  if (isPlainHttpServer(server)) return 'http';
  if (server.tls === undefined) return 'tcp';
  return isHttpsServer(server) ? 'https' : 'tls';
}
