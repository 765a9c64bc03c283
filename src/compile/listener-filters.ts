// Listener filters: what is found out about a connection before a filter chain is chosen.
import type { Duration } from '@bufbuild/protobuf/wkt';
import { duration, noTimeout } from '#compile/durations.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import {
  type FilterChain,
  type FilterChainMatch,
  type ListenerFilter,
  type ListenerFilterChainMatchPredicate,
  ListenerFilterChainMatchPredicateSchema,
  ListenerFilterSchema,
} from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { HttpInspectorSchema } from '#envoy/gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { OriginalDstSchema } from '#envoy/gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { ProxyProtocolSchema } from '#envoy/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js';
import { TlsInspectorSchema } from '#envoy/gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import type { MeshSettings } from '#model/mesh.ts';

/** ALPN names that the HTTP inspector gives to plaintext HTTP: 1.0, 1.1 and 2. */
export const plaintextHttpProtocols: readonly string[] = ['http/1.0', 'http/1.1', 'h2c'];

/** How long listener filters wait for a connection to say what it is: for ever, as some servers speak first, unless MeshConfig says otherwise. */
export function detectionTimeout({ listeners }: MeshSettings): Duration {
  return listeners?.detectionTimeoutMs === undefined ? noTimeout() : duration(listeners.detectionTimeoutMs);
}

/** Restores the address a redirected connection was made to. */
export function originalDestination(): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: 'envoy.filters.listener.original_dst',
    configType: { case: 'typedConfig', value: packAny(OriginalDstSchema, {}) },
  });
}

/** Reads from the PROXY header before each connection who the client is; a connection without one is closed. */
export function proxyProtocol(): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: 'envoy.filters.listener.proxy_protocol',
    configType: { case: 'typedConfig', value: packAny(ProxyProtocolSchema, {}) },
  });
}

/** Finds out whether a connection is TLS, and for which server name and protocols (SNI, ALPN). */
export function tlsInspector(disabled?: ListenerFilterChainMatchPredicate): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: 'envoy.filters.listener.tls_inspector',
    configType: { case: 'typedConfig', value: packAny(TlsInspectorSchema, {}) },
    ...(disabled !== undefined && { filterDisabled: disabled }),
  });
}

/** Tells HTTP from other bytes. It waits for the client to speak first, so it is off on ports whose protocol is declared. */
export function httpInspector(disabled?: ListenerFilterChainMatchPredicate): ListenerFilter {
  return create(ListenerFilterSchema, {
    name: 'envoy.filters.listener.http_inspector',
    configType: { case: 'typedConfig', value: packAny(HttpInspectorSchema, {}) },
    ...(disabled !== undefined && { filterDisabled: disabled }),
  });
}

/**
 * The inspectors that the chains of an inbound listener need, each off for the ports whose chains have nothing to ask of it. The one for TLS is
 * first: what is TLS is not looked at for HTTP. Source: Istio, populateListenerFilters.
 */
export function inspectors(chains: readonly FilterChain[]): readonly ListenerFilter[] {
  const byPort = Map.groupBy(chains, ({ filterChainMatch }) => filterChainMatch?.destinationPort);
  const isPlainHttp = (name: string): boolean => plaintextHttpProtocols.includes(name);
  const tls = unneeded(byPort, (match) => match.transportProtocol === 'tls');
  const http = unneeded(byPort, (match) => match.applicationProtocols.some(isPlainHttp));
  return [...(tls === 'everywhere' ? [] : [tlsInspector(tls)]), ...(http === 'everywhere' ? [] : [httpInspector(http)])];
}

/** Where none of the chains needs an inspector: nowhere (undefined), on some ports, on all but some, or everywhere. */
function unneeded(
  byPort: ReadonlyMap<number | undefined, readonly FilterChain[]>,
  needs: (match: FilterChainMatch) => boolean,
): ListenerFilterChainMatchPredicate | undefined | 'everywhere' {
  const needed = (chains: readonly FilterChain[]): boolean => chains.some(({ filterChainMatch: match }) => match !== undefined && needs(match));
  const ofOthers = needed(byPort.get(undefined) ?? []);
  const ports = [...byPort].flatMap(([port, chains]) => (port === undefined || needed(chains) === ofOthers ? [] : [port]));
  const special = anyOfPorts(ports.sort((a, b) => a - b));
  if (ofOthers) return special;
  return special === undefined ? 'everywhere' : create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'notMatch', value: special } });
}

function anyOfPorts(ports: readonly number[]): ListenerFilterChainMatchPredicate | undefined {
  const rules = ports.map((port) =>
    create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'destinationPortRange', value: { start: port, end: port + 1 } } }),
  );
  return rules.length > 1 ? create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'orMatch', value: { rules } } }) : rules[0];
}
