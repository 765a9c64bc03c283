// Envoy's RBAC, for HTTP requests and for raw connections: policies compiled to conditions, and the verdict with the policy that gave it.

import type { Problems } from '#decide/config-error.ts';
import { compilePermission } from '#decide/rbac-permission.ts';
import { compilePrincipal } from '#decide/rbac-principal.ts';
import type { RbacRule, RbacSubject } from '#decide/rbac-subject.ts';
import type { Trace } from '#decide/trace.ts';
import { RBAC_Action as Action, type Policy, type RBAC } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { RBAC as HttpRbac } from '#envoy/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import type { RBAC as NetworkRbac } from '#envoy/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';

export type RbacRules = { readonly action: 'allow' | 'deny' | 'log'; readonly policies: readonly RbacPolicy[] };
export type RbacPolicy = { readonly name: string; readonly text: string; readonly matches: (subject: RbacSubject) => boolean };

/** `rules` absent: everything passes. Shadow rules never decide; they only are counted and logged. */
export type RbacEntry = { readonly rules?: RbacRules; readonly shadow?: RbacRules; readonly statPrefix: string; readonly shadowStatPrefix: string };

/** `policy` is the first that matched, in the order of names as Envoy keeps them; undefined: none did. */
export type RbacVerdict = { readonly allowed: boolean; readonly policy: string | undefined };

export function compileHttpRbac(config: HttpRbac, field: string, problems: Problems): RbacEntry {
  return entryOf(config, config.rulesStatPrefix, 'http', field, problems);
}

/** A network filter sees no request: a policy that asks for headers or paths never matches there, as in Envoy. */
export function compileNetworkRbac(config: NetworkRbac, field: string, problems: Problems): RbacEntry {
  return entryOf(config, config.statPrefix, 'network', field, problems);
}

type Rules = { readonly rules?: RBAC | undefined; readonly shadowRules?: RBAC | undefined; readonly shadowRulesStatPrefix: string };

function entryOf(config: Rules, statPrefix: string, layer: 'http' | 'network', field: string, problems: Problems): RbacEntry {
  const { rules, shadowRules, shadowRulesStatPrefix } = config;
  return {
    ...(rules === undefined ? {} : { rules: compileRules(rules, `${field}.rules`, problems) }),
    ...(shadowRules === undefined ? {} : { shadow: compileRules(shadowRules, `${field}.shadow_rules`, problems) }),
    statPrefix: layer === 'http' ? statPrefix : statPrefix,
    shadowStatPrefix: shadowRulesStatPrefix,
  };
}

export function compileRules(rbac: RBAC, field: string, problems: Problems): RbacRules {
  const policies = Object.entries(rbac.policies)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => compilePolicy(name, policy, `${field}.policies["${name}"]`, problems));
  return { action: actions[rbac.action], policies };
}

const actions: Readonly<Record<Action, RbacRules['action']>> = { [Action.ALLOW]: 'allow', [Action.DENY]: 'deny', [Action.LOG]: 'log' };

function compilePolicy(name: string, policy: Policy, field: string, problems: Problems): RbacPolicy {
  const permissions = policy.permissions.map((permission, index) => compilePermission(permission, `${field}.permissions[${index}]`, problems));
  const principals = policy.principals.map((principal, index) => compilePrincipal(principal, `${field}.principals[${index}]`, problems));
  if (permissions.length === 0) problems.report(`${field}.permissions`, 'at least one permission is required');
  if (principals.length === 0) problems.report(`${field}.principals`, 'at least one principal is required');
  return {
    name,
    text: `${textOf(permissions)} for ${textOf(principals)}`,
    matches: (subject) => permissions.some((rule) => rule.matches(subject)) && principals.some((rule) => rule.matches(subject)),
  };
}

function textOf(rules: readonly RbacRule[]): string {
  return rules.map(({ text }) => text).join(' or ');
}

/** ALLOW passes what a policy matches, DENY what none matches, LOG everything. */
export function authorize(rules: RbacRules, subject: RbacSubject, trace?: Trace): RbacVerdict {
  const matched = rules.policies.find((policy) => policy.matches(subject));
  const allowed = rules.action === 'log' || (rules.action === 'allow') === (matched !== undefined);
  if (trace !== undefined) explain(rules, matched, allowed, trace);
  return { allowed, policy: matched?.name };
}

function explain(rules: RbacRules, matched: RbacPolicy | undefined, allowed: boolean, trace: Trace): void {
  for (const policy of rules.policies) {
    if (policy === matched) break;
    trace.add({ stage: 'rbac', name: policy.name, outcome: 'skipped', because: `does not match: ${policy.text}` });
  }
  const because = matched === undefined ? `no policy matches, and the action is ${rules.action}` : `${rules.action}: ${matched.text}`;
  trace.add({ stage: 'rbac', name: matched?.name ?? 'no policy', outcome: allowed ? 'chosen' : 'rejected', because });
}
