// What an expression must be for Envoy to take it. Source: Istio, validateStringRegexp.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import { checkRegex } from '#api/regex.ts';

const maxLength = 1024;

/** RE2's syntax, something, and not longer than Istio admits. `path` is the expression's own. */
export function checkExpression(regex: string | undefined, path: Path): readonly Finding[] {
  if (regex === undefined) return [];
  if (regex.length > maxLength) return [invalid(path, 'value', `the regular expression is longer than ${maxLength} characters`)];
  const problem = regex === '' ? 'it is empty' : checkRegex(regex);
  if (problem === undefined) return [];
  return [invalid(path, 'value', `no valid regular expression: ${problem}`, 'the syntax is RE2: no lookahead, no lookbehind, no back reference')];
}
