// Envoy's Listener, compiled once per update, and the choice of a filter chain for a connection.

import { parseIp } from '#base/cidr.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { type ConfigError, Problems } from '#decide/config-error.ts';
import type { FileReader } from '#decide/data-source.ts';
import { durationMs } from '#decide/duration.ts';
import { unpackExtension } from '#decide/extension.ts';
import { compileChainMatch } from '#decide/filter-chain-compile.ts';
import { criteria, type IndexedMatch, type MatchValues, matchText, matchValues, sharedMatch } from '#decide/filter-chain-match.ts';
import type { FilterChainEntry, ListenerEntry, ListenerFilterEntry } from '#decide/listener-entry.ts';
import { compileNetworkFilter } from '#decide/network-filter.ts';
import { compilePortPredicate } from '#decide/port-predicate.ts';
import { findUnsupported } from '#decide/supported.ts';
import { compileDownstreamTls } from '#decide/tls-context.ts';
import type { Trace } from '#decide/trace.ts';
import type { ConnectionView } from '#decide/views.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import type { FilterChain, ListenerFilter } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';

/** Every field that cannot be honoured is an error. `readFile` serves files that routes name. */
export function compileListener(listener: Listener, readFile?: FileReader): Result<ListenerEntry, readonly ConfigError[]> {
  const problems = new Problems(listener.name);
  findUnsupported(ListenerSchema, listener, '', problems);
  const entry = buildListener(listener, problems, readFile);
  return problems.errors.length > 0 ? failed(problems.errors) : ok(entry);
}

function buildListener(listener: Listener, problems: Problems, readFile: FileReader | undefined): ListenerEntry {
  const chains = listener.filterChains.map((chain, index) => compileChain(chain, `filter_chains[${index}]`, problems, readFile));
  const defaultChain = listener.defaultFilterChain;
  return {
    name: listener.name,
    ...placeOf(listener, problems),
    ...additionalPlaces(listener, problems),
    bindToPort: listener.bindToPort ?? true,
    useOriginalDst: listener.useOriginalDst ?? false,
    listenerFilters: listener.listenerFilters.flatMap((filter, index) => compileListenerFilter(filter, `listener_filters[${index}]`, problems)),
    listenerFiltersTimeoutMs: durationMs(listener.listenerFiltersTimeout, 15_000),
    continueOnListenerFiltersTimeout: listener.continueOnListenerFiltersTimeout,
    trafficDirection: directions[listener.trafficDirection],
    filterChains: chains,
    ...(defaultChain === undefined ? {} : { defaultFilterChain: compileChain(defaultChain, 'default_filter_chain', problems, readFile) }),
    index: compileIndex(listener, problems),
    accessLogs: listener.accessLog,
  };
}

type Place = Pick<ListenerEntry, 'address' | 'port' | 'socketMode'>;

/** Source: Envoy, config.core.v3.Address; a name in the abstract namespace has no mode. */
function placeOf({ address }: Listener, problems: Problems): Place {
  const found = address?.address;
  if (found?.case === 'socketAddress' && found.value.portSpecifier.case === 'portValue')
    return { address: found.value.address, port: found.value.portSpecifier.value };
  if (found?.case === 'pipe' && found.value.path !== '') {
    const { path, mode } = found.value;
    if (mode > 0o777) problems.report('address.pipe.mode', 'must be at most 0777');
    if (mode > 0 && path.startsWith('@')) problems.report('address.pipe.mode', 'an abstract socket has none');
    return { address: path, port: 0, ...(mode > 0 && { socketMode: mode }) };
  }
  problems.report('address', 'a socket address with a port, or a pipe with a path, is required');
  return { address: '', port: 0 };
}

/** Source: Envoy, Listener.additional_addresses; of those with another port nobody here has heard. */
function additionalPlaces({ address: first, additionalAddresses }: Listener, problems: Problems): Pick<ListenerEntry, 'additionalAddresses'> {
  if (additionalAddresses.length === 0) return {};
  const port = first?.address.case === 'socketAddress' ? first.address.value.portSpecifier.value : undefined;
  const places = additionalAddresses.flatMap(({ address }, index) => {
    const found = address?.address;
    if (found?.case === 'socketAddress' && found.value.portSpecifier.value === port) return [found.value.address];
    problems.report(`additional_addresses[${index}].address`, 'only an IP address with the port of the first one is supported');
    return [];
  });
  return { additionalAddresses: places };
}

const directions: Readonly<Record<TrafficDirection, ListenerEntry['trafficDirection']>> = {
  [TrafficDirection.UNSPECIFIED]: 'unspecified',
  [TrafficDirection.INBOUND]: 'inbound',
  [TrafficDirection.OUTBOUND]: 'outbound',
};

function compileIndex(listener: Listener, problems: Problems): readonly IndexedMatch[] {
  if (listener.filterChains.length === 0 && listener.defaultFilterChain === undefined)
    problems.report('filter_chains', 'a listener needs a filter chain');
  const index: IndexedMatch[] = [];
  const before: MatchValues[] = [];
  for (const [position, chain] of listener.filterChains.entries()) {
    const match = compileChainMatch(chain.filterChainMatch, `filter_chains[${position}].filter_chain_match`, problems);
    const named = matchValues(match);
    for (const [other, values] of before.entries()) {
      const shared = sharedMatch(values, named);
      if (shared !== undefined) problems.report(`filter_chains[${position}].filter_chain_match`, `overlaps with filter_chains[${other}]: ${shared}`);
    }
    before.push(named);
    index.push({ position, match });
  }
  return index;
}

function compileChain(chain: FilterChain, field: string, problems: Problems, readFile: FileReader | undefined): FilterChainEntry {
  const filters = chain.filters.flatMap((filter, index) => compileNetworkFilter(filter, `${field}.filters[${index}]`, problems, readFile));
  const early = filters.slice(0, -1).findIndex(({ kind }) => kind === 'http' || kind === 'tcp-proxy');
  if (early !== -1) problems.report(`${field}.filters[${early}]`, 'a filter that ends the connection must be the last one');
  const last = filters.at(-1)?.kind;
  if (last === 'rbac' || last === 'ext-authz')
    problems.report(`${field}.filters`, 'the last filter must be an HTTP connection manager or a TCP proxy');
  const tls = chain.transportSocket === undefined ? undefined : compileDownstreamTls(chain.transportSocket, `${field}.transport_socket`, problems);
  const match = compileChainMatch(chain.filterChainMatch, `${field}.filter_chain_match`, new Problems(''));
  return {
    name: chain.name,
    text: field === 'default_filter_chain' ? 'any other connection' : matchText(match),
    ...(tls === undefined ? {} : { tls }),
    filters,
    transportSocketConnectTimeoutMs: durationMs(chain.transportSocketConnectTimeout, 0),
  };
}

function compileListenerFilter(filter: ListenerFilter, field: string, problems: Problems): ListenerFilterEntry[] {
  const config = filter.configType;
  const extension = config.case === 'typedConfig' ? unpackExtension(config.value) : undefined;
  const kind = listenerFilterKinds[extension?.$typeName ?? ''];
  if (kind === undefined) {
    problems.report(field, `listener filter ${filter.name} is not supported`);
    return [];
  }
  const optional =
    extension !== undefined &&
    extension.$typeName === 'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol' &&
    extension.allowRequestsWithoutProxyProtocol;
  return [{ kind, disabled: compilePortPredicate(filter.filterDisabled, `${field}.filter_disabled`, problems), ...(optional && { optional }) }];
}

const listenerFilterKinds: Readonly<Record<string, ListenerFilterEntry['kind']>> = {
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': 'original-dst',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': 'tls-inspector',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector': 'http-inspector',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol': 'proxy-protocol',
};

/** The chain for a connection, or undefined: the connection is closed (Envoy's response flag NR). */
export function chooseFilterChain(listener: ListenerEntry, connection: ConnectionView, trace?: Trace): FilterChainEntry | undefined {
  const [first] = listener.index;
  const chain =
    listener.index.length === 1 && first !== undefined && trace === undefined && fitsAll(first)
      ? listener.filterChains[0]
      : narrow(listener, connection, trace);
  if (chain !== undefined) return chain;
  const fallback = listener.defaultFilterChain;
  if (trace !== undefined) explainFallback(listener, fallback, trace);
  return fallback;
}

function fitsAll({ match }: IndexedMatch): boolean {
  return matchText(match) === 'any connection';
}

function narrow(listener: ListenerEntry, connection: ConnectionView, trace: Trace | undefined): FilterChainEntry | undefined {
  const source = parseIp(connection.sourceAddress);
  const direct = connection.sender === undefined ? source : parseIp(connection.sender.address);
  const facts = { connection, destination: parseIp(connection.destinationAddress), source, direct };
  let left: readonly IndexedMatch[] = listener.index;
  for (const { name, narrow: narrowBy } of criteria) {
    const next = narrowBy(left, facts);
    if (trace !== undefined) {
      for (const dropped of left) {
        if (!next.includes(dropped))
          trace.add({
            stage: 'filter chain',
            name: chainName(listener, dropped),
            outcome: 'rejected',
            because: `${name}: ${matchText(dropped.match)}`,
          });
      }
    }
    left = next;
    if (left.length === 0) return undefined;
  }
  const [chosen] = left;
  if (chosen === undefined) return undefined;
  trace?.add({ stage: 'filter chain', name: chainName(listener, chosen), outcome: 'chosen', because: matchText(chosen.match) });
  return listener.filterChains[chosen.position];
}

function chainName(listener: ListenerEntry, { position }: IndexedMatch): string {
  const name = listener.filterChains[position]?.name ?? '';
  return name === '' ? `#${position}` : name;
}

function explainFallback(listener: ListenerEntry, fallback: FilterChainEntry | undefined, trace: Trace): void {
  if (fallback === undefined)
    trace.add({ stage: 'filter chain', name: listener.name, outcome: 'rejected', because: 'no filter chain fits the connection' });
  else
    trace.add({
      stage: 'filter chain',
      name: fallback.name === '' ? 'default' : fallback.name,
      outcome: 'chosen',
      because: 'default: no other filter chain fits',
    });
}
