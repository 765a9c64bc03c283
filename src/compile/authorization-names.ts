// The names that Istio gives to what AuthorizationPolicies become. Users' tools and logs read meaning from them.
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';

/** Where verdicts of rules that are only tried are left, for logs and for the filter that asks an external authoriser. */
export const shadowPrefixes = { allow: 'istio_dry_run_allow_', deny: 'istio_dry_run_deny_', custom: 'istio_ext_authz_' } as const;

/** Begins the names of rules that ask the provider. */
export function customPrefix(provider: string): string {
  return `istio-ext-authz-${provider}`;
}

/** Ends the names of CUSTOM rules that deny, because whom to ask is not known. */
export const badCustomSuffix = '-deny-due-to-bad-CUSTOM-action';

/** `ns[foo]-policy[bar]-rule[0]`. */
export function policyRuleName({ namespace, name, action }: Pick<AuthorizationPolicy, 'namespace' | 'name' | 'action'>, rule: number): string {
  const own = `ns[${namespace}]-policy[${name}]-rule[${rule}]`;
  return action.kind === 'custom' ? `${customPrefix(action.provider)}-${own}` : own;
}
