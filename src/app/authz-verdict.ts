// What the decision engine says of a call under a proxy's configuration, in the words of AuthorizationPolicies.
import type { DescribedCall } from '#app/authz-call.ts';
import { formatOrigin } from '#base/origin.ts';
import { badCustomSuffix } from '#compile/authorization-names.ts';
import type { Compiled } from '#compile/compiled.ts';
import { compileConfig } from '#decide/config.ts';
import { formatConfigError } from '#decide/config-error.ts';
import { decide } from '#decide/decide.ts';
import type { Decision } from '#decide/decision.ts';
import { Trace, type TraceStep } from '#decide/trace.ts';

export type Verdict = {
  readonly call: string;
  readonly port: number;
  readonly carries: 'http' | 'bytes';
  /** `asked`: whoever the policy's provider is says the last word. */
  readonly result: 'allowed' | 'denied' | 'asked' | 'not reached';
  /** The rule that decided; undefined where none did. */
  readonly by?: RuleName;
  /** The condition that decided, or why nothing did. */
  readonly because: string;
  /** Rules that were asked and did not match, with the condition that failed, in their order. */
  readonly passedBy: readonly (RuleName & { readonly because: string })[];
};

export type RuleName = { readonly policy: string; readonly rule: number; readonly at: string };

export function authzVerdict({ title, port, carries, call }: DescribedCall, compiled: Compiled): Verdict {
  const common = { call: title, port, carries, passedBy: [] };
  const config = compileConfig(compiled.resources);
  if (!config.ok) return { ...common, result: 'not reached', because: config.error.map(formatConfigError).join('; ') };
  const trace = new Trace();
  const decision = decide(config.value, call, trace);
  const steps = trace.steps.filter(({ stage }) => stage === 'rbac');
  const last = steps.findLast(({ outcome }) => outcome !== 'skipped');
  const by = last === undefined ? undefined : ruleOf(last.name, compiled);
  const passedBy = steps.filter(({ outcome }) => outcome === 'skipped').flatMap((step) => passed(step, compiled));
  const result = resultOf(decision);
  const because = result === 'not reached' ? reasonOf(decision) : (last?.because ?? 'no policy is for it, so everybody is let in');
  return { ...common, result, ...(by !== undefined && { by }), because, passedBy };
}

function passed({ name, because = '' }: TraceStep, compiled: Compiled): Verdict['passedBy'] {
  const rule = ruleOf(name, compiled);
  return rule === undefined ? [] : [{ ...rule, because: because.replace(/^does not match: /, '') }];
}

function resultOf({ rbac, outcome, checkedBy }: Decision): Verdict['result'] {
  if (rbac?.allowed === false) return 'denied';
  // What the app is asked for is another matter, but that nothing listens there is not.
  if (outcome.kind === 'local-reply' && outcome.status === 0) return 'not reached';
  return checkedBy === undefined || checkedBy.length === 0 ? 'allowed' : 'asked';
}

function reasonOf({ outcome }: Decision): string {
  return outcome.kind === 'local-reply' ? outcome.because : '';
}

/** Of `ns[shop]-policy[web]-rule[0]`, with or without what CUSTOM puts around it. */
function ruleOf(name: string, { origins }: Compiled): RuleName | undefined {
  const found = /ns\[(.*)\]-policy\[(.*)\]-rule\[(\d+)\]/.exec(name);
  if (found === null) return undefined;
  const [origin] = origins.get({ kind: 'rbacPolicy', policy: name.replace(badCustomSuffix, '') });
  return { policy: `${found[1]}/${found[2]}`, rule: Number(found[3]), at: origin === undefined ? '' : formatOrigin(origin) };
}
