// In: one rule of an AuthorizationPolicy. Out: one policy of Envoy's RBAC that matches the same requests or, on a port of bytes, the connections
// that it must match to stay safe. Source: Istio, pilot/pkg/security/authz/model.
import type { Attribute } from '#compile/authorization-attribute.ts';
import { connectionCondition, type ListenPorts, operationAttributes, type PermissionInit } from '#compile/authorization-permission.ts';
import { callerCondition, type PrincipalContext, type PrincipalInit, sourceAttributes } from '#compile/authorization-principal.ts';
import { create } from '#envoy/create.ts';
import { type Policy, PolicySchema } from '#envoy/gen/envoy/config/rbac/v3/rbac_pb.js';
import type { AuthorizationRule } from '#model/authorization-policy.ts';

export type RuleContext = PrincipalContext & {
  readonly layer: 'http' | 'network';
  readonly grants: boolean;
  readonly listens?: ListenPorts;
};

/**
 * `grants`: whether what matches is let in. On bytes a rule that grants is left out (undefined) where it asks for anything of HTTP, so that nobody
 * gets in for less than is asked; one that denies, or logs, loses what it asks of HTTP and so matches more. Source: Istio, rule.checkError.
 */
export function compileRule(rule: AuthorizationRule, context: RuleContext): Policy | undefined {
  const { from, to, when } = rule;
  const ofCaller = when.flatMap((condition) => callerCondition(condition, context) ?? []);
  const ofConnection = when.flatMap((condition) => connectionCondition(condition, context.listens) ?? []);
  // A key that is nobody's, which checkCondition does not let through: the rule would match more, which is right for rules that deny only.
  if (context.grants && ofCaller.length + ofConnection.length < when.length) return undefined;
  const sources = (from.length === 0 ? [[]] : from.map((source) => sourceAttributes(source, context))).map((own) => [...own, ...ofCaller]);
  const operations = (to.length === 0 ? [[]] : to.map((operation) => operationAttributes(operation, context.listens))).map((own) => [
    ...own,
    ...ofConnection,
  ]);
  if (context.layer === 'network' && context.grants && [...sources, ...operations].some((rows) => rows.some(asksHttp))) return undefined;
  return create(PolicySchema, {
    permissions: operations.map((rows) => conjunction(rows, context, permissions)),
    principals: sources.map((rows) => conjunction(rows, context, principals)),
  });
}

function asksHttp({ isHttp, values }: Attribute<unknown>): boolean {
  return isHttp && (values.values.length > 0 || values.not.length > 0);
}

/** How nodes of a kind are put together. */
type Logic<Node> = {
  readonly any: Node;
  readonly and: (nodes: readonly Node[]) => Node;
  readonly or: (nodes: readonly Node[]) => Node;
  readonly not: (node: Node) => Node;
};

const permissions: Logic<PermissionInit> = {
  any: { rule: { case: 'any', value: true } },
  and: (rules) => ({ rule: { case: 'andRules', value: { rules: [...rules] } } }),
  or: (rules) => ({ rule: { case: 'orRules', value: { rules: [...rules] } } }),
  not: (value) => ({ rule: { case: 'notRule', value } }),
};

const principals: Logic<PrincipalInit> = {
  any: { identifier: { case: 'any', value: true } },
  and: (ids) => ({ identifier: { case: 'andIds', value: { ids: [...ids] } } }),
  or: (ids) => ({ identifier: { case: 'orIds', value: { ids: [...ids] } } }),
  not: (value) => ({ identifier: { case: 'notId', value } }),
};

function conjunction<Node>(rows: readonly Attribute<Node>[], { layer }: RuleContext, logic: Logic<Node>): Node {
  const asked = rows.filter((row) => layer === 'http' || !row.isHttp);
  const nodes = asked.flatMap((row) => [
    ...(row.values.values.length > 0 ? [anyOf(row, row.values.values, logic)] : []),
    ...(row.values.not.length > 0 ? [logic.not(anyOf(row, row.values.not, logic))] : []),
  ]);
  return logic.and(nodes.length === 0 ? [logic.any] : nodes);
}

function anyOf<Node>(row: Attribute<Node>, values: readonly string[], logic: Logic<Node>): Node {
  return 'together' in row ? row.together(values) : logic.or(values.map(row.each));
}

/** What a policy without rules is: it matches nothing. */
export function matchesNothing(): Policy {
  return create(PolicySchema, { permissions: [permissions.not(permissions.any)], principals: [principals.not(principals.any)] });
}
