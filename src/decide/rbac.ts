// Envoy's RBAC, for HTTP requests and for raw connections: policies compiled to an index, and the verdict with the policy that gave it.
import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import { PolicyIndex } from '#decide/rbac-index.ts';
import type { RuleKeys } from '#decide/rbac-keys.ts';
import { compilePermission } from '#decide/rbac-permission.ts';
import { compilePrincipal } from '#decide/rbac-principal.ts';
import { allRules, anyRule } from '#decide/rbac-rule.ts';
import type { RbacSubject } from '#decide/rbac-subject.ts';
import type { Trace } from '#decide/trace.ts';
import type { RBAC_Action as Action, Permission, Policy, Principal, RBAC } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { RBAC as HttpRbac } from '#envoy/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import type { RBAC as NetworkRbac } from '#envoy/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';

/** `policies` in the order of their names, which is that in which the first to match counts. */
export type RbacRules = {
  readonly action: 'allow' | 'deny' | 'log';
  readonly policies: readonly RbacPolicy[];
  readonly index: PolicyIndex<RbacPolicy>;
};

export type RbacPolicy = {
  readonly name: string;
  readonly text: string;
  readonly matches: (subject: RbacSubject) => boolean;
  /** Asked where it does not match: the condition that failed and what was there. */
  readonly missed: (subject: RbacSubject) => string;
  readonly keys: RuleKeys;
};

/** `rules` absent: everything passes. Shadow rules never decide; they are counted, and their verdict is told to the filters that follow. */
export type RbacEntry = {
  readonly rules?: RbacRules;
  readonly shadow?: RbacRules;
  /** rules_stat_prefix; of a network filter stat_prefix. */
  readonly statPrefix: string;
  readonly shadowStatPrefix: string;
  /** track_per_rule_stats: each policy counts for itself, too. */
  readonly countsPolicies: boolean;
  /** How long a denied connection is kept waiting for its end (delay_deny); 0: not at all. */
  readonly delayDenyMs: number;
};

/** `policy` is the first that matched, in the order of names as Envoy keeps them; undefined: none did. */
export type RbacVerdict = { readonly allowed: boolean; readonly policy: string | undefined };

export function compileHttpRbac(config: HttpRbac, field: string, problems: Problems): RbacEntry {
  return { ...entryOf(config, field, problems), statPrefix: config.rulesStatPrefix, countsPolicies: config.trackPerRuleStats, delayDenyMs: 0 };
}

/** A network filter sees no request: a policy that asks for paths never matches there, and one that asks for headers is refused, as in Envoy. */
export function compileNetworkRbac(config: NetworkRbac, field: string, problems: Problems): RbacEntry {
  for (const [name, policy] of Object.entries(config.rules?.policies ?? {})) {
    if (policy.permissions.some(asksForHeader) || policy.principals.some(hasHeader))
      problems.report(`${field}.rules.policies["${name}"]`, 'a network filter sees no headers');
  }
  return { ...entryOf(config, field, problems), statPrefix: config.statPrefix, countsPolicies: false, delayDenyMs: durationMs(config.delayDeny, 0) };
}

function asksForHeader({ rule }: Permission): boolean {
  if (rule.case === 'notRule') return asksForHeader(rule.value);
  return rule.case === 'andRules' || rule.case === 'orRules' ? rule.value.rules.some(asksForHeader) : rule.case === 'header';
}

function hasHeader({ identifier: id }: Principal): boolean {
  if (id.case === 'notId') return hasHeader(id.value);
  return id.case === 'andIds' || id.case === 'orIds' ? id.value.ids.some(hasHeader) : id.case === 'header';
}

type Rules = { readonly rules?: RBAC | undefined; readonly shadowRules?: RBAC | undefined; readonly shadowRulesStatPrefix: string };

function entryOf(config: Rules, field: string, problems: Problems): Pick<RbacEntry, 'rules' | 'shadow' | 'shadowStatPrefix'> {
  const { rules, shadowRules, shadowRulesStatPrefix } = config;
  return {
    ...(rules === undefined ? {} : { rules: compileRules(rules, `${field}.rules`, problems) }),
    ...(shadowRules === undefined ? {} : { shadow: compileRules(shadowRules, `${field}.shadow_rules`, problems) }),
    shadowStatPrefix: shadowRulesStatPrefix,
  };
}

export function compileRules(rbac: RBAC, field: string, problems: Problems): RbacRules {
  const policies = Object.entries(rbac.policies)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => compilePolicy(name, policy, `${field}.policies["${name}"]`, problems));
  return { action: actions[rbac.action], policies, index: new PolicyIndex(policies) };
}

/** By number, as the types alone are imported: the compiler knows which. */
const actions: Readonly<Record<Action, RbacRules['action']>> = { 0: 'allow', 1: 'deny', 2: 'log' };

function compilePolicy(name: string, policy: Policy, field: string, problems: Problems): RbacPolicy {
  const permissions = policy.permissions.map((permission, index) => compilePermission(permission, `${field}.permissions[${index}]`, problems));
  const principals = policy.principals.map((principal, index) => compilePrincipal(principal, `${field}.principals[${index}]`, problems));
  if (permissions.length === 0) problems.report(`${field}.permissions`, 'at least one permission is required');
  if (principals.length === 0) problems.report(`${field}.principals`, 'at least one principal is required');
  const permitted = anyRule(permissions);
  const meant = anyRule(principals);
  const { matches, missed, keys } = allRules([permitted, meant]);
  return { name, text: `${permitted.text} for ${meant.text}`, matches, missed, keys };
}

/** ALLOW passes what a policy matches, DENY what none matches, LOG everything. */
export function authorize(rules: RbacRules, subject: RbacSubject, trace?: Trace): RbacVerdict {
  const matched = rules.index.first(subject);
  const allowed = rules.action === 'log' || (rules.action === 'allow') === (matched !== undefined);
  if (trace !== undefined) explain(rules, matched, allowed, subject, trace);
  return { allowed, policy: matched?.name };
}

function explain(rules: RbacRules, matched: RbacPolicy | undefined, allowed: boolean, subject: RbacSubject, trace: Trace): void {
  for (const policy of rules.policies) {
    if (policy === matched) break;
    trace.add({ stage: 'rbac', name: policy.name, outcome: 'skipped', because: `does not match: ${policy.missed(subject)}` });
  }
  const because = matched === undefined ? `no policy matches, and the action is ${rules.action}` : `${rules.action}: ${matched.text}`;
  trace.add({ stage: 'rbac', name: matched?.name ?? 'no policy', outcome: allowed ? 'chosen' : 'rejected', because });
}
