// Virtual services with hosts, gateways and destinations resolved in their namespace.
import type { HttpMatchRequest, HttpRoute, StringMatch as WrittenMatch } from '#api/istio/virtual-service.ts';
import type { KindMap } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { parseDurationMs } from '#base/duration.ts';
import { visibilityOf } from '#model/build/export-to.ts';
import { messageHeaders } from '#model/build/header-changes.ts';
import { resolveGateway, resolveHost } from '#model/build/host-resolution.ts';
import { httpAnswer } from '#model/build/http-answer.ts';
import { tcpRules, tlsRules } from '#model/build/virtual-service-l4.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Retries } from '#model/retry.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { HttpMatch, HttpRule, Rewrite, VirtualService, WeightedDestination } from '#model/virtual-service.ts';

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
    tls: tlsRules(spec.tls, context),
    tcp: tcpRules(spec.tcp, context),
    visibility: visibilityOf(spec.exportTo, namespace),
    origin: origins.start,
  };
}

function httpRule(route: HttpRoute, index: number, context: Context): HttpRule {
  const path = ['spec', 'http', index];
  const answer = httpAnswer(route);
  const timeoutMs = durationMs(route.timeout);
  const headers = messageHeaders(route.headers);
  const retries = buildRetries(route.retries);
  const rewrite = buildRewrite(route.rewrite);
  return {
    name: route.name ?? '',
    matches: (route.match ?? []).map((match, at) => httpMatch(match, [...path, 'match', at], context)),
    destinations: answer === undefined ? destinations(route, path, context) : [],
    ...(answer !== undefined && { answer }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(retries !== undefined && { retries }),
    ...(rewrite !== undefined && { rewrite }),
    ...(headers !== undefined && { headers }),
    origin: context.origins.at(path),
  };
}

function buildRetries(written: HttpRoute['retries']): Retries | undefined {
  if (written === undefined) return undefined;
  const perTryTimeoutMs = durationMs(written.perTryTimeout);
  const backoffMs = durationMs(written.backoff);
  return {
    attempts: written.attempts ?? 0,
    ...(written.retryOn !== undefined && written.retryOn !== '' && { retryOn: written.retryOn }),
    ...(perTryTimeoutMs !== undefined && { perTryTimeoutMs }),
    ...(backoffMs !== undefined && { backoffMs }),
    ...(written.retryIgnorePreviousHosts !== undefined && { ignorePreviousHosts: written.retryIgnorePreviousHosts }),
  };
}

function buildRewrite(written: HttpRoute['rewrite']): Rewrite | undefined {
  if (written === undefined) return undefined;
  const { uri = '', authority = '', uriRegexRewrite: regex } = written;
  return {
    ...(regex?.match !== undefined && { regex: { pattern: regex.match, replacement: regex.rewrite ?? '' } }),
    ...(regex?.match === undefined && uri !== '' && { path: uri }),
    ...(authority !== '' && { authority }),
  };
}

function durationMs(written: string | undefined): number | undefined {
  return written === undefined ? undefined : parseDurationMs(written);
}

/** A single destination has all the traffic whatever its weight. */
function destinations(
  route: HttpRoute,
  path: readonly (string | number)[],
  { namespace, settings, origins }: Context,
): readonly WeightedDestination[] {
  return (route.route ?? []).map(({ destination, weight, headers: written }, index, all) => {
    const place = [...path, 'route', index];
    const headers = messageHeaders(written);
    return {
      host: resolveHost(destination.host, namespace, settings.domain, origins.at([...place, 'destination', 'host'])),
      ...(destination.subset !== undefined && destination.subset !== '' && { subset: destination.subset }),
      ...(destination.port?.number !== undefined && { port: destination.port.number }),
      weight: all.length === 1 ? 100 : (weight ?? 0),
      ...(headers !== undefined && { headers }),
      origin: origins.at(place),
    };
  });
}

function httpMatch(match: HttpMatchRequest, path: readonly (string | number)[], { namespace, origins }: Context): HttpMatch {
  const { uri, method, scheme, authority } = match;
  return {
    name: match.name ?? '',
    ...(uri !== undefined && { uri: stringMatch(uri, match.ignoreUriCase === true) }),
    ...(method !== undefined && { method: stringMatch(method, false) }),
    ...(scheme !== undefined && { scheme: stringMatch(scheme, false) }),
    ...(authority !== undefined && { authority: stringMatch(authority, false) }),
    headers: namedMatches(match.headers, (name) => name.toLowerCase()),
    withoutHeaders: namedMatches(match.withoutHeaders, (name) => name.toLowerCase()),
    queryParameters: namedMatches(match.queryParams, (name) => name),
    ...(match.port !== undefined && { port: match.port }),
    ...(match.sourceLabels !== undefined && { sourceLabels: match.sourceLabels }),
    ...(match.sourceNamespace !== undefined && match.sourceNamespace !== '' && { sourceNamespace: match.sourceNamespace }),
    ...(match.gateways !== undefined &&
      match.gateways.length > 0 && { gateways: match.gateways.map((gateway) => resolveGateway(gateway, namespace)) }),
    origin: origins.at(path),
  };
}

/** By name, as their order means nothing. Header names are lower case on the wire of HTTP/2 and in Envoy's matchers. */
function namedMatches(written: Readonly<Record<string, WrittenMatch>> | undefined, nameOf: (name: string) => string): HttpMatch['headers'] {
  return Object.entries(written ?? {})
    .map(([name, match]) => ({ name: nameOf(name), match: stringMatch(match, false) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** None of exact, prefix and regex means: it is there. */
function stringMatch(match: WrittenMatch, ignoreCase: boolean): StringMatch {
  if (match.exact !== undefined) return ignoreCase ? { kind: 'exact', value: match.exact, ignoreCase } : { kind: 'exact', value: match.exact };
  if (match.prefix !== undefined) return ignoreCase ? { kind: 'prefix', value: match.prefix, ignoreCase } : { kind: 'prefix', value: match.prefix };
  return match.regex === undefined ? { kind: 'present' } : { kind: 'regex', value: match.regex };
}
