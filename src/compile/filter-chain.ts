// The filter chains that listeners are made of.
import { create } from '#envoy/create.ts';
import type { TransportSocket } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  type Filter,
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
  FilterChainSchema,
} from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';

/** Empty lists, and what is not there, match anything. */
export type ChainMatch = {
  readonly destinationPort?: number;
  readonly transport?: 'tls' | 'raw_buffer';
  readonly applicationProtocols?: readonly string[];
};

/** `before`: filters in front of the last one. `socket`: what ends TLS. */
export type ChainParts = { readonly before?: readonly Filter[]; readonly socket?: TransportSocket };

/** A chain that ends in `filter`. Without a match it takes every connection. */
export function filterChain(name: string, filter: Filter, match?: ChainMatch, { before = [], socket }: ChainParts = {}): FilterChain {
  return create(FilterChainSchema, {
    name,
    filters: [...before, filter],
    ...(match !== undefined && { filterChainMatch: filterChainMatch(match) }),
    ...(socket !== undefined && { transportSocket: socket }),
  });
}

function filterChainMatch({ destinationPort, transport, applicationProtocols = [] }: ChainMatch): FilterChainMatch {
  return create(FilterChainMatchSchema, {
    ...(destinationPort !== undefined && { destinationPort }),
    ...(applicationProtocols.length > 0 && { applicationProtocols: [...applicationProtocols] }),
    ...(transport !== undefined && { transportProtocol: transport }),
  });
}
