// In: AuthorizationPolicies of one action. Out: the rules of one RBAC filter, encoded: policies are encoded once each and joined, so that one
// change among a thousand costs one.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { policyRuleName } from '#compile/authorization-names.ts';
import type { ListenPorts } from '#compile/authorization-permission.ts';
import { compileRule, matchesNothing, type RuleContext } from '#compile/authorization-rule.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { encodePart } from '#envoy/any.ts';
import { type Policy, RBAC_Action, RBACSchema } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { AuthorizationPolicy, Values } from '#model/authorization-policy.ts';

/** What policies are compiled for. `suffix` ends the names of their rules. */
export type RulesContext = {
  readonly layer: RuleContext['layer'];
  readonly trustDomains: readonly string[];
  readonly action: 'ALLOW' | 'DENY' | 'LOG';
  readonly suffix?: string;
  readonly listens?: ListenPorts;
};

/** An encoded `envoy.config.rbac.v3.RBAC`. */
export function encodedRules(policies: readonly AuthorizationPolicy[], context: RulesContext, cache: CompileCache): Uint8Array {
  const key = `${context.layer} ${context.action} ${context.suffix ?? ''}`;
  const places = JSON.stringify([...(context.listens ?? [])]);
  const parts = policies.map((policy) =>
    cache.once('authorization rules', [policy], asksPorts(policy) ? `${key} ${places}` : key, () => encodePolicy(policy, context)),
  );
  return concatenate([encodePart(RBACSchema, { action: RBAC_Action[context.action] }), ...parts]);
}

/** The rules of one policy by their names; those are left out that mean nothing here. */
export function compilePolicy(policy: AuthorizationPolicy, { layer, trustDomains, action, suffix = '', listens }: RulesContext): Map<string, Policy> {
  const context: RuleContext = { namespace: policy.namespace, trustDomains, layer, grants: action === 'ALLOW', listens };
  if (policy.rules.length === 0) return new Map([[policyRuleName(policy, 0) + suffix, matchesNothing()]]);
  const rules = new Map<string, Policy>();
  for (const [index, rule] of policy.rules.entries()) {
    const compiled = compileRule(rule, context);
    if (compiled !== undefined) rules.set(policyRuleName(policy, index) + suffix, compiled);
  }
  return rules;
}

/** Whether a policy is about ports of the workload. */
export function asksPorts({ rules }: AuthorizationPolicy): boolean {
  const asks = ({ values, not }: Values): boolean => values.length > 0 || not.length > 0;
  return rules.some(({ to, when }) => to.some(({ ports }) => asks(ports)) || when.some(({ key }) => key === 'destination.port'));
}

function encodePolicy(policy: AuthorizationPolicy, context: RulesContext): Uint8Array {
  return encodePart(RBACSchema, { policies: Object.fromEntries(compilePolicy(policy, context)) });
}

/** A field that holds an encoded message. */
export function encodedField(number: number, message: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(message).finish();
}

/** Encoded parts of one message put one behind the other are that message. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
