// Envoy's RegexMatchAndSubstitute, compiled and checked.
import type { Problems } from '#decide/config-error.ts';
import { compileRegex, type Regex, substitutionError } from '#decide/regex.ts';
import type { RegexMatchAndSubstitute } from '#envoy/gen/envoy/type/matcher/v3/regex_pb.js';

const neverRegex: Regex = { source: '', engine: 'native', matches: () => false, replaceAll: (text) => text };

export function compileSubstitution(rewrite: RegexMatchAndSubstitute, field: string, problems: Problems): { pattern: Regex; substitution: string } {
  const { substitution } = rewrite;
  const pattern = compileRegex(rewrite.pattern?.regex ?? '');
  if (!pattern.ok) {
    problems.report(`${field}.pattern.regex`, `not an RE2 expression: ${pattern.error}`);
    return { pattern: neverRegex, substitution };
  }
  const wrong = substitutionError(pattern.value.source, substitution);
  if (wrong !== undefined) problems.report(`${field}.substitution`, wrong);
  return { pattern: pattern.value, substitution };
}
