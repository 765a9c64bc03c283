// In: a sidecar and what it serves. Out: its inbound listeners and the clusters that lead to its app, and which of its ports stay closed.
import { isIP } from 'node:net';
import type { Diagnostic } from '#base/diagnostic.ts';
import { withDefaults } from '#compile/cluster-policy.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { uncapturedSources } from '#compile/fixed-clusters.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';
import type { InboundOptions } from '#compile/inbound-chains.ts';
import { type AppAddress, inboundCluster } from '#compile/inbound-cluster.ts';
import { type InboundMtls, mtlsText } from '#compile/inbound-mtls.ts';
import { type OwnTls, ownTls } from '#compile/inbound-own-tls.ts';
import { type InboundPort, inboundPorts } from '#compile/inbound-port.ts';
import { boundInboundListener, virtualInboundListener } from '#compile/listener-inbound.ts';
import { outboundAddresses } from '#compile/outbound-places.ts';
import type { Scope } from '#compile/scope.ts';
import type { Unit } from '#compile/unit.ts';
import { workloadFilters } from '#compile/workload-policies.ts';
import { portMtls, workloadMtls } from '#model/effective-mtls.ts';
import { effectivePolicy } from '#model/effective-policy.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { LoopbackPorts, Proxy } from '#model/proxy.ts';

export type InboundUnits = { readonly units: readonly Unit[]; readonly diagnostics: readonly Diagnostic[] };

export function redirectedInbound(scope: Scope, proxy: Proxy, credentials: GatewayCredentials, cache: CompileCache): InboundUnits {
  const ports = inboundPorts(scope, proxy, cache);
  const own = ownTls(ports, scope, proxy, credentials);
  const options = inboundOptions(scope, proxy, own, cache);
  const captured = ports.filter(({ ingress }) => ingress?.captureMode !== 'none');
  const opened = ports.filter((port) => !captured.includes(port));
  const facts = (some: readonly InboundPort[]): string => [...some.map(portFacts), factsOf(options)].join(' ');
  const units = [
    ...ports.map((port) => cachedInboundCluster(port, appAddress(port, proxy, options.settings), scope, cache)),
    cache.once('virtual inbound listener', [options.filters, ...captured.map(({ servicePort }) => servicePort)], facts(captured), () =>
      virtualInboundListener(captured, options),
    ),
    ...opened.flatMap((port) => {
      const address = port.ingress?.bind ?? options.own;
      return cache.once('bound inbound listener', [port.servicePort, options.filters], facts([port]), () =>
        boundInboundListener(port, address, port.targetPort, options),
      );
    }),
  ];
  return { units: [...units, ...own.secrets], diagnostics: [...closedPorts(ports, proxy, options), ...own.diagnostics] };
}

/** Where nothing is redirected: what a Sidecar opens, and nothing else, as the app has its ports itself. Source: Istio, buildInboundChainConfigs. */
export function boundInbound(scope: Scope, proxy: Proxy, credentials: GatewayCredentials, cache: CompileCache): InboundUnits {
  const ports = (scope.sidecar?.ingress ?? []).length === 0 ? [] : inboundPorts(scope, proxy, cache);
  const opened = ports.filter(({ ingress }) => ingress?.captureMode !== 'iptables');
  const own = ownTls(opened, scope, proxy, credentials);
  const options = inboundOptions(scope, proxy, own, cache);
  const units = opened.flatMap((port) => {
    const address = port.ingress?.bind ?? options.own;
    return [
      cachedInboundCluster(port, appAddress(port, proxy, options.settings), scope, cache),
      ...cache.once('bound inbound listener', [port.servicePort, options.filters], `${portFacts(port)} ${address} ${factsOf(options)}`, () =>
        boundInboundListener(port, address, port.targetPort, options),
      ),
    ];
  });
  return { units: [...units, ...own.secrets], diagnostics: [...closedPorts(opened, proxy, options), ...own.diagnostics] };
}

/** Only the ports that were given to this proxy: a service or container port without one is not served. */
export function loopbackInbound(
  scope: Scope,
  proxy: Proxy,
  { address, inboundAddress = address, inbound }: LoopbackPorts,
  credentials: GatewayCredentials,
  cache: CompileCache,
): InboundUnits {
  const ports = inboundPorts(scope, proxy, cache);
  const own = ownTls(ports, scope, proxy, credentials);
  const options = inboundOptions(scope, proxy, own, cache);
  const units = ports.flatMap((port) => {
    const given = inbound[String(port.targetPort)];
    if (given === undefined) return [];
    const key = `${portFacts(port)} ${inboundAddress}:${given.listen} ${factsOf(options)}`;
    return [
      cachedInboundCluster(port, loopbackApp(port, address, inbound), scope, cache),
      ...cache.once('bound inbound listener', [port.servicePort, options.filters], key, () =>
        boundInboundListener(port, inboundAddress, given.listen, options),
      ),
    ];
  });
  return { units: [...units, ...own.secrets], diagnostics: [...closedPorts(ports, proxy, options), ...own.diagnostics] };
}

/** HDL0073 for ports that take mutual TLS only, at a proxy that has no certificate to take it with. */
function closedPorts(ports: readonly InboundPort[], { namespace, name }: Proxy, { mtls }: InboundOptions): readonly Diagnostic[] {
  if (mtls.hasIdentity) return [];
  const closed = ports.filter(({ targetPort }) => portMtls(mtls, targetPort) === 'strict').map(({ targetPort }) => targetPort);
  const policy = [mtls.portPolicy, mtls.policy].find((one) => one !== undefined);
  if (closed.length === 0 || policy === undefined) return [];
  const message = `${namespace}/${name}: ${closed.length === 1 ? 'port' : 'ports'} ${closed.join(', ')} must have mutual TLS, and the proxy has no certificate`;
  const hint = 'give the proxy an identity (a token for the certificate authority); until then nobody can connect';
  return [{ code: 'HDL0073', severity: 'error', message, hint, at: policy.origin }];
}

/** A Sidecar's port without a bind of its own is at the proxy's address. Source: Istio, getSidecarInboundBindIPs. */
function inboundOptions(scope: Scope, proxy: Proxy, ownTls: OwnTls, cache: CompileCache): InboundOptions & { readonly tlsKey: string } {
  const { addresses, explainFailures, interception } = proxy;
  const { any, alsoAny } = outboundAddresses(proxy);
  const own = interception.kind === 'redirect' ? (addresses[0] ?? any) : any;
  const filters = workloadFilters(scope.mesh, proxy, scope.tokenKeys, cache);
  return {
    explainFailures,
    settings: scope.mesh.settings,
    any,
    alsoAny,
    own,
    filters,
    mtls: inboundMtls(scope, proxy),
    ownTls: (tls) => ownTls.sockets.get(tls),
    tlsKey: ownTls.key,
  };
}

function inboundMtls(scope: Scope, proxy: Proxy): InboundMtls {
  const labels = scope.mesh.workloads.get(`${proxy.namespace}/${proxy.name}`)?.labels ?? proxy.labels;
  return { ...workloadMtls(scope.peerAuthentications, proxy.namespace, labels), hasIdentity: proxy.withoutIdentity !== true };
}

function factsOf({ any, alsoAny, own, explainFailures, mtls, tlsKey }: InboundOptions & { readonly tlsKey: string }): string {
  return `${[any, ...alsoAny].join()} ${own} ${explainFailures} ${mtlsText(mtls)} ${tlsKey}`;
}

/** Source: Istio, buildInboundClustersFromSidecar. */
function appAddress({ ingress, targetPort }: InboundPort, proxy: Proxy, { listeners }: MeshSettings): AppAddress {
  const endpoint = ingress?.defaultEndpoint;
  const { local, any, alsoAny } = outboundAddresses(proxy);
  const uncaptured = uncapturedSources([any, ...alsoAny]);
  if (endpoint === undefined) {
    const stays = ingress === undefined && listeners?.inboundToLocalhost === true;
    return stays ? { kind: 'port', address: local, port: targetPort, sources: [] } : { kind: 'redirected', sources: uncaptured };
  }
  if (endpoint.kind === 'unix') return endpoint;
  const { family, port } = endpoint;
  if (endpoint.kind === 'localhost') return { kind: 'port', address: local, port, sources: [] };
  const own = proxy.addresses.find((address) => isIP(address) === family);
  return { kind: 'port', address: own ?? (family === 6 ? '::1' : '127.0.0.1'), port, sources: own === undefined ? [] : uncaptured };
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

/** The app listens where it was told to, whichever port of its container a Sidecar or a service names. */
function loopbackApp({ ingress, targetPort }: InboundPort, address: string, inbound: LoopbackPorts['inbound']): AppAddress {
  const endpoint = ingress?.defaultEndpoint;
  if (endpoint?.kind === 'unix') return endpoint;
  const port = endpoint?.port ?? targetPort;
  return { kind: 'port', address, port: inbound[String(port)]?.app ?? port, sources: [] };
}
