// Envoy's StringMatcher (type/matcher/v3), compiled: one function that applies it and one text that names it.

import type { Problems } from '#decide/config-error.ts';
import { compileRegex } from '#decide/regex.ts';
import type { StringMatcher } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';

/** `text` reads after a subject: `is jason`, `begins with /api/`. */
export type StringTest = { readonly text: string; readonly matches: (value: string) => boolean };

const never: StringTest = { text: 'is invalid', matches: () => false };

/** Compiles the matcher at `field`; what is wrong goes to `problems` (and the test then matches nothing). */
export function compileStringTest(matcher: StringMatcher | undefined, field: string, problems: Problems): StringTest {
  if (matcher === undefined) return invalid(field, 'a string matcher is required', problems);
  const { matchPattern: pattern, ignoreCase } = matcher;
  switch (pattern.case) {
    case 'exact':
      return exactTest(pattern.value, ignoreCase);
    case 'prefix':
      return prefixTest(pattern.value, ignoreCase);
    case 'suffix':
      return suffixTest(pattern.value, ignoreCase);
    case 'contains':
      return containsTest(pattern.value, ignoreCase);
    case 'safeRegex':
      // ignore_case has no effect on regular expressions (StringMatcher.ignore_case).
      return regexTest(pattern.value.regex, `${field}.safe_regex.regex`, problems);
    case 'custom':
      return invalid(`${field}.custom`, 'custom string matchers are not supported', problems);
    case undefined:
      return invalid(field, 'one of exact, prefix, suffix, contains, safe_regex is required', problems);
  }
}

function invalid(field: string, message: string, problems: Problems): StringTest {
  problems.report(field, message);
  return never;
}

export function exactTest(value: string, ignoreCase = false): StringTest {
  if (!ignoreCase) return { text: `is ${quoted(value)}`, matches: (found) => found === value };
  const lower = value.toLowerCase();
  return { text: `is ${quoted(value)} in any case`, matches: (found) => found.toLowerCase() === lower };
}

export function prefixTest(value: string, ignoreCase = false): StringTest {
  if (!ignoreCase) return { text: `begins with ${quoted(value)}`, matches: (found) => found.startsWith(value) };
  const lower = value.toLowerCase();
  return { text: `begins with ${quoted(value)} in any case`, matches: (found) => found.toLowerCase().startsWith(lower) };
}

export function suffixTest(value: string, ignoreCase = false): StringTest {
  if (!ignoreCase) return { text: `ends with ${quoted(value)}`, matches: (found) => found.endsWith(value) };
  const lower = value.toLowerCase();
  return { text: `ends with ${quoted(value)} in any case`, matches: (found) => found.toLowerCase().endsWith(lower) };
}

export function containsTest(value: string, ignoreCase = false): StringTest {
  if (!ignoreCase) return { text: `contains ${quoted(value)}`, matches: (found) => found.includes(value) };
  const lower = value.toLowerCase();
  return { text: `contains ${quoted(value)} in any case`, matches: (found) => found.toLowerCase().includes(lower) };
}

export function regexTest(source: string, field: string, problems: Problems): StringTest {
  const regex = compileRegex(source);
  if (!regex.ok) return invalid(field, `not an RE2 expression: ${regex.error}`, problems);
  return { text: `matches ${source}`, matches: regex.value.matches };
}

/** Text as it is, in quotes where it would otherwise be unreadable. */
export function quoted(value: string): string {
  return value === '' || /[\s"]/.test(value) ? JSON.stringify(value) : value;
}
