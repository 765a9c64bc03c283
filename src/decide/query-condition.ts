// Envoy's QueryParameterMatcher, compiled. Names and values are compared as sent, without percent-decoding; of several the first counts.

import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { compileStringTest, quoted } from '#decide/string-test.ts';
import type { QueryParameterMatcher } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

export function compileQueryCondition(matcher: QueryParameterMatcher, field: string, problems: Problems): Condition {
  const { name, queryParameterMatchSpecifier: specifier } = matcher;
  const found = (request: { readonly path: string }) => {
    const value = queryParameter(request.path, name);
    return value === undefined ? 'it is missing' : `it is ${quoted(value)}`;
  };
  if (specifier.case === 'stringMatch') {
    const test = compileStringTest(specifier.value, `${field}.string_match`, problems);
    const holds = (request: { readonly path: string }) => {
      const value = queryParameter(request.path, name);
      return value !== undefined && test.matches(value);
    };
    return { text: `query parameter ${name} ${test.text}`, holds, found };
  }
  const present = specifier.case === 'presentMatch' ? specifier.value : true;
  return {
    text: `query parameter ${name} ${present ? 'is present' : 'is absent'}`,
    holds: (request) => (queryParameter(request.path, name) !== undefined) === present,
    found,
  };
}

/** The first value of a parameter in a path with query; '' where it has no '='. */
export function queryParameter(path: string, name: string): string | undefined {
  let at = path.indexOf('?') + 1;
  if (at === 0) return undefined;
  while (at <= path.length) {
    let end = path.indexOf('&', at);
    if (end === -1) end = path.length;
    if (path.startsWith(name, at)) {
      const after = at + name.length;
      if (after === end) return '';
      if (after < end && path[after] === '=') return path.slice(after + 1, end);
    }
    at = end + 1;
  }
  return undefined;
}
