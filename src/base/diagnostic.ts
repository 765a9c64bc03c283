// What Heddle has to say about what a user wrote. Diagnostics are values: collected, never thrown.
import { formatOrigin, type Origin } from '#base/origin.ts';

export type Severity = 'error' | 'warning' | 'info';

/** One finding. `code` is Istio's (`IST0101`) where Istio has one, else ours (`HDL0001`, see diagnostic-codes.ts). */
export type Diagnostic = {
  readonly code: string;
  readonly severity: Severity;
  /** What is wrong, one sentence without a full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  readonly at?: Origin;
  /** Other places that take part, such as the first of two duplicates. */
  readonly related?: readonly { readonly message: string; readonly at: Origin }[];
};

const severityRank: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** Orders by file, line, column, then severity, then code, so that output never depends on the order of discovery. */
export function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  return (
    compareText(a.at?.file ?? '', b.at?.file ?? '') ||
    (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
    (a.at?.col ?? 0) - (b.at?.col ?? 0) ||
    severityRank[a.severity] - severityRank[b.severity] ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  );
}

/** `file:line:col: error [HDL0001] message`, then the hint and the related places on lines of their own. Plain text. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const place = diagnostic.at === undefined ? '' : `${formatOrigin(diagnostic.at)}: `;
  const lines = [`${place}${diagnostic.severity} [${diagnostic.code}] ${diagnostic.message}`];
  for (const { message, at } of diagnostic.related ?? []) lines.push(`    ${formatOrigin(at)}: ${message}`);
  if (diagnostic.hint !== undefined) lines.push(`    fix: ${diagnostic.hint}`);
  return lines.join('\n');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
