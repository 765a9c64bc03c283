// What Istio demands of a VirtualService beyond its schema, as its webhook does: a resource that breaks a rule is refused. Source: Istio,
// ValidateVirtualService. Takes a spec that fits the schema; paths are those of the resource.

import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { HttpMatchRequest, HttpRoute, StringMatch, VirtualServiceSpec } from '#api/istio/virtual-service.ts';
import { checkConnectionRules } from '#api/istio/virtual-service-l4-rules.ts';
import { checkRegex } from '#api/regex.ts';

/** All broken rules, in the order of the fields. */
export function checkVirtualService({ spec }: { readonly spec: VirtualServiceSpec }): readonly Finding[] {
  const { hosts = [], http = [], tcp = [], tls = [] } = spec;
  const isDelegate = hosts.length === 0;
  return [
    ...(isDelegate ? checkDelegate(spec) : checkHosts(spec)),
    ...(http.length + tcp.length + tls.length === 0 ? [invalid(['spec'], 'key', 'a VirtualService needs rules: http, tcp or tls')] : []),
    ...http.flatMap((route, index) => checkHttpRoute(route, isDelegate, ['spec', 'http', index])),
    ...checkConnectionRules(spec),
    ...(['tcp', 'tls'] as const).flatMap((protocol) =>
      (spec[protocol] ?? []).flatMap(({ route = [] }, index) => checkDestinations(route, ['spec', protocol, index, 'route'])),
    ),
  ];
}

/** Without hosts it is a delegate: another VirtualService refers to it. */
function checkDelegate({ gateways = [], tcp = [], tls = [] }: VirtualServiceSpec): readonly Finding[] {
  const found = { gateways, tcp, tls };
  return (['gateways', 'tcp', 'tls'] as const)
    .filter((field) => found[field].length > 0)
    .map((field) => invalid(['spec', field], 'key', `a VirtualService without hosts is a delegate and may not have ${field}`, 'add hosts'));
}

function checkHosts({ hosts = [], gateways = [] }: VirtualServiceSpec): readonly Finding[] {
  const isForMesh = gateways.length === 0 || gateways.includes('mesh');
  return hosts.flatMap((host, index) => {
    const path = ['spec', 'hosts', index];
    if (host === '*' && isForMesh) return [invalid(path, 'value', 'the host * is for gateways only, not for calls inside the mesh')];
    const earlier = hosts.slice(0, index).find((other) => overlap(other, host));
    return earlier === undefined ? [] : [invalid(path, 'value', `host ${host} is already covered by ${earlier}`, 'keep one of them')];
  });
}

function overlap(a: string, b: string): boolean {
  if (a === b || a === '*' || b === '*') return true;
  if (a.startsWith('*') && b.startsWith('*')) return a.endsWith(b.slice(1)) || b.endsWith(a.slice(1));
  if (a.startsWith('*')) return b.endsWith(a.slice(1));
  return b.startsWith('*') && a.endsWith(b.slice(1));
}

function checkHttpRoute(route: HttpRoute, isDelegate: boolean, path: Path): readonly Finding[] {
  return [
    ...checkAction(route, isDelegate, path),
    ...(route.match ?? []).flatMap((match, index) => checkMatch(match, [...path, 'match', index])),
    ...checkDestinations(route.route ?? [], [...path, 'route']),
    ...(route.mirror !== undefined && (route.mirrors ?? []).length > 0
      ? [invalid([...path, 'mirrors'], 'key', 'only one of mirror and mirrors may be set', 'keep mirrors')]
      : []),
  ];
}

/** Exactly one of route, redirect, directResponse and delegate says what happens to a request. */
function checkAction(route: HttpRoute, isDelegate: boolean, path: Path): readonly Finding[] {
  if (route.delegate !== undefined) {
    if (isDelegate) return [invalid([...path, 'delegate'], 'key', 'a delegate cannot have a delegate of its own')];
    return excluded(route, 'delegate', ['route', 'redirect'], path);
  }
  if (route.redirect !== undefined) return excluded(route, 'redirect', ['route', 'fault', 'rewrite', 'directResponse'], path);
  if (route.directResponse !== undefined) return excluded(route, 'directResponse', ['route', 'fault', 'rewrite'], path);
  if ((route.route ?? []).length > 0) return [];
  return [invalid([...path, 'route'], 'key', 'the rule says nothing about where requests go', 'add route, redirect or directResponse')];
}

function excluded(
  route: HttpRoute,
  action: string,
  others: readonly ('route' | 'redirect' | 'fault' | 'rewrite' | 'directResponse')[],
  path: Path,
): readonly Finding[] {
  return others
    .filter((field) => route[field] !== undefined)
    .map((field) => invalid([...path, field], 'key', `${field} cannot stand beside ${action} in one rule`, 'make two rules of them'));
}

function checkDestinations(
  route: readonly { readonly weight?: number; readonly destination: { readonly host: string } }[],
  path: Path,
): readonly Finding[] {
  const total = route.reduce((sum, { weight = 0 }) => sum + weight, 0);
  const hint = 'give each destination its share, such as weight: 90 and weight: 10';
  return [
    ...(route.length > 1 && total === 0 ? [invalid([...path, 0, 'weight'], 'key', 'the weights of all destinations add up to 0', hint)] : []),
    ...route.flatMap(({ destination }, index) =>
      destination.host === '*' ? [invalid([...path, index, 'destination', 'host'], 'value', 'a destination must name a host, not *')] : [],
    ),
  ];
}

function checkMatch(match: HttpMatchRequest, path: Path): readonly Finding[] {
  const { uri, scheme, method, authority } = match;
  return [
    // An empty prefix of a path is meant: it matches everything.
    ...checkStringMatch(uri, true, [...path, 'uri']),
    ...checkStringMatch(scheme, false, [...path, 'scheme']),
    ...checkStringMatch(method, false, [...path, 'method']),
    ...checkStringMatch(authority, false, [...path, 'authority']),
    ...(['headers', 'withoutHeaders', 'queryParams'] as const).flatMap((field) =>
      Object.entries(match[field] ?? {}).flatMap(([name, value]) => checkHeaderMatch(value, field, [...path, field, name])),
    ),
  ];
}

/** In withoutHeaders the regex * stands for "present". */
function checkHeaderMatch(match: StringMatch, field: string, path: Path): readonly Finding[] {
  return field === 'withoutHeaders' && match.regex === '*' ? [] : checkStringMatch(match, false, path);
}

function checkStringMatch(match: StringMatch | undefined, mayBeEmpty: boolean, path: Path): readonly Finding[] {
  if (match?.prefix === '' && !mayBeEmpty)
    return [invalid([...path, 'prefix'], 'value', 'an empty prefix matches everything: leave the condition out')];
  if (match?.regex === undefined) return [];
  const problem = match.regex === '' ? 'it is empty' : checkRegex(match.regex);
  if (problem === undefined) return [];
  return [
    invalid(
      [...path, 'regex'],
      'value',
      `no valid regular expression: ${problem}`,
      'the syntax is RE2: no lookahead, no lookbehind, no back reference',
    ),
  ];
}
