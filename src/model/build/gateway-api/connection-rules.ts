// The rules of a TLSRoute or a TCPRoute as destinations of connections. A share that leads nowhere ends its connections at once: it keeps its
// place under a name that no cluster has.
import type { KindMap } from '#api/kinds.ts';
import type { Origin } from '#base/origin.ts';
import { type BackendContext, resolveBackend } from '#model/build/gateway-api/backends.ts';
import type { Problem } from '#model/build/gateway-api/problem.ts';
import type { ConnectionMatch, TcpRule, TlsRule, WeightedDestination } from '#model/virtual-service.ts';

export type ConnectionRule = { readonly destinations: readonly WeightedDestination[]; readonly origin: Origin };
export type ConvertedConnections = { readonly rules: readonly ConnectionRule[]; readonly problems: readonly Problem[] };

/** In the order of the route: the first rule has all connections. */
export function convertConnectionRoute({ spec }: KindMap['TLSRoute' | 'TCPRoute'], context: BackendContext): ConvertedConnections {
  const problems: Problem[] = [];
  const rules = spec.rules.map(({ backendRefs = [] }, index) => {
    const path = ['spec', 'rules', index];
    const destinations = backendRefs.flatMap((backend, at): readonly WeightedDestination[] => {
      const place = [...path, 'backendRefs', at];
      const { host, port, problem } = resolveBackend(backend, place, context);
      if (problem !== undefined) problems.push(problem);
      const { weight = 1 } = backend;
      return weight === 0 ? [] : [{ host, port, weight, origin: context.route.origins.at(place) }];
    });
    return { destinations, origin: context.route.origins.at(path) };
  });
  return { rules, problems };
}

type Place = { readonly port?: number };

export function tcpRules(rules: readonly ConnectionRule[], { port }: Place): readonly TcpRule[] {
  return rules.map(({ destinations, origin }) => ({ matches: port === undefined ? [] : [connectionMatch(port, origin)], destinations, origin }));
}

/** `sniHosts`: the server names that the route is for. */
export function tlsRules(rules: readonly ConnectionRule[], sniHosts: readonly string[], { port }: Place): readonly TlsRule[] {
  return rules.map(({ destinations, origin }) => ({ matches: [{ ...connectionMatch(port, origin), sniHosts }], destinations, origin }));
}

function connectionMatch(port: number | undefined, origin: Origin): ConnectionMatch {
  return { destinationSubnets: [], ...(port !== undefined && { port }), origin };
}
