// The filter chains that listeners are made of: HTTP, bytes, or either as the first bytes tell.
import { plaintextHttpProtocols } from '#compile/listener-filters.ts';
import { create } from '#envoy/create.ts';
import {
  type Filter,
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
  FilterChainSchema,
} from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';

export type ChainMatch = { readonly destinationPort?: number; readonly plaintextHttp?: boolean; readonly rawBuffer?: boolean };

/** A chain that ends in `filter`, behind those of `before`. Without a match it takes every connection. */
export function filterChain(name: string, filter: Filter, match?: ChainMatch, before: readonly Filter[] = []): FilterChain {
  return create(FilterChainSchema, { name, filters: [...before, filter], ...(match !== undefined && { filterChainMatch: filterChainMatch(match) }) });
}

function filterChainMatch({ destinationPort, plaintextHttp, rawBuffer }: ChainMatch): FilterChainMatch {
  return create(FilterChainMatchSchema, {
    ...(destinationPort !== undefined && { destinationPort }),
    ...(plaintextHttp === true && { applicationProtocols: [...plaintextHttpProtocols] }),
    ...((rawBuffer === true || plaintextHttp === true) && { transportProtocol: 'raw_buffer' }),
  });
}
