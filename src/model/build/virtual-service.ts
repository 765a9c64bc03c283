// Virtual services with hosts, gateways and destinations resolved in their namespace.
import type { HttpMatchRequest, HttpRoute, StringMatch as WrittenMatch } from '#api/istio/virtual-service.ts';
import type { KindMap } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { visibilityOf } from '#model/build/export-to.ts';
import { resolveGateway, resolveHost } from '#model/build/host-resolution.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { HttpMatch, HttpRule, VirtualService, WeightedDestination } from '#model/virtual-service.ts';

type VirtualServiceResource = KindMap['VirtualService'];

/** What every part of one resource is resolved with. */
type Context = { readonly namespace: string; readonly settings: MeshSettings; readonly origins: FieldOrigins };

export function buildVirtualService({ metadata, spec, origins }: VirtualServiceResource, settings: MeshSettings): VirtualService {
  const { name, namespace } = metadata;
  const context = { namespace, settings, origins };
  return {
    name,
    namespace,
    hosts: (spec.hosts ?? []).map((host, index) => resolveHost(host, namespace, settings.domain, origins.at(['spec', 'hosts', index]))),
    gateways:
      spec.gateways === undefined || spec.gateways.length === 0 ? ['mesh'] : spec.gateways.map((gateway) => resolveGateway(gateway, namespace)),
    http: (spec.http ?? []).map((route, index) => httpRule(route, index, context)),
    visibility: visibilityOf(spec.exportTo, namespace),
    origin: origins.start,
  };
}

function httpRule(route: HttpRoute, index: number, context: Context): HttpRule {
  const path = ['spec', 'http', index];
  return {
    name: route.name ?? '',
    matches: (route.match ?? []).map((match, at) => httpMatch(match, [...path, 'match', at], context)),
    destinations: destinations(route, path, context),
    origin: context.origins.at(path),
  };
}

/** A single destination has all the traffic whatever its weight. */
function destinations(
  route: HttpRoute,
  path: readonly (string | number)[],
  { namespace, settings, origins }: Context,
): readonly WeightedDestination[] {
  return (route.route ?? []).map(({ destination, weight }, index, all) => {
    const place = [...path, 'route', index];
    return {
      host: resolveHost(destination.host, namespace, settings.domain, origins.at([...place, 'destination', 'host'])),
      ...(destination.subset !== undefined && destination.subset !== '' && { subset: destination.subset }),
      ...(destination.port?.number !== undefined && { port: destination.port.number }),
      weight: all.length === 1 ? 100 : (weight ?? 0),
      origin: origins.at(place),
    };
  });
}

function httpMatch(match: HttpMatchRequest, path: readonly (string | number)[], { namespace, origins }: Context): HttpMatch {
  const uri = match.uri === undefined ? undefined : stringMatch(match.uri, match.ignoreUriCase === true);
  return {
    name: match.name ?? '',
    ...(uri !== undefined && { uri }),
    headers: headerMatches(match.headers),
    withoutHeaders: headerMatches(match.withoutHeaders),
    ...(match.gateways !== undefined &&
      match.gateways.length > 0 && { gateways: match.gateways.map((gateway) => resolveGateway(gateway, namespace)) }),
    origin: origins.at(path),
  };
}

/** By name, as their order means nothing. Header names are lower case on the wire of HTTP/2 and in Envoy's matchers. */
function headerMatches(headers: Readonly<Record<string, WrittenMatch>> | undefined): HttpMatch['headers'] {
  return Object.entries(headers ?? {})
    .map(([name, match]) => ({ name: name.toLowerCase(), match: stringMatch(match, false) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** None of exact, prefix and regex means: it is there. */
function stringMatch(match: WrittenMatch, ignoreCase: boolean): StringMatch {
  if (match.exact !== undefined) return ignoreCase ? { kind: 'exact', value: match.exact, ignoreCase } : { kind: 'exact', value: match.exact };
  if (match.prefix !== undefined) return ignoreCase ? { kind: 'prefix', value: match.prefix, ignoreCase } : { kind: 'prefix', value: match.prefix };
  return match.regex === undefined ? { kind: 'present' } : { kind: 'regex', value: match.regex };
}
