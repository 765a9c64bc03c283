// What is in force in place of a policy that cannot be read, as long as there is no earlier version of it: nothing fails open. A policy with a
// mistake is not left out, as other resources are; whatever goes to the workloads it is for is denied until it is right.
import { authorizationPolicySpec } from '#api/istio/authorization-policy.ts';
import { checkPolicyTargets } from '#api/istio/policy-target-rules.ts';
import type { KindName } from '#api/kinds.ts';
import type { Schema } from '#api/schema.ts';
import { validate } from '#api/validate.ts';
import { isObject } from '#base/object.ts';

/** The body of the stand-in for a resource of this kind with this body; undefined for kinds that close nothing, or policies that decide nothing. */
export function closedStandIn(
  kind: KindName,
  body: Readonly<Record<string, unknown>>,
  annotations: Readonly<Record<string, string>>,
): object | undefined {
  if (kind !== 'AuthorizationPolicy') return undefined;
  const spec = isObject(body['spec']) ? body['spec'] : {};
  if (spec['action'] === 'AUDIT' || annotations['istio.io/dry-run'] === 'true') return undefined;
  return { spec: { ...readableTargets(spec), action: 'DENY', rules: [{}] } };
}

/** Whom the policy is for, where that much can be read; else it is for its whole namespace. */
function readableTargets(spec: Readonly<Record<string, unknown>>): object {
  const written = (['selector', 'targetRef', 'targetRefs'] as const).filter((name) => spec[name] !== undefined);
  const [name] = written;
  if (name === undefined || written.length > 1) return {};
  const schema: Schema | undefined = authorizationPolicySpec.properties?.[name];
  const targets = { [name]: spec[name] };
  const isReadable = schema !== undefined && validate(schema, spec[name]).length === 0 && checkPolicyTargets(targets).length === 0;
  return isReadable ? targets : {};
}
