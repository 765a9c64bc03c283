// What a subject must have for a rule to match: in one of several respects (path, a header, the client's name, an address …) a value that fits one
// of a few patterns. Each respect is a necessary condition of its own; the index picks the one that tells policies apart best.
import type { IpAddress, IpRange } from '#base/cidr.ts';
import type { RbacSubject } from '#decide/rbac-subject.ts';
import type { StringMatcher } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';

/** A text or several of which one must fit; undefined: there is none, and nothing fits. `id` tells respects apart. */
export type TextRespect = {
  readonly kind: 'text';
  readonly id: string;
  readonly read: (subject: RbacSubject) => string | readonly string[] | undefined;
};
export type AddressRespect = { readonly kind: 'address'; readonly id: string; readonly read: (subject: RbacSubject) => IpAddress | undefined };

export type TextPattern = { readonly kind: 'exact' | 'prefix' | 'suffix'; readonly text: string };

export type KeysOf =
  | { readonly respect: TextRespect; readonly patterns: readonly TextPattern[] }
  | { readonly respect: AddressRespect; readonly ranges: readonly IpRange[] };

/** By the respect's id. Empty: nothing is known. `never`: nothing can match. */
export type RuleKeys = { readonly never: boolean; readonly byRespect: ReadonlyMap<string, KeysOf> };

export const noKeys: RuleKeys = { never: false, byRespect: new Map() };
export const impossible: RuleKeys = { never: true, byRespect: new Map() };

export function textKeys(respect: TextRespect, patterns: readonly TextPattern[] | undefined): RuleKeys {
  return patterns === undefined ? noKeys : { never: false, byRespect: new Map([[respect.id, { respect, patterns }]]) };
}

export function addressKeys(respect: AddressRespect, range: IpRange): RuleKeys {
  return { never: false, byRespect: new Map([[respect.id, { respect, ranges: [range] }]]) };
}

/** All of the rules must match, so each key of each of them is necessary; of two in one respect the one with fewer patterns is. */
export function allKeys(rules: readonly RuleKeys[]): RuleKeys {
  if (rules.some(({ never }) => never)) return impossible;
  const byRespect = new Map<string, KeysOf>();
  for (const rule of rules) {
    for (const [id, keys] of rule.byRespect) {
      const known = byRespect.get(id);
      if (known === undefined || sizeOf(keys) < sizeOf(known)) byRespect.set(id, keys);
    }
  }
  return { never: false, byRespect };
}

/** One of the rules must match: only what all of them ask for is necessary. */
export function anyKeys(rules: readonly RuleKeys[]): RuleKeys {
  const [first, ...others] = rules.filter(({ never }) => !never);
  if (first === undefined) return impossible;
  const byRespect = new Map<string, KeysOf>();
  for (const [id, keys] of first.byRespect) {
    const joined = others.reduce<KeysOf | undefined>((sum, { byRespect: more }) => joinKeys(sum, more.get(id)), keys);
    if (joined !== undefined) byRespect.set(id, joined);
  }
  return { never: false, byRespect };
}

function joinKeys(one: KeysOf | undefined, other: KeysOf | undefined): KeysOf | undefined {
  if (one === undefined || other === undefined) return undefined;
  if ('patterns' in one) return 'patterns' in other ? { respect: one.respect, patterns: [...one.patterns, ...other.patterns] } : undefined;
  return 'ranges' in other ? { respect: one.respect, ranges: [...one.ranges, ...other.ranges] } : undefined;
}

export function sizeOf(keys: KeysOf): number {
  return 'patterns' in keys ? keys.patterns.length : keys.ranges.length;
}

/** What texts that a matcher takes look like; undefined: anything. Where `fold`, they are compared in lower case. */
export function patternsOf(matcher: StringMatcher | undefined): { readonly patterns: readonly TextPattern[]; readonly fold: boolean } | undefined {
  if (matcher === undefined) return undefined;
  const { matchPattern: pattern, ignoreCase } = matcher;
  switch (pattern.case) {
    case 'exact':
    case 'prefix':
    case 'suffix': {
      if (pattern.value === '' && pattern.case !== 'exact') return undefined;
      // Lower case of what is beyond ASCII may be of another length.
      if (ignoreCase && !/^[\0-\x7f]*$/.test(pattern.value)) return undefined;
      return { patterns: [{ kind: pattern.case, text: ignoreCase ? pattern.value.toLowerCase() : pattern.value }], fold: ignoreCase };
    }
    case 'safeRegex': {
      const begin = literalBegin(pattern.value.regex);
      return begin === '' ? undefined : { patterns: [{ kind: 'prefix', text: begin }], fold: false };
    }
    default:
      return undefined;
  }
}

/** The literal text that all matches of a pattern begin with; '' where that is not plain to see. */
export function literalBegin(regex: string): string {
  if (regex.includes('|') || regex.startsWith('(?')) return '';
  let begin = '';
  for (let at = regex.startsWith('^') ? 1 : 0; at < regex.length; ) {
    const found = /^(?:\\([^A-Za-z0-9])|([A-Za-z0-9/_\-:@ ,;=&%~!]))/.exec(regex.slice(at));
    if (found === null) break;
    const next = regex[at + found[0].length];
    // What may be missing or come again is no part of the beginning.
    if (next !== undefined && '*?{'.includes(next)) break;
    begin += found[1] ?? found[2] ?? '';
    if (next === '+') break;
    at += found[0].length;
  }
  return begin;
}
