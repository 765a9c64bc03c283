// What the parts of reading a compose file hand to each other: places, findings, other files.
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';

/** Other files, by absolute path; undefined where there is none. */
export type ReadOther = (path: string) => string | undefined;

/** `path`: of the key in the compose file. */
export type Report = (
  severity: Diagnostic['severity'],
  code: 'HDL0460' | 'HDL0461' | 'HDL0462',
  path: readonly (string | number)[],
  message: string,
  hint?: string,
) => void;

/** Where the fields of a service's resource of that kind stand. */
export type ComposeOrigins = (kind: string) => { readonly start: Origin; readonly at: (path: readonly (string | number)[]) => Origin };
