// The matches of an HTTP rule with gateways resolved, header names in lower case and everything in the order of names.

import { claimPath } from '#api/istio/jwt-claim.ts';
import type { HttpMatchRequest, StringMatch as WrittenMatch } from '#api/istio/virtual-service.ts';
import { resolveGateway } from '#model/build/host-resolution.ts';
import type { RuleContext, RulePath } from '#model/build/rule-context.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { ClaimMatch, HttpMatch, NamedMatch } from '#model/virtual-service.ts';

export function httpMatch(match: HttpMatchRequest, path: RulePath, { namespace, origins }: RuleContext): HttpMatch {
  const { uri, method, scheme, authority, statPrefix = '', gateways = [], sourceNamespace = '' } = match;
  const headers = Object.entries(match.headers ?? {});
  const withoutHeaders = Object.entries(match.withoutHeaders ?? {});
  const claims = [...claimMatches(headers, false), ...claimMatches(withoutHeaders, true)];
  return {
    name: match.name ?? '',
    ...(statPrefix !== '' && { statPrefix }),
    ...(uri !== undefined && { uri: stringMatch(uri, match.ignoreUriCase === true) }),
    ...(method !== undefined && { method: stringMatch(method, false) }),
    ...(scheme !== undefined && { scheme: stringMatch(scheme, false) }),
    ...(authority !== undefined && { authority: stringMatch(authority, false) }),
    headers: namedMatches(withoutClaims(headers), (name) => name.toLowerCase()),
    withoutHeaders: namedMatches(withoutClaims(withoutHeaders), (name) => name.toLowerCase()),
    queryParameters: namedMatches(Object.entries(match.queryParams ?? {}), (name) => name),
    ...(claims.length > 0 && { claims }),
    ...(match.port !== undefined && { port: match.port }),
    ...(match.sourceLabels !== undefined && { sourceLabels: match.sourceLabels }),
    ...(sourceNamespace !== '' && { sourceNamespace }),
    ...(gateways.length > 0 && { gateways: gateways.map((gateway) => resolveGateway(gateway, namespace)) }),
    origin: origins.at(path),
  };
}

type Written = readonly (readonly [name: string, match: WrittenMatch])[];

function withoutClaims(written: Written): Written {
  return written.filter(([name]) => claimPath(name) === undefined);
}

function claimMatches(written: Written, isExcluded: boolean): readonly ClaimMatch[] {
  const claims = written.filter(([name]) => claimPath(name) !== undefined);
  return namedMatches(claims, (name) => name).map((one) => ({ ...one, path: claimPath(one.name) ?? [], isExcluded }));
}

/** By name, as their order means nothing. Header names are lower case on the wire of HTTP/2 and in Envoy's matchers. */
function namedMatches(written: Written, nameOf: (name: string) => string): readonly NamedMatch[] {
  return written.map(([name, match]) => ({ name: nameOf(name), match: stringMatch(match, false) })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** None of exact, prefix and regex means: it is there. */
export function stringMatch(match: WrittenMatch, ignoreCase: boolean): StringMatch {
  if (match.exact !== undefined) return ignoreCase ? { kind: 'exact', value: match.exact, ignoreCase } : { kind: 'exact', value: match.exact };
  if (match.prefix !== undefined) return ignoreCase ? { kind: 'prefix', value: match.prefix, ignoreCase } : { kind: 'prefix', value: match.prefix };
  return match.regex === undefined ? { kind: 'present' } : { kind: 'regex', value: match.regex };
}
