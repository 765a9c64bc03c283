// MeshConfig.defaultHttpRetryPolicy: the retries of rules that say nothing of them, and of services without rules.
import { checkRetries } from '#api/istio/http-policy-rules.ts';
import { type HttpRetries, httpRetries } from '#api/istio/virtual-service.ts';
import { validate } from '#api/validate.ts';
import { buildRetries } from '#model/build/http-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';

type Problem = { readonly field: string; readonly message: string };

/** Nothing where it is not set, or set to what no rule could say. */
export function readDefaultRetries(value: unknown, problems: Problem[]): Pick<MeshSettings, 'defaultRetries'> {
  if (value === undefined || value === null) return {};
  const ofSchema = validate(httpRetries, value);
  // Without a finding the value fits the schema, which is what the rules take.
  const findings = ofSchema.length > 0 ? ofSchema : checkRetries(value as HttpRetries, []);
  problems.push(...findings.map(({ path, message }) => ({ field: ['defaultHttpRetryPolicy', ...path].join('.'), message: `is wrong: ${message}` })));
  const retries = findings.length === 0 ? buildRetries(value as HttpRetries) : undefined; // As above.
  return retries === undefined ? {} : { defaultRetries: retries };
}
