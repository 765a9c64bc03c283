// One match of a VirtualService as Envoy's RouteMatch. No match is a catch-all.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { assertNever } from '#base/assert-never.ts';
import { anyValue, listValue, metadataMatcher, stringValue } from '#compile/authorization-matcher.ts';
import { jwtFilter, payloadKey } from '#compile/jwt.ts';
import { stringMatcher } from '#compile/string-matcher.ts';
import { create } from '#envoy/create.ts';
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
  type RouteMatch,
  RouteMatchSchema,
} from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';
import type { MetadataMatcherSchema } from '#envoy/gen/envoy/type/matcher/v3/metadata_pb.js';
import { createShared } from '#envoy/shared-message.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { ClaimMatch, HttpMatch, NamedMatch, VirtualService } from '#model/virtual-service.ts';

/** The path specifier is the uri's, or the prefix `/`. Header matchers are sorted by name, as Istio's are. */
export function routeMatch(match: HttpMatch | undefined, semantics?: VirtualService['semantics']): RouteMatch {
  if (match === undefined) {
    catchAll ??= createShared(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } });
    return catchAll;
  }
  return create(RouteMatchSchema, {
    pathSpecifier: pathSpecifier(match.uri, match.isUriBySegment ?? semantics !== undefined),
    headers: headerMatchers(match),
    queryParameters: match.queryParameters.map(queryParameterMatcher),
    dynamicMetadata: (match.claims ?? []).map(claimMatcher),
    caseSensitive: !ignoresCase(match.uri),
  });
}

function headerMatchers(match: HttpMatch): HeaderMatcher[] {
  const pseudo = pseudoHeaders(match);
  if (match.headers.length + match.withoutHeaders.length + pseudo.length === 0) return [];
  const headers = [
    ...match.headers.map((header) => headerMatcher(header.name, header.match, false)),
    ...match.withoutHeaders.map((header) => headerMatcher(header.name, header.match, true)),
  ].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return [...headers, ...pseudo];
}

/** One for all: messages are never changed. */
let catchAll: RouteMatch | undefined;

/** Whether every request matches: then no later route of the list can be reached. Source: Istio, IsCatchAllRoute. */
export function isCatchAll(match: RouteMatch | undefined): boolean {
  if (match === undefined || match.headers.length > 0 || match.queryParameters.length > 0 || match.dynamicMetadata.length > 0) return false;
  const { pathSpecifier: path } = match;
  return (path.case === 'prefix' && path.value === '/') || (path.case === 'safeRegex' && path.value.regex === '.*');
}

/** The path as the name of a traced operation shows it: `/api/*`, `/exact`, or the expression. */
export function pathOfMatch(match: RouteMatch | undefined): string {
  const path = match?.pathSpecifier;
  if (path?.case === 'prefix') return `${path.value}*`;
  if (path?.case === 'path') return path.value;
  if (path?.case === 'safeRegex') return path.value.regex;
  return '/*';
}

const noMatchers: readonly HeaderMatcher[] = [];

function pseudoHeaders({ method, authority, scheme }: HttpMatch): readonly HeaderMatcher[] {
  if (method === undefined && authority === undefined && scheme === undefined) return noMatchers;
  const given: readonly (readonly [name: string, match: StringMatch | undefined])[] = [
    [':method', method],
    [':authority', authority],
    [':scheme', scheme],
  ];
  return given.flatMap(([name, match]) => (match === undefined ? [] : [headerMatcher(name, match, false)]));
}

/** A list matches where one of it does. Source: Istio, translateMetadataMatch and MetadataListMatcher. */
function claimMatcher({ path, match, isExcluded }: ClaimMatch): MessageInitShape<typeof MetadataMatcherSchema> {
  const pattern = stringMatcher(match);
  const text = pattern === undefined ? undefined : stringValue(pattern);
  const value = text === undefined ? { matchPattern: { case: 'presentMatch' as const, value: true } } : anyValue([listValue(text), text]);
  return { ...metadataMatcher(jwtFilter, [payloadKey, ...path], value), invert: isExcluded };
}

function queryParameterMatcher({ name, match }: NamedMatch): QueryParameterMatcher {
  const pattern = stringMatcher(match);
  return create(QueryParameterMatcherSchema, {
    name,
    queryParameterMatchSpecifier: pattern === undefined ? { case: 'presentMatch', value: true } : { case: 'stringMatch', value: pattern },
  });
}

type PathSpecifier = NonNullable<MessageInitShape<typeof RouteMatchSchema>['pathSpecifier']>;

/** `bySegment`: of an Ingress or the Gateway API, whose prefix `/a` is not one of `/ab`. Source: Istio, TranslateRouteMatch. */
function pathSpecifier(uri: StringMatch | undefined, bySegment: boolean): PathSpecifier {
  if (uri === undefined) return { case: 'prefix', value: '/' };
  switch (uri.kind) {
    case 'exact':
      return { case: 'path', value: uri.value };
    case 'prefix':
      if (bySegment && uri.value !== '/') return { case: 'pathSeparatedPrefix', value: uri.value.replace(/\/$/, '') };
      return { case: 'prefix', value: uri.value };
    case 'regex':
      return { case: 'safeRegex', value: { regex: uri.value } };
    case 'present':
      return { case: 'prefix', value: '/' };
    default:
      return assertNever(uri, 'uri match');
  }
}

function ignoresCase(uri: StringMatch | undefined): boolean {
  return uri !== undefined && (uri.kind === 'exact' || uri.kind === 'prefix') && uri.ignoreCase === true;
}

/** An inverted matcher holds when the header is missing, too (differs from Envoy's default, as Istio's withoutHeaders). */
function headerMatcher(name: string, match: StringMatch, invert: boolean): HeaderMatcher {
  const pattern = stringMatcher(match);
  if (pattern === undefined)
    return create(HeaderMatcherSchema, { name, headerMatchSpecifier: { case: 'presentMatch', value: true }, invertMatch: invert });
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: { case: 'stringMatch', value: pattern },
    invertMatch: invert,
    treatMissingHeaderAsEmpty: invert,
  });
}
