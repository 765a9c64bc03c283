// In: the filter chains that are planned for a port and address of a gateway. Out: its listener, `0.0.0.0_8080`. Of chains that would match
// the same connections the first stays: Envoy refuses a listener with two such.
import { assertNever } from '#base/assert-never.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { listenerAccessLogs } from '#compile/access-log.ts';
import { listenAddress } from '#compile/address.ts';
import { duration } from '#compile/durations.ts';
import type { ChainPlan } from '#compile/gateway-chain-plan.ts';
import { httpConnectionManager } from '#compile/http-connection-manager.ts';
import { proxyProtocol, tlsInspector } from '#compile/listener-filters.ts';
import type { OutboundOptions } from '#compile/listener-outbound.ts';
import { blackHoleCluster } from '#compile/names.ts';
import { tcpProxy } from '#compile/tcp-proxy.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import type { WorkloadFilters } from '#compile/workload-filters.ts';
import { create } from '#envoy/create.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  type Filter,
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
  FilterChainSchema,
} from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { GatewayTopology } from '#model/gateway-topology.ts';

/** Where the proxy really binds the port, or which Unix socket; it is named after the port all the same. */
export type BindAddress = { readonly address: string; readonly port: number };

/** How long a client may take for its TLS handshake, so that slow ones do not fill the memory (Istio's default). */
const handshakeTimeoutMs = 15_000;

/** What of a gateway's settings its listeners are made with. */
export type GatewayOptions = OutboundOptions & { readonly topology: GatewayTopology; readonly filters: WorkloadFilters };

/** `chains` are at least one, and no two match the same (see `distinctChains`). */
export function gatewayListener(name: string, chains: readonly ChainPlan[], bind: BindAddress, options: GatewayOptions): Unit {
  const inspects = chains.some(({ serverNames, transportSocket }) => serverNames.length > 0 || transportSocket !== undefined);
  const message = create(ListenerSchema, {
    name,
    address: listenAddress(bind.address, bind.port),
    trafficDirection: TrafficDirection.OUTBOUND,
    // The header stands before the ClientHello. Source: Istio, buildGatewayListener.
    listenerFilters: [...(options.topology.proxyProtocol === true ? [proxyProtocol()] : []), ...(inspects ? [tlsInspector()] : [])],
    filterChains: chains.map((chain) => filterChain(name, chain, options)),
    accessLog: [...listenerAccessLogs(options.settings)],
  });
  const node = { kind: 'listener', listener: name } as const;
  return makeUnit(
    typeUrls.listener,
    name,
    ListenerSchema,
    message,
    chains.map(({ owner }) => [node, owner.origin]),
  );
}

function filterChain(listener: string, chain: ChainPlan, options: GatewayOptions): FilterChain {
  const match = chainMatch(chain);
  return create(FilterChainSchema, {
    ...(match !== undefined && { filterChainMatch: match }),
    filters: [...(chain.content.kind === 'bytes' ? options.filters.network : []), filter(listener, chain, options)],
    ...(chain.transportSocket !== undefined && {
      transportSocket: chain.transportSocket,
      transportSocketConnectTimeout: duration(handshakeTimeoutMs),
    }),
  });
}

/** Undefined matches everything. Source: Istio, filterChainOpts.toFilterChainMatch. */
function chainMatch({ serverNames, applicationProtocols }: ChainPlan): FilterChainMatch | undefined {
  const names = serverNames.includes('*') ? [] : [...serverNames];
  if (names.length === 0 && applicationProtocols.length === 0) return undefined;
  return create(FilterChainMatchSchema, { serverNames: names, applicationProtocols: [...applicationProtocols] });
}

function filter(listener: string, { content }: ChainPlan, { explainFailures, settings, topology, filters }: GatewayOptions): Filter {
  switch (content.kind) {
    case 'http': {
      const { routeName, protocol, statPrefix = `outbound_${listener}` } = content;
      return httpConnectionManager(
        { side: 'gateway', routes: { kind: 'discovered', name: routeName }, statPrefix, protocol, explainFailures, topology, filters },
        settings,
      );
    }
    case 'bytes':
      return tcpProxy(content.target, settings);
    case 'closed':
      return tcpProxy(blackHoleCluster, settings);
    default:
      return assertNever(content, 'chain content');
  }
}

export type DistinctChains = { readonly chains: readonly ChainPlan[]; readonly diagnostics: readonly Diagnostic[] };

/** The chains that can stand beside each other, in order. Each server name belongs to the first chain that names it. */
export function distinctChains(plans: readonly ChainPlan[]): DistinctChains {
  const taken = new Map<string, ChainPlan>();
  const chains: ChainPlan[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const plan of plans) {
    const keys = matchKeys(plan);
    const held = keys.find((key) => taken.has(key));
    const rival = held === undefined ? undefined : taken.get(held);
    if (rival !== undefined) {
      diagnostics.push(nameTaken(plan, rival));
      continue;
    }
    for (const key of keys) taken.set(key, plan);
    chains.push(plan);
  }
  return { chains, diagnostics };
}

function matchKeys({ serverNames, applicationProtocols }: ChainPlan): readonly string[] {
  const names = serverNames.length === 0 || serverNames.includes('*') ? ['*'] : serverNames;
  const protocols = applicationProtocols.join(',');
  return names.map((name) => `${name} ${protocols}`);
}

/** HDL0033. */
function nameTaken({ serverNames, owner }: ChainPlan, rival: ChainPlan): Diagnostic {
  const names = serverNames.length === 0 ? 'every connection' : serverNames.join(', ');
  return {
    code: 'HDL0033',
    severity: 'warning',
    message: `${owner.title} takes ${names}, which ${rival.owner.title} takes already; it is left out`,
    hint: 'each server name of a port can have one rule: the oldest, then the first by name',
    at: owner.origin,
    related: [{ message: 'the one in force', at: rival.owner.origin }],
  };
}
