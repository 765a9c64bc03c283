// What the CRDs of the Gateway API's routes demand beyond their schema (their CEL rules): a route that breaks one is refused.
import { isIP } from 'node:net';
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { TcpRouteSpec, TlsRouteSpec } from '#api/gateway-api/connection-routes.ts';
import { checkFilters, replacesPrefix } from '#api/gateway-api/filter-rules.ts';
import type { GrpcRouteMatch, GrpcRouteSpec } from '#api/gateway-api/grpc-route.ts';
import { checkHeaderName } from '#api/gateway-api/header-rules.ts';
import type { HttpRouteMatch, HttpRouteRule, HttpRouteSpec } from '#api/gateway-api/http-route.ts';
import type { BackendReference, ParentReference } from '#api/gateway-api/references.ts';
import { checkRegex } from '#api/regex.ts';
import { parseDurationMs } from '#base/duration.ts';

export function checkHttpRoute({ spec }: { readonly spec: HttpRouteSpec }): readonly Finding[] {
  return [
    ...checkParents(spec.parentRefs),
    ...checkHostnames(spec.hostnames),
    ...checkMatchCount(spec.rules ?? []),
    ...(spec.rules ?? []).flatMap((rule, index) => checkHttpRule(rule, ['spec', 'rules', index])),
  ];
}

export function checkGrpcRoute({ spec }: { readonly spec: GrpcRouteSpec }): readonly Finding[] {
  return [
    ...checkParents(spec.parentRefs),
    ...checkHostnames(spec.hostnames),
    ...checkMatchCount(spec.rules ?? []),
    ...(spec.rules ?? []).flatMap(({ matches = [], filters = [], backendRefs = [] }, index) => {
      const path = ['spec', 'rules', index];
      return [
        ...matches.flatMap((match, at) => checkGrpcMatch(match, [...path, 'matches', at])),
        ...checkFilters(filters, [...path, 'filters']),
        ...checkBackends(backendRefs, [...path, 'backendRefs']),
      ];
    }),
  ];
}

export function checkConnectionRoute({ spec }: { readonly spec: TlsRouteSpec | TcpRouteSpec }): readonly Finding[] {
  return [
    ...checkParents(spec.parentRefs),
    ...checkHostnames('hostnames' in spec ? spec.hostnames : []),
    ...spec.rules.flatMap(({ backendRefs = [] }, index) => checkBackends(backendRefs, ['spec', 'rules', index, 'backendRefs'])),
  ];
}

/** Rules may be 16 and matches of each 64, but not all of them at once. */
function checkMatchCount(rules: readonly { readonly matches?: readonly unknown[] }[]): readonly Finding[] {
  const count = rules.reduce((sum, { matches = [] }) => sum + matches.length, 0);
  return count > 128 ? [invalid(['spec', 'rules'], 'key', `all rules together have ${count} matches, of at most 128`, 'make two routes of it')] : [];
}

/** The listener's rule for its hostname holds for those of routes. */
function checkHostnames(hostnames: readonly string[] = []): readonly Finding[] {
  return hostnames.flatMap((hostname, index) => {
    const path = ['spec', 'hostnames', index];
    if (isIP(hostname) !== 0) return [invalid(path, 'value', 'a hostname cannot be an IP address')];
    return hostname === '*' ? [invalid(path, 'value', 'a hostname cannot be * alone', 'leave it out: the route is then for all')] : [];
  });
}

/** Two references to one parent must be for different parts of it, and name them in one way, by sectionName or by port. */
function checkParents(parents: readonly ParentReference[] = []): readonly Finding[] {
  const whole = ({ group = 'gateway.networking.k8s.io', kind = 'Gateway', namespace = '', name }: ParentReference) =>
    `${group}/${kind}/${namespace}/${name}`;
  const part = ({ sectionName = '', port = 0 }: ParentReference) => `${sectionName}/${port}`;
  const shape = ({ sectionName = '', port = 0 }: ParentReference) => `${sectionName !== ''}/${port !== 0}`;
  return parents.flatMap((parent, index) => {
    const earlier = parents.slice(0, index).filter((other) => whole(other) === whole(parent));
    const isTaken = earlier.some((other) => part(other) === part(parent) || shape(other) !== shape(parent));
    if (!isTaken) return [];
    return [invalid(['spec', 'parentRefs', index], 'key', 'the same parent is named twice', 'give each its own sectionName or port, or keep one')];
  });
}

function checkHttpRule(rule: HttpRouteRule, path: Path): readonly Finding[] {
  const { matches = [], filters = [], backendRefs = [], timeouts } = rule;
  const redirectAt = filters.findIndex(({ requestRedirect }) => requestRedirect !== undefined);
  const redirects = redirectAt >= 0;
  const rewrites = filters.some(({ urlRewrite }) => urlRewrite !== undefined);
  const [only] = matches;
  const isOnePrefix = matches.length === 0 || (matches.length === 1 && (only?.path?.type ?? 'PathPrefix') === 'PathPrefix');
  const at = [...path, 'filters', Math.max(redirectAt, 0)];
  const requestMs = parseDurationMs(timeouts?.request ?? '') ?? 0;
  const backendMs = parseDurationMs(timeouts?.backendRequest ?? '') ?? 0;
  return [
    ...matches.flatMap((match, index) => checkHttpMatch(match, [...path, 'matches', index])),
    ...checkFilters(filters, [...path, 'filters']),
    ...checkBackends(backendRefs, [...path, 'backendRefs']),
    ...backendRefs.flatMap((backend, index) => checkFilters(backend.filters ?? [], [...path, 'backendRefs', index, 'filters'])),
    ...(redirects && rewrites ? [invalid(at, 'key', 'a rule cannot both redirect and rewrite', 'make two rules of them')] : []),
    ...(redirects && backendRefs.length > 0 ? [invalid(at, 'key', 'a rule that redirects cannot have backendRefs', 'leave them out')] : []),
    ...(replacesPrefix(filters) && !isOnePrefix
      ? [invalid([...path, 'filters'], 'key', 'replacePrefixMatch needs exactly one match, of type PathPrefix', 'make a rule of each match')]
      : []),
    ...(requestMs > 0 && backendMs > requestMs
      ? [invalid([...path, 'timeouts', 'backendRequest'], 'value', 'backendRequest cannot be longer than request')]
      : []),
  ];
}

const refusedInPath: readonly string[] = ['//', '/./', '/../', '%2f', '%2F', '#'];

function checkHttpMatch({ path: written, headers = [], queryParams = [] }: HttpRouteMatch, path: Path): readonly Finding[] {
  const at = [...path, 'path', 'value'];
  const { type = 'PathPrefix', value = '/' } = written ?? {};
  const ofPath =
    type === 'RegularExpression'
      ? checkExpression(value, at)
      : [
          ...(value.startsWith('/') ? [] : [invalid(at, 'value', `a path starts with /, which ${JSON.stringify(value)} does not`)]),
          ...refusedInPath.filter((part) => value.includes(part)).map((part) => invalid(at, 'value', `a path cannot contain ${part}`)),
          ...(/^(?:[-\w/.~!$&'()*+,;=:@]|%[\da-fA-F]{2})*$/.test(value)
            ? []
            : [invalid(at, 'value', `${JSON.stringify(value)} holds what a path cannot`, 'encode it: a blank is %20')]),
          ...(/\/\.\.?$/.test(value) ? [invalid(at, 'value', 'a path cannot end in /. or /..')] : []),
        ];
  return [...ofPath, ...checkNamed(headers, [...path, 'headers'], true), ...checkNamed(queryParams, [...path, 'queryParams'], false)];
}

type NamedMatch = { readonly type?: 'Exact' | 'RegularExpression'; readonly name: string; readonly value: string };

/** Of several conditions on one header only the first would count: the CRD refuses equal names, and so do we whatever their case. */
function checkNamed(matches: readonly NamedMatch[], path: Path, ignoresCase: boolean): readonly Finding[] {
  const nameOf = ({ name }: NamedMatch): string => (ignoresCase ? name.toLowerCase() : name);
  return matches.flatMap((match, index) => [
    ...(ignoresCase ? checkHeaderName(match.name, [...path, index, 'name']) : []),
    ...(match.type === 'RegularExpression' ? checkExpression(match.value, [...path, index, 'value']) : []),
    ...(matches.slice(0, index).some((other) => nameOf(other) === nameOf(match))
      ? [invalid([...path, index, 'name'], 'value', `${match.name} is already in another condition of this match`)]
      : []),
  ]);
}

function checkGrpcMatch({ method, headers = [] }: GrpcRouteMatch, path: Path): readonly Finding[] {
  const ofHeaders = checkNamed(headers, [...path, 'headers'], true);
  if (method === undefined) return ofHeaders;
  const at = [...path, 'method'];
  const { service = '', method: name = '', type = 'Exact' } = method;
  if (service === '' && name === '') return [invalid(at, 'key', 'one of service and method must be given'), ...ofHeaders];
  if (type === 'RegularExpression')
    return [...checkExpression(service, [...at, 'service']), ...checkExpression(name, [...at, 'method']), ...ofHeaders];
  return [
    ...(service === '' || /^(?:\w+\.)*\w+$/.test(service) ? [] : [invalid([...at, 'service'], 'value', `${service} is no name of a gRPC service`)]),
    ...(name === '' || /^\w+$/.test(name) ? [] : [invalid([...at, 'method'], 'value', `${name} is no name of a gRPC method`)]),
    ...ofHeaders,
  ];
}

/** A Service has ports, and which one is meant must be said. */
function checkBackends(backends: readonly BackendReference[], path: Path): readonly Finding[] {
  return backends.flatMap(({ group = '', kind = 'Service', port }, index) =>
    group === '' && kind === 'Service' && port === undefined
      ? [invalid([...path, index, 'port'], 'key', 'a reference to a Service needs its port', 'add port, such as port: 80')]
      : [],
  );
}

function checkExpression(pattern: string, path: Path): readonly Finding[] {
  const problem = checkRegex(pattern);
  if (problem === undefined) return [];
  const hint = 'the syntax is RE2: no lookahead, no lookbehind, no back reference';
  return [invalid(path, 'value', `no valid regular expression: ${problem}`, hint)];
}
