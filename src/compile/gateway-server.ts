// In: the Gateways of a mesh and one gateway proxy. Out: the ports it opens, each with the servers that share it, first in precedence first.
import type { Diagnostic } from '#base/diagnostic.ts';
import { resolveTargetPort, selectingServices } from '#compile/inbound-port.ts';
import type { Scope } from '#compile/scope.ts';
import type { Gateway, GatewayServer } from '#model/gateway.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Proxy } from '#model/proxy.ts';

export type BoundServer = { readonly gateway: Gateway; readonly server: GatewayServer };

/** A port of the proxy: Gateway port 80 is 8080 where the gateway's Service says so. */
export type GatewayPort = { readonly port: number; readonly servers: readonly BoundServer[] };

export type GatewayPorts = { readonly ports: readonly GatewayPort[]; readonly diagnostics: readonly Diagnostic[] };

const plaintextHttp: ReadonlySet<string> = new Set(['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB']);

/** Source: Istio, mergeGateways. Gateways of all namespaces whose selector matches the proxy's labels; an empty selector matches all. */
export function gatewayPorts(scope: Scope, proxy: Proxy): GatewayPorts {
  const { mesh } = scope;
  const workload = mesh.workloads.get(`${proxy.namespace}/${proxy.name}`);
  const labels = workload?.labels ?? proxy.labels;
  const services = selectingServices(scope, proxy, workload);
  const targetPort = (port: number): number => {
    const servicePort = services.flatMap((service) => service.ports).find(({ number }) => number === port);
    return (servicePort === undefined ? undefined : resolveTargetPort(servicePort, workload)) ?? port;
  };
  const byPort = new Map<number, BoundServer[]>();
  const diagnostics: Diagnostic[] = [];
  for (const gateway of mesh.gateways) {
    if (!labelsMatch(gateway.selector, labels)) continue;
    for (const server of gateway.servers) {
      if (!plaintextHttp.has(server.port.protocol.toUpperCase())) {
        diagnostics.push(unsupportedServer(gateway, server));
        continue;
      }
      const port = targetPort(server.port.number);
      const known = byPort.get(port);
      if (known === undefined) byPort.set(port, [{ gateway, server }]);
      else known.push({ gateway, server });
    }
  }
  return { ports: [...byPort].sort(([a], [b]) => a - b).map(([port, servers]) => ({ port, servers })), diagnostics };
}

function unsupportedServer(gateway: Gateway, server: GatewayServer): Diagnostic {
  return {
    code: 'HDL0030',
    severity: 'warning',
    message: `Gateway ${gateway.namespace}/${gateway.name} port ${server.port.number}: protocol ${server.port.protocol} is not supported yet, so the port is not opened`,
    hint: 'use protocol HTTP, HTTP2, GRPC or GRPC-WEB',
    at: server.origin,
  };
}
