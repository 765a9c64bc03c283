// In: the Gateways of a mesh and one gateway proxy. Out: which of their servers it serves, in groups of one port, protocol and address, and
// which servers share a table of routes. Of servers that cannot be side by side the first in precedence stays; the others are diagnostics.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { type GatewayService, gatewayServices, openedPorts, servicesOf } from '#compile/gateway-service.ts';
import type { Scope } from '#compile/scope.ts';
import { type Gateway, type GatewayServer, isHttpsServer, isPlainHttpServer, isTlsServer } from '#model/gateway.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Proxy } from '#model/proxy.ts';

export type BoundServer = {
  readonly gateway: Gateway;
  /** `namespace/name`. */
  readonly gatewayName: string;
  readonly server: GatewayServer;
  /** The server names (SNI) it is for, sorted; `*` for all. Empty without TLS. */
  readonly serverNames: readonly string[];
  /** Its route configuration; '' where it passes bytes on. */
  readonly routeName: string;
};

/** What one filter chain (plain HTTP), or one chain per server (all else), is made for. */
export type ServerGroup = {
  readonly port: number;
  readonly protocol: GatewayServer['port']['protocol'];
  /** Undefined: all addresses. */
  readonly bind: string | undefined;
  readonly servers: readonly BoundServer[];
};

/** What the servers of one name for their routes have in common. `places` tells which servers they are. */
export type RouteTable = { readonly name: string; readonly servers: readonly BoundServer[]; readonly places: string };

export type MergedGateway = {
  /** In the order in which their first servers came. */
  readonly groups: readonly ServerGroup[];
  readonly tables: readonly RouteTable[];
  readonly diagnostics: readonly Diagnostic[];
};

/**
 * Gateways of all namespaces that are for the proxy, merged, the first in precedence first: the same object as for the last mesh where neither they nor
 * the Services of the proxy have changed. Source: Istio, mergeGateways.
 */
export function mergeGateways(scope: Scope, proxy: Proxy, cache: CompileCache): MergedGateway {
  const labels = scope.mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  const services = gatewayServices(scope, proxy);
  const gateways = scope.mesh.gateways.filter((gateway) =>
    gateway.services === undefined ? labelsMatch(gateway.selector, labels) : servicesOf(gateway, services).length > 0,
  );
  const opened = services.map(({ service, targetPorts }) => [service.hostname, [...targetPorts]]);
  // Proxies that serve the same Gateways share what is merged; the first of these tells nearly all of them apart.
  const key = JSON.stringify([scope.key, gateways[0]?.namespace, gateways[0]?.name, opened]);
  return cache.madeOf('merged gateways', key, [...gateways, ...services.map(({ service }) => service)], () => merge(gateways, services));
}

function merge(gateways: readonly Gateway[], services: readonly GatewayService[]): MergedGateway {
  const merged = new GatewayMerge();
  for (const gateway of gateways) {
    for (const server of gateway.servers) {
      for (const port of openedPorts(server.port.number, gateway, services)) merged.add(gateway, server, port);
    }
  }
  const { groups, diagnostics } = merged;
  const tables = [...merged.routes].map(([name, servers]) => ({ name, servers, places: servers.map(placeOf).join(' ') }));
  return { groups, tables, diagnostics };
}

function placeOf({ gateway, gatewayName, server }: BoundServer): string {
  return `${gatewayName}#${gateway.servers.indexOf(server)}`;
}

type OpenGroup = ServerGroup & { readonly servers: BoundServer[] };

/** One server after the other, as Istio goes through them. */
class GatewayMerge {
  readonly groups: OpenGroup[] = [];
  readonly routes = new Map<string, BoundServer[]>();
  readonly diagnostics: Diagnostic[] = [];
  readonly #ports = new Set<number>();
  /** Port → the plaintext group that newcomers are compared with. */
  readonly #plaintext = new Map<number, OpenGroup>();
  /** Port, address and host as written of TLS servers → who has it. */
  readonly #hosts = new Map<string, BoundServer>();

  add(gateway: Gateway, server: GatewayServer, port: number): void {
    const gatewayName = `${gateway.namespace}/${gateway.name}`;
    const bound = { gateway, gatewayName, server, serverNames: serverNames(server), routeName: gatewayRouteName(gateway, server, port) };
    const holder = server.tls === undefined ? undefined : this.#claimHosts(bound, port);
    if (holder !== undefined) return this.#leaveOut(bound, holder, 'for one of its hosts');
    if (!this.#ports.has(port)) return this.#open(bound, port);
    const plaintext = this.#plaintext.get(port);
    if (plaintext === undefined) this.#besideTls(bound, port);
    else if (plaintext.bind !== server.bind) this.#atOtherAddress(bound, port);
    else if (isPlainHttpServer(server) && plaintext.servers[0] !== undefined && isPlainHttpServer(plaintext.servers[0].server)) {
      plaintext.servers.push(bound);
      this.#share(bound);
    } else this.#leaveOut(bound, plaintext.servers[0], `with protocol ${plaintext.protocol}`);
  }

  #open(bound: BoundServer, port: number): void {
    this.#ports.add(port);
    const group = this.#newGroup(bound, port);
    if (!isTlsServer(bound.server)) this.#plaintext.set(port, group);
    if (bound.routeName !== '') this.routes.set(bound.routeName, [bound]);
  }

  #atOtherAddress(bound: BoundServer, port: number): void {
    const group = this.#groupOf(bound, port);
    if (group === undefined) return this.#open(bound, port);
    group.servers.push(bound);
    if (bound.routeName !== '') this.#share(bound);
  }

  /** Servers with TLS are told apart by server name, so any number fits on a port; one without may come beside them. */
  #besideTls(bound: BoundServer, port: number): void {
    if (!isTlsServer(bound.server)) return this.#open(bound, port);
    const other = isHttpsServer(bound.server) ? this.routes.get(bound.routeName)?.[0] : undefined;
    if (other !== undefined) return this.#leaveOut(bound, other, `under the port name ${bound.server.port.name}`);
    if (bound.routeName !== '') this.routes.set(bound.routeName, [bound]);
    const group = this.#groupOf(bound, port);
    if (group === undefined) this.#newGroup(bound, port);
    else group.servers.push(bound);
  }

  #newGroup(bound: BoundServer, port: number): OpenGroup {
    const { server } = bound;
    const group = { port, protocol: server.port.protocol, bind: server.bind, servers: [bound] };
    this.groups.push(group);
    return group;
  }

  #groupOf({ server }: BoundServer, port: number): OpenGroup | undefined {
    return this.groups.find((group) => group.port === port && group.protocol === server.port.protocol && group.bind === server.bind);
  }

  #share(bound: BoundServer): void {
    const known = this.routes.get(bound.routeName);
    if (known === undefined) this.routes.set(bound.routeName, [bound]);
    else known.push(bound);
  }

  /** Takes the hosts of a TLS server, or says who has one of them: Envoy refuses a listener with two chains for one server name. */
  #claimHosts(bound: BoundServer, port: number): BoundServer | undefined {
    const { server } = bound;
    const keys = server.hosts.map(({ namespace, host }) => `${port} ${server.bind ?? ''} ${namespace}/${host}`);
    for (const key of keys) {
      const holder = this.#hosts.get(key);
      if (holder !== undefined) return holder;
    }
    for (const key of keys) this.#hosts.set(key, bound);
    return undefined;
  }

  #leaveOut(bound: BoundServer, holder: BoundServer | undefined, how: string): void {
    this.diagnostics.push(serverLeftOut(bound, holder, how));
  }
}

/** HDL0032: what is in force already has the port, as `how` says. */
export function serverLeftOut({ gateway, server }: BoundServer, holder: BoundServer | undefined, how: string): Diagnostic {
  const name = (one: Gateway): string => `${one.namespace}/${one.name}`;
  const rival = holder === undefined || holder.gateway === gateway ? 'another server of it' : `Gateway ${name(holder.gateway)}`;
  return {
    code: 'HDL0032',
    severity: 'warning',
    message: `Gateway ${name(gateway)}: port ${server.port.number} is left out, as ${rival} serves it already ${how}`,
    hint: 'the older Gateway stays, then the first by name; give them different ports, hosts or bind addresses',
    at: server.origin,
    ...(holder !== undefined && { related: [{ message: 'the server in force', at: holder.server.origin }] }),
  };
}

const noNames: readonly string[] = [];

function serverNames(server: GatewayServer): readonly string[] {
  if (server.tls === undefined) return noNames;
  const names = server.hosts.map(({ host }) => host);
  // Mostly they are written in order, each once.
  return names.every((name, index) => index === 0 || (names[index - 1] ?? '') < name) ? names : [...new Set(names)].sort();
}

/**
 * `http.8080` for all plain HTTP of a port, `https.443.<port name>.<gateway>.<namespace>` for one server that ends TLS; with the address where
 * the server has its own. '' for bytes. Source: Istio, gatewayRDSRouteName.
 */
function gatewayRouteName(gateway: Gateway, server: GatewayServer, port: number): string {
  const bind = server.bind === undefined ? '' : `.${server.bind}`;
  if (isPlainHttpServer(server)) return `http.${port}${bind}`;
  return isHttpsServer(server) ? `https.${server.port.number}.${server.port.name}.${gateway.name}.${gateway.namespace}${bind}` : '';
}
