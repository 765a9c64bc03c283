// In: a sidecar and what its namespace sees. Out: its listeners and routes for what its app calls; and its inbound side.
import { assertNever } from '#base/assert-never.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { type Assembly, assemble } from '#compile/assembly.ts';
import type { Client } from '#compile/client.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';
import { boundServiceListener, httpProxyListener } from '#compile/listener-loopback.ts';
import { boundOutboundListeners, type OutboundOptions, redirectedOutboundListeners, socketOutboundListeners } from '#compile/listener-outbound.ts';
import { hostAndPort } from '#compile/names.ts';
import type { RoutesOf } from '#compile/outbound-chain.ts';
import { isSocketView, type OutboundAddresses, outboundAddresses } from '#compile/outbound-places.ts';
import { httpProxyRouteConfigFor, portRouteConfig, serviceRouteConfig } from '#compile/route-config-outbound.ts';
import type { Scope } from '#compile/scope.ts';
import { boundInbound, loopbackInbound, redirectedInbound } from '#compile/sidecar-inbound.ts';
import type { Unit } from '#compile/unit.ts';
import { labelsMatch } from '#model/labels.ts';
import { isHttp, isHttpOrSniffed } from '#model/protocol.ts';
import type { LoopbackPorts, Proxy } from '#model/proxy.ts';
import type { Service, ServicePort } from '#model/service.ts';
import type { Workload } from '#model/workload.ts';

/** What a proxy has beside the clusters of all services: in common with others of its namespace, and on its own. */
export type ProxyUnits = { readonly shared: readonly Assembly[]; readonly units: readonly Unit[]; readonly diagnostics: readonly Diagnostic[] };

export function compileSidecar(scope: Scope, proxy: Proxy, credentials: GatewayCredentials, cache: CompileCache): ProxyUnits {
  const { interception } = proxy;
  switch (interception.kind) {
    case 'redirect': {
      const { units, diagnostics } = redirectedInbound(scope, proxy, credentials, cache);
      return { shared: [redirectedOutbound(scope, proxy, cache)], units, diagnostics: [...diagnostics, ...notOpened(scope, false)] };
    }
    case 'bound': {
      const { units, diagnostics } = boundInbound(scope, proxy, credentials, cache);
      return { shared: [boundOutbound(scope, proxy, cache)], units, diagnostics: [...diagnostics, ...notOpened(scope, false)] };
    }
    case 'none': {
      const { units, diagnostics } = loopbackInbound(scope, proxy, interception, credentials, cache);
      const outbound = loopbackOutbound(scope, proxy, interception, cache);
      return { shared: [], units: [...units, ...outbound], diagnostics: [...diagnostics, ...notOpened(scope, true)] };
    }
    default:
      return assertNever(interception, 'interception');
  }
}

/**
 * HDL0050 for egress listeners that lead nowhere: on a Unix socket for bytes to a service of several ports, and where all pods share an address on
 * a port of their own.
 */
function notOpened(scope: Scope, sharesMachine: boolean): readonly Diagnostic[] {
  const { sidecar } = scope;
  return scope.egress.flatMap(({ listener, services }): readonly Diagnostic[] => {
    if (sidecar === undefined || listener?.port === undefined) return [];
    const { port, bind, captureMode, origin } = listener;
    const name = `Sidecar ${sidecar.namespace}/${sidecar.name}`;
    const common = { code: 'HDL0050', severity: 'warning', at: origin } as const;
    if (port.number === 0) {
      const sharing = sharesMachine ? podsOf(scope).length : 1;
      if (sharing > 1) {
        const message = `${name}: the socket ${bind ?? ''} is not opened on this machine, whose files ${sharing} pods have in common`;
        return [{ ...common, message, hint: 'choose one of them by the workloadSelector of a Sidecar' }];
      }
      const [first] = services.values();
      if (first === undefined || isHttp(port.protocol) || first.ports.length === 1) return [];
      const message = `${name}: the socket ${bind ?? ''} leads to none of the ${first.ports.length} ports of ${first.hostname}`;
      return [{ ...common, message, hint: 'a VirtualService with a tcp rule can name the port' }];
    }
    const isOwn = captureMode === 'none' || bind !== undefined;
    if (!sharesMachine || !isOwn) return [];
    const hint = 'each service has a port of its own here; its hosts count for that port all the same';
    return [{ ...common, message: `${name}: port ${port.number} is not opened on this machine, where all pods have one address`, hint }];
  });
}

/** The pods that the Sidecar is for. */
function podsOf({ sidecar, mesh }: Scope): readonly Workload[] {
  const { rootNamespace } = mesh.settings;
  return [...mesh.workloads.values()].filter(
    ({ namespace, labels }) =>
      (namespace === sidecar?.namespace || sidecar?.namespace === rootNamespace) && labelsMatch(sidecar.workloadSelector ?? {}, labels),
  );
}

/** Listeners and routes for what the app calls: the same for all callers between which no rule tells a difference. */
function redirectedOutbound(scope: Scope, proxy: Proxy, cache: CompileCache): Assembly {
  const { explainFailures } = proxy;
  const client = scope.client(proxy);
  const addresses = outboundAddresses(proxy);
  return scope.once(`redirected outbound ${anyText(addresses)} ${addresses.capturesDns} ${client.dnsDomain} ${client.shareKey}`, () => {
    const options = { explainFailures, settings: scope.mesh.settings, forwardsByHost: forwardsByHost(scope) };
    const { listeners, routes } = redirectedOutboundListeners(scope, addresses, client, options, cache);
    return assemble([
      ...listeners,
      ...routes.map((one) => outboundRoutes(one, client, cache)),
      ...(options.settings.listeners?.httpProxyPort === undefined ? [] : httpProxyUnits(scope, addresses.local, client, options, cache)),
    ]);
  });
}

function anyText({ any, alsoAny }: OutboundAddresses): string {
  return [any, ...alsoAny].join();
}

/** As redirected, with its ports open. Ports below 1024 are left to others where the proxy may not have them (UNPRIVILEGED_POD). */
function boundOutbound(scope: Scope, proxy: Proxy, cache: CompileCache): Assembly {
  const { explainFailures } = proxy;
  const client = scope.client(proxy);
  const addresses = outboundAddresses(proxy);
  const isUnprivileged = proxy.metadata?.['UNPRIVILEGED_POD'] === 'true';
  const key = `bound outbound ${anyText(addresses)} ${addresses.capturesDns} ${client.dnsDomain} ${client.shareKey} ${isUnprivileged}`;
  return scope.once(key, () => {
    const options = { explainFailures, settings: scope.mesh.settings, forwardsByHost: forwardsByHost(scope) };
    const mayBind = (port: number): boolean => !isUnprivileged || port >= 1024;
    const { listeners, routes } = boundOutboundListeners(scope, addresses, client, options, cache, mayBind);
    const hasProxy = options.settings.listeners?.httpProxyPort !== undefined;
    return assemble([
      ...listeners,
      ...routes.map((one) => outboundRoutes(one, client, cache)),
      ...(hasProxy ? httpProxyUnits(scope, addresses.local, client, options, cache) : []),
    ]);
  });
}

/** Whether requests may be for hosts that are looked up one by one: unknown ones, or those of a ServiceEntry with DYNAMIC_DNS. */
function forwardsByHost(scope: Scope): boolean {
  return scope.outboundPolicy.mode === 'ALLOW_ANY_DYNAMIC_DNS' || [...scope.services.values()].some(({ resolution }) => resolution === 'dynamic-dns');
}

/** What requests to the HTTP proxy may be for: what the egress listener for all ports lets in. Source: Istio, GetEgressListenerForRDS. */
function proxyView(scope: Scope): Scope {
  return scope.egressFor(0) ?? scope;
}

/** MeshConfig.proxyHttpPort. Source: Istio, buildHTTPProxy. */
function httpProxyUnits(scope: Scope, address: string, client: Client, options: OutboundOptions, cache: CompileCache): readonly Unit[] {
  const port = options.settings.listeners?.httpProxyPort ?? 0;
  return [
    cache.once('http proxy listener', [], `${address}:${port} ${options.explainFailures} ${options.forwardsByHost === true}`, () =>
      httpProxyListener(address, port, options, port),
    ),
    httpProxyRouteConfigFor(proxyView(scope), client, cache),
  ];
}

function outboundRoutes(routes: RoutesOf, client: Client, cache: CompileCache): Unit {
  switch (routes.kind) {
    case 'port':
      return portRouteConfig(routes.view, routes.port, client, cache);
    case 'service':
      return serviceRouteConfig(routes.view, routes.service, routes.port, client, cache);
    case 'http-proxy':
    case 'socket':
      return httpProxyRouteConfigFor(routes.view, client, cache, routes.name);
    default:
      return assertNever(routes, 'routes');
  }
}

function loopbackOutbound(scope: Scope, proxy: Proxy, { address, outbound, httpProxy }: LoopbackPorts, cache: CompileCache): readonly Unit[] {
  const options = { explainFailures: proxy.explainFailures, settings: scope.mesh.settings };
  const proxyOptions = { ...options, forwardsByHost: forwardsByHost(scope) };
  const client = scope.client(proxy);
  const clientKey = `${client.dnsDomain} ${client.shareKey}`;
  const units: Unit[] = [];
  const called = servedPorts(scope).flatMap((served) =>
    [served.service.hostname, ...(served.service.aliases ?? [])].map((name) => ({
      ...served,
      listen: outbound[hostAndPort(name, served.port.number)],
    })),
  );
  for (const { view, service, port, listen } of called) {
    if (listen === undefined) continue;
    units.push(boundServiceListener(view, service, port, { address, listen }, client, options, cache));
    if (!isHttpOrSniffed(port.protocol)) continue;
    const routes = `service routes ${clientKey} ${hostAndPort(service.hostname, port.number)}`;
    units.push(scope.once(routes, () => serviceRouteConfig(view, service, port, client, cache)));
  }
  if (httpProxy !== undefined) {
    const key = `${address}:${httpProxy} ${options.explainFailures} ${proxyOptions.forwardsByHost}`;
    units.push(
      cache.once('http proxy listener', [], key, () => httpProxyListener(address, httpProxy, proxyOptions)),
      scope.once(`proxy routes ${clientKey}`, () => httpProxyRouteConfigFor(proxyView(scope), client, cache)),
    );
  }
  // Another pod's proxy would take a socket for its own, and calls would go out in that pod's name.
  if (!scope.egress.some(isSocketView) || podsOf(scope).length > 1) return units;
  const sockets = socketOutboundListeners(scope, outboundAddresses(proxy), client, proxyOptions, cache);
  return [...units, ...sockets.listeners, ...sockets.routes.map((one) => outboundRoutes(one, client, cache))];
}

/** Each port of each service, with the view that decides about the port: the first egress listener that is for it. */
function servedPorts(scope: Scope): readonly { readonly view: Scope; readonly service: Service; readonly port: ServicePort }[] {
  return scope.once('served ports', () =>
    [...scope.services.values()].flatMap(({ hostname, ports }) =>
      ports.flatMap((port) => {
        const view = scope.egressFor(port.number);
        const service = view?.services.get(hostname);
        return view === undefined || service === undefined || port.protocol === 'udp' ? [] : [{ view, service, port }];
      }),
    ),
  );
}
