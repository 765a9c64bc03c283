// In: the mesh and the gateways that run. Out: which ports they open on this machine beside the one for plain HTTP, for people to see: what the compiler
// opens, and nothing that is made out here once more.
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import { type GatewayServer, isHttpsServer, isPlainHttpServer } from '#model/gateway.ts';
import type { Mesh } from '#model/mesh.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import type { GatewayPortState } from '#runtime/state.ts';

/** A gateway's container port that `gatewayUrl` stands for. */
const httpPort = 8080;

type RunningGateway = { readonly plan: PodRun['plan']; readonly network: Pick<PodRun['network'], 'hostAddresses'> };

/** In the order of the ports; each address once. */
export function openGatewayPorts(mesh: Mesh, current: readonly RunningGateway[]): readonly GatewayPortState[] {
  const gateways = current.filter(({ plan }) => plan.isGateway);
  if (gateways.length === 0) return [];
  const compiler = compilerOf(mesh);
  const found = new Map<string, GatewayPortState>();
  for (const { plan, network } of gateways) {
    const workload = mesh.workloads.get(plan.key);
    if (workload === undefined) continue;
    const proxy = { ...proxyForWorkload(mesh, workload, { kind: 'redirect' }), type: 'router' as const };
    for (const { listen, server } of compiler.gatewayServers(proxy)) {
      const address = listen === httpPort ? undefined : network.hostAddresses[String(listen)];
      if (address === undefined || found.has(address)) continue;
      found.set(address, { port: server.port.number, protocol: protocolOf(server), address });
    }
  }
  return [...found.values()].sort((a, b) => a.port - b.port);
}

/** People ask again and again, of a mesh that does not change. */
const compilers = new WeakMap<Mesh, MeshCompiler>();

function compilerOf(mesh: Mesh): MeshCompiler {
  let compiler = compilers.get(mesh);
  if (compiler === undefined) {
    compiler = new MeshCompiler(mesh);
    compilers.set(mesh, compiler);
  }
  return compiler;
}

function protocolOf(server: GatewayServer): string {
  if (isPlainHttpServer(server)) return 'http';
  if (server.tls === undefined) return 'tcp';
  return isHttpsServer(server) ? 'https' : 'tls';
}
