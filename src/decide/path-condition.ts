// The path part of Envoy's RouteMatch, compiled. Prefix, path and safe_regex see the path without query and fragment.

import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { quoted, regexTest } from '#decide/string-test.ts';
import type { RequestView } from '#decide/views.ts';
import type { RouteMatch } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/** How the route asks for a path: what an index needs to know about it. `fold`: case does not matter, `value` is in lower case. */
export type PathTest =
  | { readonly kind: 'exact' | 'prefix' | 'separated-prefix'; readonly value: string; readonly fold: boolean }
  /** Only trying tells. */
  | { readonly kind: 'regex'; readonly source: string; readonly matches: (path: string) => boolean }
  | { readonly kind: 'connect' };

export function compilePathTest(match: RouteMatch, field: string, problems: Problems): PathTest {
  const fold = match.caseSensitive === false;
  const specifier = match.pathSpecifier;
  switch (specifier.case) {
    case 'prefix':
      return { kind: 'prefix', value: folded(specifier.value, fold), fold };
    case 'path':
      return { kind: 'exact', value: folded(specifier.value, fold), fold };
    case 'pathSeparatedPrefix':
      if (!/^[^?#]+[^?#/]$/.test(specifier.value)) problems.report(`${field}.path_separated_prefix`, 'must not end in / nor hold ? or #');
      return { kind: 'separated-prefix', value: folded(specifier.value, fold), fold };
    case 'safeRegex': {
      const test = regexTest(specifier.value.regex, `${field}.safe_regex.regex`, problems);
      return { kind: 'regex', source: specifier.value.regex, matches: test.matches };
    }
    case 'connectMatcher':
      return { kind: 'connect' };
    case 'pathMatchPolicy':
    case undefined:
      problems.report(field, 'one of prefix, path, safe_regex, path_separated_prefix, connect_matcher is required');
      return { kind: 'connect' };
  }
}

function folded(value: string, fold: boolean): string {
  return fold ? value.toLowerCase() : value;
}

/** Path without query and fragment. */
export function pathOnly(path: string): string {
  const query = path.indexOf('?');
  const fragment = path.indexOf('#');
  if (query === -1) return fragment === -1 ? path : path.slice(0, fragment);
  return path.slice(0, fragment === -1 || query < fragment ? query : fragment);
}

/** `path` is without query. */
export function pathMatches(test: PathTest, path: string, method: string): boolean {
  switch (test.kind) {
    case 'exact':
      return (test.fold ? path.toLowerCase() : path) === test.value;
    case 'prefix':
      return (test.fold ? path.toLowerCase() : path).startsWith(test.value);
    case 'separated-prefix': {
      const end = path.length === test.value.length || path[test.value.length] === '/';
      return end && (test.fold ? path.toLowerCase() : path).startsWith(test.value);
    }
    case 'regex':
      return test.matches(path);
    case 'connect':
      return method === 'CONNECT';
  }
}

/** The printed form of a path test and the test itself, from one value. */
export function pathCondition(test: PathTest): Condition {
  return {
    text: describe(test),
    holds: (request) => pathMatches(test, pathOnly(request.path), request.method),
    found: (request: RequestView) => (test.kind === 'connect' ? `method is ${request.method}` : `path is ${pathOnly(request.path)}`),
  };
}

function describe(test: PathTest): string {
  const anyCase = test.kind !== 'regex' && test.kind !== 'connect' && test.fold ? ' in any case' : '';
  switch (test.kind) {
    case 'exact':
      return `path ${quoted(test.value)}${anyCase}`;
    case 'prefix':
      return `prefix ${quoted(test.value)}${anyCase}`;
    case 'separated-prefix':
      return `path or folder ${quoted(test.value)}${anyCase}`;
    case 'regex':
      return `regex ${test.source}`;
    case 'connect':
      return 'method CONNECT';
  }
}
