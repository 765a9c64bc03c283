// Why RBAC let a request not pass, for people: policy, rule, and the field that decided. Names what the rules ask for and, of what was met, only
// what is no secret. Made for denied requests alone.
import type { RbacPolicy, RbacRules } from '#decide/rbac.ts';
import type { RbacSubject } from '#decide/rbac-subject.ts';

/** So many policies that did not match are told of; of a thousand nobody reads all. */
const mostTold = 5;

/**
 * One line. DENY: `denied by policy default/no-admin, rule 0: path begins with /admin for anything`. ALLOW: `no policy allows it: default/viewers,
 * rule 0: method is GET: it is POST`.
 */
export function describeDenial(rules: RbacRules, matched: string | undefined, subject: RbacSubject): string {
  const policy = rules.policies.find(({ name }) => name === matched);
  if (policy !== undefined) return `denied by ${titleOf(policy.name)}: ${policy.text}`;
  if (rules.policies.length === 0) return 'no policy allows it: there is none';
  const told = rules.policies.slice(0, mostTold).map((each) => `${titleOf(each.name)}: ${missing(each, subject)}`);
  const more = rules.policies.length - told.length;
  return `no policy allows it: ${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

function missing(policy: RbacPolicy, subject: RbacSubject): string {
  return policy.missed(subject);
}

/** Istio names a policy after the AuthorizationPolicy and the place of the rule in it: `ns[default]-policy[viewers]-rule[0]`. */
export function titleOf(name: string): string {
  const found = /^(?:istio-ext-authz-(.*?)-)?ns\[(.*)\]-policy\[(.*)\]-rule\[(\d+)\]$/.exec(name);
  return found === null ? `policy ${name}` : `policy ${found[2]}/${found[3]}, rule ${found[4]}`;
}
