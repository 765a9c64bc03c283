// What a command ends with: 0 fine, 1 findings, 2 something could not be read.
import type { Diagnostic, Severity } from '#base/diagnostic.ts';

/** A file or folder that cannot be read (diagnostic-codes.ts). */
const unreadableCode = 'HDL0002';

/** `findings`: which severities count. */
export function exitCodeFor(diagnostics: readonly Diagnostic[], { findings }: { readonly findings: readonly Severity[] }): 0 | 1 | 2 {
  if (diagnostics.some(({ code, severity }) => code === unreadableCode && severity === 'error')) return 2;
  return diagnostics.some(({ severity }) => findings.includes(severity)) ? 1 : 0;
}
