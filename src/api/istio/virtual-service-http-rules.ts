// What Istio demands of one http rule of a VirtualService beyond its schema, as its webhook does. Source: Istio, validateHTTPRoute.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { checkHeaderChanges, headerName } from '#api/istio/header-rules.ts';
import { checkDirectResponse, checkRedirect, checkRewrite } from '#api/istio/http-answer-rules.ts';
import { checkCors, checkFault, checkRetries } from '#api/istio/http-policy-rules.ts';
import { claimPath } from '#api/istio/jwt-claim.ts';
import { checkExpression } from '#api/istio/regex-rules.ts';
import type { HttpMatchRequest, HttpRoute, StringMatch } from '#api/istio/virtual-service.ts';

/** `isDelegate`: of a VirtualService without hosts; `isForGateways`: of one that does not act inside the mesh. */
export type RuleOwner = { readonly isDelegate: boolean; readonly isForGateways: boolean };

export function checkHttpRoute(route: HttpRoute, owner: RuleOwner, path: Path): readonly Finding[] {
  const { match = [], headers, rewrite } = route;
  return [
    ...checkAction(route, owner, path),
    ...match.flatMap((each, index) => checkMatch(each, owner, [...path, 'match', index])),
    ...(headers === undefined ? [] : checkHeaderChanges(headers, [...path, 'headers'], rewrite?.authority)),
    ...(route.route ?? []).flatMap(({ headers: own }, index) =>
      own === undefined ? [] : checkHeaderChanges(own, [...path, 'route', index, 'headers'], undefined),
    ),
    ...(route.corsPolicy === undefined ? [] : checkCors(route.corsPolicy, [...path, 'corsPolicy'])),
    ...(route.fault === undefined ? [] : checkFault(route.fault, [...path, 'fault'])),
    ...(route.redirect === undefined ? [] : checkRedirect(route.redirect, match, [...path, 'redirect'])),
    ...(route.directResponse === undefined ? [] : checkDirectResponse(route.directResponse, [...path, 'directResponse'])),
    ...(route.retries === undefined ? [] : checkRetries(route.retries, [...path, 'retries'])),
    ...(rewrite === undefined ? [] : checkRewrite(rewrite, [...path, 'rewrite'])),
    ...(route.mirror !== undefined && (route.mirrors ?? []).length > 0
      ? [invalid([...path, 'mirrors'], 'key', 'only one of mirror and mirrors may be set', 'keep mirrors')]
      : []),
  ];
}

/** Exactly one of route, redirect, directResponse and delegate says what happens to a request. */
function checkAction(route: HttpRoute, { isDelegate }: RuleOwner, path: Path): readonly Finding[] {
  if (route.delegate !== undefined) {
    const hint = 'let the VirtualService with the hosts delegate to both';
    if (isDelegate) return [invalid([...path, 'delegate'], 'key', 'a delegate cannot have a delegate of its own', hint)];
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

function checkMatch(match: HttpMatchRequest, owner: RuleOwner, path: Path): readonly Finding[] {
  const { uri, scheme, method, authority } = match;
  return [
    // An empty prefix of a path is meant: it matches everything.
    ...checkExpression(uri?.regex, [...path, 'uri', 'regex']),
    ...checkStringMatch(scheme, [...path, 'scheme']),
    ...checkStringMatch(method, [...path, 'method']),
    ...checkStringMatch(authority, [...path, 'authority']),
    ...(['headers', 'withoutHeaders', 'queryParams'] as const).flatMap((field) =>
      Object.entries(match[field] ?? {}).flatMap(([name, value]) => checkNamed(name, value, field, owner, [...path, field, name])),
    ),
  ];
}

function checkNamed(name: string, match: StringMatch, field: string, owner: RuleOwner, path: Path): readonly Finding[] {
  // In withoutHeaders the expression * stands for "present".
  const ofValue = field === 'withoutHeaders' && match.regex === '*' ? [] : checkStringMatch(match, path);
  return field === 'queryParams' ? ofValue : [...checkMatchedName(name, owner, path), ...ofValue];
}

function checkMatchedName(name: string, { isForGateways, isDelegate }: RuleOwner, path: Path): readonly Finding[] {
  if (claimPath(name) !== undefined) {
    if (isForGateways || isDelegate) return [];
    return [invalid(path, 'key', 'claims of a JWT can only be asked for at gateways', 'name gateways, and not mesh, in spec.gateways')];
  }
  if (pseudoHeaders.has(name)) return [];
  return headerName.test(name) ? [] : [invalid(path, 'key', `${JSON.stringify(name)} is no name of a header`)];
}

const pseudoHeaders: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path', ':status']);

function checkStringMatch(match: StringMatch | undefined, path: Path): readonly Finding[] {
  if (match?.prefix === '') return [invalid([...path, 'prefix'], 'value', 'an empty prefix matches everything: leave the condition out')];
  return checkExpression(match?.regex, [...path, 'regex']);
}
