// In: a sidecar and what its namespace sees. Out: its listeners, its routes, and the clusters that lead to its app.
import { isIP } from 'node:net';
import { assertNever } from '#base/assert-never.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { type Assembly, assemble } from '#compile/assembly.ts';
import type { Client } from '#compile/client.ts';
import { withDefaults } from '#compile/cluster-policy.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { type AppAddress, inboundCluster } from '#compile/inbound-cluster.ts';
import { type InboundPort, inboundPorts } from '#compile/inbound-port.ts';
import { boundInboundListener, type InboundOptions, virtualInboundListener } from '#compile/listener-inbound.ts';
import { boundServiceListener, httpProxyListener } from '#compile/listener-loopback.ts';
import { type OutboundOptions, redirectedOutboundListeners } from '#compile/listener-outbound.ts';
import { hostAndPort } from '#compile/names.ts';
import type { RoutesOf } from '#compile/outbound-chain.ts';
import { outboundAddresses } from '#compile/outbound-places.ts';
import { httpProxyRouteConfigFor, portRouteConfig, serviceRouteConfig } from '#compile/route-config-outbound.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import { workloadFilters } from '#compile/workload-policies.ts';
import { effectivePolicy } from '#model/effective-policy.ts';
import type { MeshSettings } from '#model/mesh.ts';
import { isHttpOrSniffed } from '#model/protocol.ts';
import type { LoopbackPorts, Proxy } from '#model/proxy.ts';
import type { Service, ServicePort } from '#model/service.ts';

/** What a proxy has beside the clusters of all services: in common with others of its namespace, and on its own. */
export type ProxyUnits = { readonly shared: readonly Assembly[]; readonly units: readonly Unit[]; readonly diagnostics: readonly Diagnostic[] };

export function compileSidecar(scope: Scope, proxy: Proxy, cache: CompileCache): ProxyUnits {
  const { interception } = proxy;
  switch (interception.kind) {
    case 'redirect':
      return { shared: [redirectedOutbound(scope, proxy, cache)], units: redirectedInbound(scope, proxy, cache), diagnostics: notOpened(scope) };
    case 'none':
      return { shared: [], units: loopbackUnits(scope, proxy, interception, cache), diagnostics: notOpened(scope) };
    default:
      return assertNever(interception, 'interception');
  }
}

/** HDL0050 for egress listeners that nobody will find: on a Unix socket, and where all pods share an address, on a port of their own. */
function notOpened({ sidecar, redirected }: Scope): readonly Diagnostic[] {
  return (sidecar?.egress ?? []).flatMap(({ port, bind, captureMode, origin }): readonly Diagnostic[] => {
    const name = `Sidecar ${sidecar?.namespace}/${sidecar?.name}`;
    const common = { code: 'HDL0050', severity: 'warning', at: origin } as const;
    if (port?.number === 0)
      return [{ ...common, message: `${name}: the socket ${bind ?? ''} is not opened`, hint: 'give the listener a port number' }];
    const isOwn = captureMode === 'none' || bind !== undefined;
    if (redirected || port === undefined || !isOwn) return [];
    const hint = 'each service has a port of its own here; its hosts count for that port all the same';
    return [{ ...common, message: `${name}: port ${port.number} is not opened on this machine, where all pods have one address`, hint }];
  });
}

function redirectedInbound(scope: Scope, proxy: Proxy, cache: CompileCache): readonly Unit[] {
  const options = inboundOptions(scope, proxy, cache);
  const ports = inboundPorts(scope, proxy, cache);
  const captured = ports.filter(({ ingress }) => ingress?.captureMode !== 'none');
  const opened = ports.filter((port) => !captured.includes(port));
  const facts = (some: readonly InboundPort[]): string => [...some.map(portFacts), options.any, options.own, options.explainFailures].join(' ');
  return [
    ...ports.map((port) => cachedInboundCluster(port, appAddress(port, proxy, options.settings), scope, cache)),
    cache.once('virtual inbound listener', [options.filters, ...captured.map(({ servicePort }) => servicePort)], facts(captured), () =>
      virtualInboundListener(captured, options),
    ),
    ...opened.map((port) => {
      const address = port.ingress?.bind ?? options.own;
      return cache.once('bound inbound listener', [port.servicePort, options.filters], facts([port]), () =>
        boundInboundListener(port, address, port.targetPort, options),
      );
    }),
  ];
}

/** A Sidecar's port without a bind of its own is at the proxy's address. Source: Istio, getSidecarInboundBindIPs. */
function inboundOptions(scope: Scope, proxy: Proxy, cache: CompileCache): InboundOptions {
  const { addresses, explainFailures, interception } = proxy;
  const { any } = outboundAddresses(proxy);
  const own = interception.kind === 'none' ? any : (addresses[0] ?? any);
  return { explainFailures, settings: scope.mesh.settings, any, own, filters: workloadFilters(scope.mesh, proxy, cache) };
}

/** Source: Istio, buildInboundClustersFromSidecar. */
function appAddress({ ingress, targetPort }: InboundPort, proxy: Proxy, { listeners }: MeshSettings): AppAddress {
  const endpoint = ingress?.defaultEndpoint;
  const { local } = outboundAddresses(proxy);
  if (endpoint === undefined) {
    const stays = ingress === undefined && listeners?.inboundToLocalhost === true;
    return stays ? { kind: 'port', address: local, port: targetPort, redirects: false } : { kind: 'redirected' };
  }
  if (endpoint.kind === 'unix') return endpoint;
  const { family, port } = endpoint;
  if (endpoint.kind === 'localhost') return { kind: 'port', address: local, port, redirects: false };
  const own = proxy.addresses.find((address) => isIP(address) === family);
  return { kind: 'port', address: own ?? (family === 6 ? '::1' : '127.0.0.1'), port, redirects: own !== undefined };
}

/** Listeners and routes for what the app calls: the same for all callers between which no rule tells a difference. */
function redirectedOutbound(scope: Scope, proxy: Proxy, cache: CompileCache): Assembly {
  const { explainFailures } = proxy;
  const client = scope.client(proxy);
  const addresses = outboundAddresses(proxy);
  return scope.once(`redirected outbound ${addresses.any} ${addresses.capturesDns} ${client.dnsDomain} ${client.shareKey}`, () => {
    const options = { explainFailures, settings: scope.mesh.settings, forwardsByHost: forwardsByHost(scope) };
    const { listeners, routes } = redirectedOutboundListeners(scope, addresses, client, options, cache);
    return assemble([
      ...listeners,
      ...routes.map((one) => outboundRoutes(one, client, cache)),
      ...(options.settings.listeners?.httpProxyPort === undefined ? [] : httpProxyUnits(scope, addresses.local, client, options, cache)),
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
      return httpProxyRouteConfigFor(routes.view, client, cache, routes.name);
    default:
      return assertNever(routes, 'routes');
  }
}

/** A Sidecar's limits stand in for those of the destination rule. Source: Istio, buildInboundCluster and InboundConnectionPoolForPort. */
function cachedInboundCluster(port: InboundPort, app: AppAddress, scope: Scope, cache: CompileCache): Unit {
  const { settings } = scope.mesh;
  // Rules that choose their clients say nothing about servers.
  const rule = port.service === undefined ? undefined : scope.destinationRule(port.service);
  const ofRule = withDefaults(effectivePolicy(rule, port.servicePort.number, undefined), settings)?.connectionPool;
  const pool = port.ingress?.connectionPool ?? scope.sidecar?.inboundConnectionPool ?? ofRule;
  const parts = pool === undefined ? [port.servicePort] : [port.servicePort, pool];
  return cache.once('inbound cluster', parts, `${portFacts(port)} ${JSON.stringify(app)}`, () => inboundCluster(port, app, settings, pool));
}

/** What of an inbound port is compiled, beside its service port: pods of one workload have it in common. */
function portFacts({ targetPort, services }: InboundPort): string {
  return `${targetPort} ${services.map(({ hostname }) => hostname).join(',')}`;
}

/** Only the ports that were given to this proxy: a service or container port without one is not served. */
function loopbackUnits(scope: Scope, proxy: Proxy, loopback: LoopbackPorts, cache: CompileCache): readonly Unit[] {
  return [...loopbackInbound(scope, proxy, loopback, cache), ...loopbackOutbound(scope, proxy, loopback, cache)];
}

function loopbackInbound(scope: Scope, proxy: Proxy, { address, inbound }: LoopbackPorts, cache: CompileCache): readonly Unit[] {
  const options = inboundOptions(scope, proxy, cache);
  return inboundPorts(scope, proxy, cache).flatMap((port) => {
    const given = inbound[String(port.targetPort)];
    if (given === undefined) return [];
    const key = `${portFacts(port)} ${address}:${given.listen} ${options.own} ${options.explainFailures}`;
    return [
      cachedInboundCluster(port, loopbackApp(port, address, inbound), scope, cache),
      cache.once('bound inbound listener', [port.servicePort, options.filters], key, () =>
        boundInboundListener(port, address, given.listen, options),
      ),
    ];
  });
}

/** The app listens where it was told to, whichever port of its container a Sidecar or a service names. */
function loopbackApp({ ingress, targetPort }: InboundPort, address: string, inbound: LoopbackPorts['inbound']): AppAddress {
  const endpoint = ingress?.defaultEndpoint;
  if (endpoint?.kind === 'unix') return endpoint;
  const port = endpoint?.port ?? targetPort;
  return { kind: 'port', address, port: inbound[String(port)]?.app ?? port, redirects: false };
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
  return units;
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
