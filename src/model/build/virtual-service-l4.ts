// The rules of a VirtualService for connections: `tcp`, and `tls` by server name, with their destinations and gateways resolved.
import type { VirtualServiceSpec } from '#api/istio/virtual-service.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { resolveGateway, resolveHost } from '#model/build/host-resolution.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { ConnectionMatch, TcpRule, TlsRule, WeightedDestination } from '#model/virtual-service.ts';

type Path = readonly (string | number)[];
type WrittenTcp = NonNullable<VirtualServiceSpec['tcp']>[number];
type WrittenTls = NonNullable<VirtualServiceSpec['tls']>[number];
type WrittenMatch = Omit<NonNullable<WrittenTls['match']>[number], 'sniHosts'>;

/** What every part of one resource is resolved with. */
type Context = { readonly namespace: string; readonly settings: MeshSettings; readonly origins: FieldOrigins };

/** `tcp`, in order. `sourceSubnet` is accepted and ignored, as in Istio. */
export function tcpRules(written: readonly WrittenTcp[] | undefined, context: Context): readonly TcpRule[] {
  return (written ?? []).map(({ match = [], route = [] }, index) => {
    const path = ['spec', 'tcp', index];
    return {
      matches: match.map((each, at) => connectionMatch(each, [...path, 'match', at], context)),
      destinations: destinations(route, path, context),
      origin: context.origins.at(path),
    };
  });
}

/** `tls`, in order. */
export function tlsRules(written: readonly WrittenTls[] | undefined, context: Context): readonly TlsRule[] {
  return (written ?? []).map(({ match, route = [] }, index) => {
    const path = ['spec', 'tls', index];
    return {
      matches: match.map((each, at) => ({
        ...connectionMatch(each, [...path, 'match', at], context),
        sniHosts: each.sniHosts.map((host) => host.toLowerCase()),
      })),
      destinations: destinations(route, path, context),
      origin: context.origins.at(path),
    };
  });
}

function connectionMatch(match: WrittenMatch, path: Path, { namespace, origins }: Context): ConnectionMatch {
  const { destinationSubnets = [], port, gateways = [], sourceLabels, sourceNamespace = '' } = match;
  return {
    destinationSubnets,
    ...(port !== undefined && { port }),
    ...(gateways.length > 0 && { gateways: gateways.map((gateway) => resolveGateway(gateway, namespace)) }),
    ...(sourceLabels !== undefined && { sourceLabels }),
    ...(sourceNamespace !== '' && { sourceNamespace }),
    origin: origins.at(path),
  };
}

/** A single destination has all connections whatever its weight. */
function destinations(
  route: NonNullable<WrittenTcp['route']>,
  path: Path,
  { namespace, settings, origins }: Context,
): readonly WeightedDestination[] {
  return route.map(({ destination: { host, subset = '', port }, weight }, index) => {
    const place = [...path, 'route', index];
    return {
      host: resolveHost(host, namespace, settings.domain, origins.at([...place, 'destination', 'host'])),
      ...(subset !== '' && { subset }),
      ...(port?.number !== undefined && { port: port.number }),
      weight: route.length === 1 ? 100 : (weight ?? 0),
      origin: origins.at(place),
    };
  });
}
