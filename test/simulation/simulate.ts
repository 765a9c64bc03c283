// In: what a proxy was told, and a call. Out: how far the call comes, in the words of Istio's expectations. What listener filters would find
// out is found out here by the listener's own filters, so that one without a TLS inspector knows no server name.
import assert from 'node:assert/strict';
import type { Compiled } from '#compile/compiled.ts';
import { type Config, compileConfig } from '#decide/config.ts';
import { decide } from '#decide/decide.ts';
import type { Call, Decision } from '#decide/decision.ts';
import type { ListenerEntry } from '#decide/listener-entry.ts';
import { handedTo, listenerAt } from '#decide/listener-lookup.ts';
import { chooseFilterChain } from '#decide/listener-table.ts';
import type { ConnectionView } from '#decide/views.ts';
import type { Proxy } from '#model/proxy.ts';
import type { ExpectedCall, ScenarioCall } from '#test/simulation/scenario.ts';

type Asked = ScenarioCall['call'];

export type Simulated = Omit<ExpectedCall, 'strict'>;

/** Throws where the decision engine does not take what was compiled. */
export function configOf(compiled: Compiled): Config {
  const config = compileConfig(compiled.resources);
  assert.ok(config.ok, config.ok ? '' : config.error.map(({ resource, field, message }) => `${resource}: ${field}: ${message}`).join('\n'));
  return config.value;
}

export function simulate(config: Config, proxy: Proxy, asked: Asked): Simulated {
  const call = callOf(config, proxy, asked);
  const decision = decide(config, call);
  if (needsClientCertificate(config, decision, call) && asked.tls !== 'mtls')
    return withoutUndefined({ listener: decision.listener, filterChain: decision.filterChain, error: 'invalid mTLS' });
  return withoutUndefined({
    listener: decision.listener,
    filterChain: decision.filterChain,
    routeConfig: decision.routeConfig,
    virtualHost: decision.virtualHost,
    route: decision.route?.name,
    cluster: decision.cluster,
    error: errorOf(decision, asked),
  });
}

/** The chain ends TLS and lets nobody in without a certificate: what the proxy finds out in the handshake. */
function needsClientCertificate(config: Config, { listener }: Decision, { connection }: Call): boolean {
  const entry = listener === undefined ? undefined : config.listeners.get(listener);
  return entry !== undefined && chooseFilterChain(entry, connection)?.tls?.requireClientCertificate === true;
}

function callOf(config: Config, proxy: Proxy, asked: Asked): Call {
  const inbound = asked.callMode === 'inbound';
  const destinationAddress = asked.address ?? '1.3.3.7';
  const acceptedOn = proxy.type === 'router' ? undefined : { address: '127.0.0.1', port: inbound ? 15_006 : 15_001 };
  // A gateway is called at an address of its own, whatever the data says about the service that leads there.
  const listener = listenerFor(config, acceptedOn, destinationAddress, asked.port, inbound);
  const connection: ConnectionView = {
    destinationAddress,
    destinationPort: asked.port,
    sourceAddress: '192.0.2.7',
    sourcePort: 40_000,
    ...inspected(listener, asked),
  };
  const http = asked.protocol === 'http' || asked.protocol === 'http2';
  const request = {
    method: 'GET',
    scheme: asked.tls === 'tls' || asked.tls === 'mtls' ? 'https' : 'http',
    authority: asked.host ?? '',
    path: asked.path ?? '/',
    header: () => undefined,
  };
  return { connection, ...(acceptedOn !== undefined && { acceptedOn }), ...(http && { request }) };
}

function listenerFor(
  config: Config,
  acceptedOn: { readonly address: string; readonly port: number } | undefined,
  address: string,
  port: number,
  inbound: boolean,
): ListenerEntry | undefined {
  const listeners = [...config.listeners.values()];
  if (acceptedOn === undefined) return inbound ? undefined : listenerAt(listeners, address, port, () => true);
  const bound = listenerAt(listeners, acceptedOn.address, acceptedOn.port, ({ bindToPort }) => bindToPort);
  return inbound || bound === undefined ? bound : (handedTo(bound, listeners, address, port) ?? bound);
}

/** What the listener's filters find out, as Envoy's inspectors do. */
function inspected(
  listener: ListenerEntry | undefined,
  asked: Asked,
): Pick<ConnectionView, 'transportProtocol' | 'serverName' | 'applicationProtocols'> {
  const runs = (kind: 'tls-inspector' | 'http-inspector') =>
    listener?.listenerFilters.some((filter) => filter.kind === kind && !filter.disabled(asked.port)) === true;
  // Only TLS can name a server, so a call that does is one, whatever it says beside.
  const tls = asked.tls === 'tls' || asked.tls === 'mtls' || asked.sni !== undefined;
  if (tls && runs('tls-inspector')) {
    const serverName = asked.sni ?? (asked.tls === 'tls' ? asked.host : undefined);
    const alpn = asked.alpn ?? (asked.tls === 'mtls' ? mutualAlpn(asked.protocol) : plainAlpn(asked.protocol));
    return { transportProtocol: 'tls', applicationProtocols: alpn === undefined ? [] : [alpn], ...(serverName !== undefined && { serverName }) };
  }
  const found = { http: 'http/1.1', http2: 'h2c', tcp: undefined }[asked.protocol ?? 'tcp'];
  const http = !tls && runs('http-inspector') && found !== undefined;
  return { transportProtocol: 'raw_buffer', applicationProtocols: http ? [found] : [] };
}

function mutualAlpn(protocol: Asked['protocol']): string {
  return { http: 'istio-http/1.1', http2: 'istio-h2', tcp: 'istio' }[protocol ?? 'tcp'];
}

function plainAlpn(protocol: Asked['protocol']): string | undefined {
  return { http: 'http/1.1', http2: 'h2', tcp: undefined }[protocol ?? 'tcp'];
}

/** Istio's words for how far the call came; undefined where it reached a route or a cluster. */
function errorOf(decision: Decision, asked: Asked): string | undefined {
  const { outcome } = decision;
  if (decision.listener === undefined) return 'no listener matched';
  if (decision.filterChain === undefined) return 'no filter chains matched';
  if (decision.routeConfig === undefined) return outcome.kind === 'local-reply' && decision.cluster === undefined ? 'protocol error' : undefined;
  // Nothing ended TLS, so what arrives is no HTTP.
  if (decision.virtualHost === undefined) return 'no virtual host matched';
  if (decision.route !== undefined) return undefined;
  const redirected = outcome.kind === 'local-reply' && outcome.status === 301 && asked.tls !== 'tls';
  return redirected ? 'tls required, sending 301' : 'no route matched';
}

function withoutUndefined(found: { readonly [Key in keyof Simulated]: Simulated[Key] | undefined }): Simulated {
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
