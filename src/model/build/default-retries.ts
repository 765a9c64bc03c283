// MeshConfig's retries: of rules that say nothing of them, and of services without rules; and towards the app.
import { checkRetries } from '#api/istio/http-policy-rules.ts';
import { type HttpRetries, httpRetries } from '#api/istio/virtual-service.ts';
import { validate } from '#api/validate.ts';
import { buildRetries } from '#model/build/http-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Retries } from '#model/retry.ts';

type Problem = { readonly field: string; readonly message: string };

/** The fields of MeshConfig that this file reads. */
export const retryFields: readonly string[] = ['defaultHttpRetryPolicy', 'defaultInboundHttpRetryPolicy'];

/** Nothing where they are not set, or set to what no rule could say. */
export function readDefaultRetries(
  config: Readonly<Record<string, unknown>>,
  problems: Problem[],
): Pick<MeshSettings, 'defaultRetries' | 'inboundRetries'> {
  const defaultRetries = readRetries('defaultHttpRetryPolicy', config, problems);
  const inboundRetries = readRetries('defaultInboundHttpRetryPolicy', config, problems);
  return { ...(defaultRetries !== undefined && { defaultRetries }), ...(inboundRetries !== undefined && { inboundRetries }) };
}

function readRetries(field: string, config: Readonly<Record<string, unknown>>, problems: Problem[]): Retries | undefined {
  const value = config[field];
  if (value === undefined || value === null) return undefined;
  const ofSchema = validate(httpRetries, value);
  // Without a finding the value fits the schema, which is what the rules take.
  const findings = ofSchema.length > 0 ? ofSchema : checkRetries(value as HttpRetries, []);
  problems.push(...findings.map(({ path, message }) => ({ field: [field, ...path].join('.'), message: `is wrong: ${message}` })));
  return findings.length === 0 ? buildRetries(value as HttpRetries) : undefined; // As above.
}
