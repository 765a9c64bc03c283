// Envoy's route HeaderMatcher, compiled. Used by routes, virtual clusters and RBAC.

import type { Condition } from '#decide/condition.ts';
import type { Problems } from '#decide/config-error.ts';
import { headerValues } from '#decide/header-values.ts';
import { compileStringTest, containsTest, exactTest, prefixTest, quoted, regexTest, type StringTest, suffixTest } from '#decide/string-test.ts';
import type { RequestView } from '#decide/views.ts';
import type { HeaderMatcher } from '#envoy/gen/envoy/config/route/v3/route_components_pb.js';

/**
 * Of several fields of one name each is asked for itself: one that fits is enough, and what is inverted must fit none. A missing header matches nothing
 * but present_match, inverted or not. Source: Envoy, HeaderUtility::HeaderData, match_headers_individually.
 */
export function compileHeaderCondition(matcher: HeaderMatcher, field: string, problems: Problems): Condition {
  const name = matcher.name.toLowerCase();
  if (name === '') problems.report(`${field}.name`, 'a header name is required');
  const read = headerValues(name);
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
      if (value === undefined) return false;
      return (typeof value === 'string' ? test.matches(value) : value.some(test.matches)) !== invert;
    },
    found,
  };
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

function describeFound(value: string | readonly string[] | undefined): string {
  if (value === undefined) return 'it is missing';
  return `it is ${typeof value === 'string' ? quoted(value) : value.map(quoted).join(' and ')}`;
}
