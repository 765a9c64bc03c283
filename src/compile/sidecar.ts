// In: a sidecar and what its namespace sees. Out: its listeners, its routes, and the clusters that lead to its app.

import { assertNever } from '#base/assert-never.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { type Assembly, assemble } from '#compile/assembly.ts';
import type { Client } from '#compile/client.ts';
import { withDefaults } from '#compile/cluster-policy.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { type AppAddress, inboundCluster } from '#compile/inbound-cluster.ts';
import { type InboundPort, inboundPorts } from '#compile/inbound-port.ts';
import { boundInboundListener, virtualInboundListener } from '#compile/listener-inbound.ts';
import { boundServiceListener, httpProxyListener } from '#compile/listener-loopback.ts';
import { redirectedOutboundListeners } from '#compile/listener-outbound.ts';
import { httpProxyRouteConfigFor, outboundHttpPorts, portRouteConfig, serviceRouteConfig } from '#compile/route-config-outbound.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import { effectivePolicy } from '#model/effective-policy.ts';
import { isHttp, isHttpOrSniffed } from '#model/protocol.ts';
import type { LoopbackPorts, Proxy } from '#model/proxy.ts';

/** What a proxy has beside the clusters of all services: in common with others of its namespace, and on its own. */
export type ProxyUnits = { readonly shared: readonly Assembly[]; readonly units: readonly Unit[]; readonly diagnostics: readonly Diagnostic[] };

export function compileSidecar(scope: Scope, proxy: Proxy, cache: CompileCache): ProxyUnits {
  const { interception } = proxy;
  switch (interception.kind) {
    case 'redirect':
      return { shared: [redirectedOutbound(scope, proxy, cache)], units: redirectedInbound(scope, proxy, cache), diagnostics: [] };
    case 'none':
      return { shared: [], units: loopbackUnits(scope, proxy, interception, cache), diagnostics: [] };
    default:
      return assertNever(interception, 'interception');
  }
}

function redirectedInbound(scope: Scope, proxy: Proxy, cache: CompileCache): readonly Unit[] {
  const { settings } = scope.mesh;
  const options = { explainFailures: proxy.explainFailures, settings };
  const ports = inboundPorts(scope, proxy);
  const facts = ports.map(portFacts).join(' ');
  const servicePorts = ports.map(({ servicePort }) => servicePort);
  return [
    ...ports.map((port) => cachedInboundCluster(port, { kind: 'redirected' }, scope, cache)),
    cache.once('virtual inbound listener', servicePorts, `${facts} ${options.explainFailures}`, () => virtualInboundListener(ports, options)),
  ];
}

/** Listeners and routes for what the app calls: the same for all callers between which no rule tells a difference. */
function redirectedOutbound(scope: Scope, proxy: Proxy, cache: CompileCache): Assembly {
  const { explainFailures } = proxy;
  const client = scope.client(proxy);
  return scope.once(`redirected outbound ${client.dnsDomain} ${client.shareKey}`, () =>
    assemble([
      ...redirectedOutboundListeners(scope, { explainFailures, settings: scope.mesh.settings }, cache),
      ...outboundRoutes(scope, client, cache),
    ]),
  );
}

function cachedInboundCluster(port: InboundPort, app: AppAddress, scope: Scope, cache: CompileCache): Unit {
  const { settings } = scope.mesh;
  const address = app.kind === 'port' ? `${app.address}:${app.port}` : app.kind;
  const [service] = port.services;
  // Rules that choose their clients say nothing about servers.
  const rule = service === undefined ? undefined : scope.destinationRule(service);
  const pool = withDefaults(effectivePolicy(rule, port.servicePort.number, undefined), settings)?.connectionPool;
  const parts = pool === undefined ? [port.servicePort] : [port.servicePort, pool];
  return cache.once('inbound cluster', parts, `${portFacts(port)} ${address}`, () => inboundCluster(port, app, settings, pool));
}

/** What of an inbound port is compiled, beside its service port: pods of one workload have it in common. */
function portFacts({ targetPort, services }: InboundPort): string {
  return `${targetPort} ${services.map(({ hostname }) => hostname).join(',')}`;
}

/** By port for declared HTTP; by service where the protocol is found out, as each of those has a listener of its own. */
function outboundRoutes(scope: Scope, client: Client, cache: CompileCache): readonly Unit[] {
  const services = [...scope.services.values()];
  const declared = new Set(services.flatMap(({ ports }) => ports.filter(({ protocol }) => isHttp(protocol)).map(({ number }) => number)));
  return [
    ...outboundHttpPorts(scope)
      .filter((port) => declared.has(port))
      .map((port) => portRouteConfig(scope, port, client, cache)),
    ...services.flatMap((service) =>
      service.ports.filter(({ protocol }) => protocol === 'auto').map((port) => serviceRouteConfig(scope, service, port, client, cache)),
    ),
  ];
}

/** Only the ports that were given to this proxy: a service or container port without one is not served. */
function loopbackUnits(scope: Scope, proxy: Proxy, loopback: LoopbackPorts, cache: CompileCache): readonly Unit[] {
  const { settings } = scope.mesh;
  const options = { explainFailures: proxy.explainFailures, settings };
  const client = scope.client(proxy);
  const units: Unit[] = [];
  for (const port of inboundPorts(scope, proxy)) {
    const given = loopback.inbound[String(port.targetPort)];
    if (given === undefined) continue;
    const app = { kind: 'port', address: loopback.address, port: given.app ?? port.targetPort } as const;
    const key = `${portFacts(port)} ${loopback.address}:${given.listen} ${options.explainFailures}`;
    units.push(
      cachedInboundCluster(port, app, scope, cache),
      cache.once('bound inbound listener', [port.servicePort], key, () => boundInboundListener(port, loopback.address, given.listen, options)),
    );
  }
  for (const service of scope.services.values()) {
    for (const port of service.ports) {
      const listen = loopback.outbound[`${service.hostname}:${port.number}`];
      if (listen === undefined || port.protocol === 'udp') continue;
      const key = `${service.hostname} ${loopback.address}:${listen} ${options.explainFailures}`;
      units.push(cache.once('bound service listener', [port], key, () => boundServiceListener(service, port, loopback.address, listen, options)));
      if (!isHttpOrSniffed(port.protocol)) continue;
      const routes = `service routes ${client.dnsDomain} ${client.shareKey} ${service.hostname}:${port.number}`;
      units.push(scope.once(routes, () => serviceRouteConfig(scope, service, port, client, cache)));
    }
  }
  const { httpProxy } = loopback;
  if (httpProxy !== undefined) {
    const key = `${loopback.address}:${httpProxy} ${options.explainFailures}`;
    units.push(
      cache.once('http proxy listener', [], key, () => httpProxyListener(loopback.address, httpProxy, options)),
      scope.once(`proxy routes ${client.dnsDomain} ${client.shareKey}`, () => httpProxyRouteConfigFor(scope, client, cache)),
    );
  }
  return units;
}
