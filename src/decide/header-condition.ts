// Envoy's route HeaderMatcher, compiled. Used by routes, virtual clusters and RBAC.

import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { compileStringTest, containsTest, exactTest, prefixTest, quoted, regexTest, type StringTest, suffixTest } from '#decide/string-test.ts';
import type { RequestView } from '#decide/views.ts';
import type { HeaderMatcher } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/** Several fields of one name count as one, joined by ','. A missing header matches nothing but present_match, inverted or not. */
export function compileHeaderCondition(matcher: HeaderMatcher, field: string, problems: Problems): Condition {
  const name = matcher.name.toLowerCase();
  if (name === '') problems.report(`${field}.name`, 'a header name is required');
  const read = headerReader(name);
  const invert = matcher.invertMatch;
  const specifier = matcher.headerMatchSpecifier;
  const found = (request: RequestView) => describeFound(read(request));
  if (specifier.case === undefined || specifier.case === 'presentMatch') {
    // Treated as empty, a missing header is there.
    const present = (specifier.case === undefined ? true : specifier.value) !== invert;
    const always = matcher.treatMissingHeaderAsEmpty;
    return {
      text: `header ${name} ${present ? 'is present' : 'is absent'}`,
      holds: (request) => (always || read(request) !== undefined) === present,
      found,
    };
  }
  const test = valueTest(matcher, field, problems);
  const absent = matcher.treatMissingHeaderAsEmpty ? '' : undefined;
  return {
    text: `header ${name} ${invert ? `not: ${test.text}` : test.text}`,
    holds: (request) => {
      const value = read(request) ?? absent;
      return value !== undefined && test.matches(value) !== invert;
    },
    found,
  };
}

/** Pseudo headers are fields of the request; `host` is the authority. */
function headerReader(name: string): (request: RequestView) => string | undefined {
  switch (name) {
    case ':authority':
    case 'host':
      return (request) => request.authority;
    case ':path':
      return (request) => request.path;
    case ':method':
      return (request) => request.method;
    case ':scheme':
      return (request) => request.scheme;
    default:
      return (request) => request.header(name);
  }
}

function valueTest(matcher: HeaderMatcher, field: string, problems: Problems): StringTest {
  const specifier = matcher.headerMatchSpecifier;
  switch (specifier.case) {
    case 'exactMatch':
      // Envoy: an empty exact_match asks only for the header to be there.
      return specifier.value === '' ? { text: 'is present', matches: () => true } : exactTest(specifier.value);
    case 'safeRegexMatch':
      return regexTest(specifier.value.regex, `${field}.safe_regex_match.regex`, problems);
    case 'rangeMatch':
      return rangeTest(specifier.value.start, specifier.value.end);
    case 'prefixMatch':
      return prefixTest(specifier.value);
    case 'suffixMatch':
      return suffixTest(specifier.value);
    case 'containsMatch':
      return containsTest(specifier.value);
    case 'stringMatch':
      return compileStringTest(specifier.value, `${field}.string_match`, problems);
    case 'presentMatch':
    case undefined:
      throw new Error('presence is no test of a value');
  }
}

/** Half-open range of 64-bit integers, in decimal with an optional sign. */
function rangeTest(start: bigint, end: bigint): StringTest {
  return {
    text: `is a number from ${start} to below ${end}`,
    matches: (value) => {
      if (!/^\s*[-+]?\d{1,19}\s*$/.test(value)) return false;
      const number = BigInt(value.trim().replace(/^\+/, ''));
      return number >= start && number < end;
    },
  };
}

function describeFound(value: string | undefined): string {
  return value === undefined ? 'it is missing' : `it is ${quoted(value)}`;
}
