// Matches of HTTPRoute and GRPCRoute as the model's, and the order in which they are tried.
import type { GrpcRouteMatch } from '#api/gateway-api/grpc-route.ts';
import type { HttpRouteMatch } from '#api/gateway-api/http-route.ts';
import type { Origin } from '#base/origin.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { HttpMatch, HttpRule, NamedMatch } from '#model/virtual-service.ts';

const everything: Omit<HttpMatch, 'origin'> = { name: '', headers: [], withoutHeaders: [], queryParameters: [] };

/** No match is every path. */
export function httpMatch(match: HttpRouteMatch | undefined, origin: Origin): HttpMatch {
  const { path, method, headers = [], queryParams = [] } = match ?? {};
  const uri = uriMatch(path);
  return {
    ...everything,
    ...(uri !== undefined && { uri, isUriBySegment: true }),
    ...(method !== undefined && { method: { kind: 'exact', value: method } }),
    headers: namedMatches(headers.map(({ name, ...rest }) => ({ name: name.toLowerCase(), ...rest }))),
    queryParameters: namedMatches(queryParams),
    origin,
  };
}

/** A prefix counts by segments, so that a slash at its end means nothing; `/` is every path. */
function uriMatch(path: HttpRouteMatch['path']): StringMatch | undefined {
  const { type = 'PathPrefix', value = '/' } = path ?? {};
  if (type === 'Exact') return { kind: 'exact', value };
  if (type === 'RegularExpression') return { kind: 'regex', value };
  const prefix = value.replace(/\/+$/, '');
  return prefix === '' ? undefined : { kind: 'prefix', value: prefix };
}

/** gRPC's path is `/service/method`. */
export function grpcMatch(match: GrpcRouteMatch | undefined, origin: Origin): HttpMatch {
  const { method, headers = [] } = match ?? {};
  const uri = grpcUri(method);
  return {
    ...everything,
    ...(uri !== undefined && { uri, isUriBySegment: true }),
    headers: namedMatches(headers.map(({ name, ...rest }) => ({ name: name.toLowerCase(), ...rest }))),
    origin,
  };
}

function grpcUri(written: GrpcRouteMatch['method']): StringMatch | undefined {
  if (written === undefined) return undefined;
  const { type = 'Exact', service = '', method = '' } = written;
  if (type === 'RegularExpression') return { kind: 'regex', value: `/${service === '' ? anyPart : service}/${method === '' ? anyPart : method}` };
  if (service === '') return { kind: 'regex', value: `/${anyPart}/${method}` };
  return method === '' ? { kind: 'prefix', value: `/${service}` } : { kind: 'exact', value: `/${service}/${method}` };
}

const anyPart = '[^/]+';

type WrittenNamed = { readonly type?: 'Exact' | 'RegularExpression'; readonly name: string; readonly value: string };

function namedMatches(written: readonly WrittenNamed[]): readonly NamedMatch[] {
  return written
    .map(({ name, type = 'Exact', value }): NamedMatch => ({ name, match: { kind: type === 'Exact' ? 'exact' : 'regex', value } }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The rules of all routes of one host in the order in which they are tried: exact paths, then prefixes, then expressions; the longer path;
 * those with a method; more headers; more query parameters. Equal ones keep their order, which must be that of their routes (older, then by
 * name) and in them. Source: Gateway API, HTTPRouteRule.matches; expressions last as in Istio, sortHTTPRoutes.
 */
export function inOrderOfMatches(rules: readonly HttpRule[]): readonly HttpRule[] {
  return rules
    .map((rule) => ({ rule, weights: weightsOf(rule) }))
    .sort((a, b) => compareWeights(a.weights, b.weights))
    .map(({ rule }) => rule);
}

function compareWeights(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length; index++) {
    const difference = (b[index] ?? 0) - (a[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A rule of these routes has one match. */
function weightsOf({ matches }: HttpRule): readonly number[] {
  const [match] = matches;
  if (match === undefined) return [2, 1, 0, 0, 0];
  const { uri, method, headers, queryParameters } = match;
  return [rankOf(uri), lengthOf(uri), method === undefined ? 0 : 1, headers.length, queryParameters.length];
}

function rankOf(uri: StringMatch | undefined): number {
  return uri?.kind === 'exact' ? 3 : uri?.kind === 'regex' ? 1 : 2;
}

function lengthOf(uri: StringMatch | undefined): number {
  return uri === undefined || uri.kind === 'present' ? 1 : uri.value.length;
}
