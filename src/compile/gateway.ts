// In: a gateway proxy and what its namespace sees. Out: a listener and a route configuration for each port its Gateways open.
import type { CompileCache } from '#compile/compile-cache.ts';
import { type BindAddress, gatewayListener } from '#compile/gateway-listener.ts';
import { gatewayPorts } from '#compile/gateway-server.ts';
import { gatewayRouteConfig } from '#compile/route-config-gateway.ts';
import type { Scope } from '#compile/scope.ts';
import type { ProxyUnits } from '#compile/sidecar.ts';
import type { Interception, Proxy } from '#model/proxy.ts';

export function compileGateway(scope: Scope, proxy: Proxy, cache: CompileCache): ProxyUnits {
  const options = { explainFailures: proxy.explainFailures, settings: scope.mesh.settings };
  const { ports, diagnostics } = gatewayPorts(scope, proxy);
  const units = ports.flatMap((port) => {
    const bind = bindAddress(proxy.interception, port.port);
    if (bind === undefined) return [];
    const name = `${port.port} ${bind.address}:${bind.port} ${options.explainFailures}`;
    const servers = port.servers.map(({ server }) => server);
    return [
      cache.madeOf('gateway listener', name, servers, () => gatewayListener(port, bind, options)),
      gatewayRouteConfig(scope, port, scope.client(proxy), cache),
    ];
  });
  return { shared: [], units, diagnostics };
}

/** In loopback mode only ports that were given one: opening 80 as it is would need rights that a laptop's user does not have. */
function bindAddress(interception: Interception, port: number): BindAddress | undefined {
  if (interception.kind === 'redirect') return { address: '0.0.0.0', port };
  const given = interception.inbound[String(port)];
  return given === undefined ? undefined : { address: interception.address, port: given.listen };
}
