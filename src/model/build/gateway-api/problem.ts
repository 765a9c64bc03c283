// Something that is wrong with a resource of the Gateway API, in the words of its conditions and of a diagnostic.
import type { Diagnostic, Severity } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import type { Condition } from '#model/gateway-api.ts';

export type Problem = {
  /** The condition that it turns bad. */
  readonly condition: 'Accepted' | 'ResolvedRefs' | 'Programmed' | 'Conflicted';
  /** As the Gateway API names it, `BackendNotFound`. */
  readonly reason: string;
  readonly message: string;
  readonly hint?: string;
  readonly at: Origin;
  readonly severity?: Severity;
};

/** HDL0060 for what cannot attach or serve, HDL0061 for a reference that leads nowhere. */
export function problemDiagnostic({ condition, message, hint, at, severity = 'error' }: Problem): Diagnostic {
  return { code: condition === 'ResolvedRefs' ? 'HDL0061' : 'HDL0060', severity, message, at, ...(hint !== undefined && { hint }) };
}

/** The condition `type`, good unless one of the problems is about it; the first of them gives the reason. */
export function conditionOf(
  type: Problem['condition'],
  problems: readonly Problem[],
  good: { readonly reason: string; readonly message: string },
  generation: number | undefined,
): Condition {
  const own = problems.filter(({ condition }) => condition === type);
  const [first] = own;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  if (first === undefined) return { type, status: type === 'Conflicted' ? 'False' : 'True', ...good, ...observed };
  const message = own.map((problem) => problem.message).join('; ');
  return { type, status: type === 'Conflicted' ? 'True' : 'False', reason: first.reason, message, ...observed, at: first.at };
}
