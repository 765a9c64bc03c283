// What a RateLimit must say beyond its schema. A rule that could not be kept is refused with the resource: a limit that is not there would let
// everything pass.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { RateLimitSpec } from '#api/heddle/rate-limit.ts';
import { checkRegex } from '#api/regex.ts';
import { parseDurationMs } from '#base/duration.ts';

type Rule = NonNullable<RateLimitSpec['rules']>[number];

/** Envoy's shortest fill interval. */
const shortestMs = 50;

/** All broken rules, in the order of the limits. */
export function checkRateLimit({ spec }: { readonly spec: RateLimitSpec }): readonly Finding[] {
  const { rules = [], maxBodyBytes, maxHeaderKilobytes, targetRefs = [] } = spec;
  const empty = rules.length === 0 && maxBodyBytes === undefined && maxHeaderKilobytes === undefined;
  return [
    ...(empty ? [invalid(['spec'], 'key', 'a RateLimit needs rules, maxBodyBytes or maxHeaderKilobytes')] : []),
    ...targetRefs.flatMap(({ kind }, index) =>
      kind === 'Gateway' || kind === 'Service'
        ? []
        : [invalid(['spec', 'targetRefs', index, 'kind'], 'value', `a RateLimit cannot be for a ${kind}`, 'use Gateway or Service')],
    ),
    ...rules.flatMap((rule, index) => checkRule(rule, rules.slice(0, index), ['spec', 'rules', index])),
  ];
}

function checkRule({ name, by = [], limit, match }: Rule, earlier: readonly Rule[], path: Path): readonly Finding[] {
  const findings: Finding[] = [];
  if (earlier.some((other) => other.name === name)) findings.push(invalid([...path, 'name'], 'value', `the name ${name} is taken by another rule`));
  for (const [index, key] of by.entries()) {
    const at = [...path, 'by', index];
    if (Object.keys(key).length === 0) findings.push(invalid(at, 'key', 'by needs one of clientAddress, header and claim'));
    if (key.claim?.split('.').includes('') === true) {
      findings.push(
        invalid([...at, 'claim'], 'value', `${key.claim} is no path to a claim`, 'names with dots between them, such as sub or group.id'),
      );
    }
  }
  if (limit.per !== undefined && (parseDurationMs(limit.per) ?? 0) < shortestMs) {
    findings.push(invalid([...path, 'limit', 'per'], 'value', `${limit.per} is shorter than ${shortestMs}ms`));
  }
  return [...findings, ...checkPatterns(match ?? {}, [...path, 'match'])];
}

function checkPatterns({ uri, method, authority, headers = {}, queryParams = {} }: NonNullable<Rule['match']>, path: Path): readonly Finding[] {
  const named = (field: string, values: typeof headers) => Object.entries(values).map(([name, value]) => [[field, name], value] as const);
  const all = [
    [['uri'], uri] as const,
    [['method'], method] as const,
    [['authority'], authority] as const,
    ...named('headers', headers),
    ...named('queryParams', queryParams),
  ];
  return all.flatMap(([at, value]) => {
    const problem = value?.regex === undefined ? undefined : checkRegex(value.regex);
    return problem === undefined ? [] : [invalid([...path, ...at, 'regex'], 'value', `not a regular expression (RE2): ${problem}`)];
  });
}
