// One rule of an RBAC policy as compiled: it applies itself, says in words what it asks for and what it met, and which keys a subject must have
// for it to match at all. Combinations of rules are made here.
import { allKeys, anyKeys, impossible, noKeys, type RuleKeys } from '#decide/rbac-keys.ts';
import type { RbacSubject } from '#decide/rbac-subject.ts';

export type RbacRule = {
  readonly text: string;
  readonly matches: (subject: RbacSubject) => boolean;
  /**
   * Asked where the rule does not match: the condition that failed and what was there instead, `path is /a: it is /b`. Values that may be secret
   * (headers, claims) are not in it.
   */
  readonly missed: (subject: RbacSubject) => string;
  /** What each subject that matches has; a wrong word here would let the index pass a policy over. */
  readonly keys: RuleKeys;
};

export const anything: RbacRule = { text: 'anything', matches: () => true, missed: () => '', keys: noKeys };
export const nothing: RbacRule = { text: 'nothing', matches: () => false, missed: () => 'it matches nothing', keys: impossible };

export function notRule(rule: RbacRule): RbacRule {
  if (rule === anything) return nothing;
  if (rule === nothing) return anything;
  return { text: `not (${rule.text})`, matches: (subject) => !rule.matches(subject), missed: () => `not (${rule.text}): it is`, keys: noKeys };
}

export function allRules(rules: readonly RbacRule[]): RbacRule {
  const asking = rules.filter((rule) => rule !== anything);
  const [first, ...others] = asking;
  if (first === undefined) return anything;
  if (others.length === 0) return first;
  return {
    text: `(${asking.map(({ text }) => text).join(' and ')})`,
    matches: (subject) => asking.every((rule) => rule.matches(subject)),
    missed: (subject) => asking.find((rule) => !rule.matches(subject))?.missed(subject) ?? '',
    keys: allKeys(asking.map(({ keys }) => keys)),
  };
}

export function anyRule(rules: readonly RbacRule[]): RbacRule {
  if (rules.includes(anything)) return anything;
  const possible = rules.filter((rule) => rule !== nothing);
  const [first, ...others] = possible;
  if (first === undefined) return nothing;
  if (others.length === 0) return first;
  return {
    text: `(${possible.map(({ text }) => text).join(' or ')})`,
    matches: (subject) => possible.some((rule) => rule.matches(subject)),
    missed: (subject) => possible.map((rule) => rule.missed(subject)).join(', and '),
    keys: anyKeys(possible.map(({ keys }) => keys)),
  };
}
