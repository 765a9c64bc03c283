// What an analyzer is: a pure question to the mesh that users wrote. One file each; the list of them is in analyzers.ts.
import type { Facts } from '#analyze/facts.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';

export type Analyzer = {
  /** As the command line shows it, `destination-host`. */
  readonly name: string;
  readonly run: (facts: Facts) => readonly Diagnostic[];
};

/** IST0101: `what` (`host`, `gateway`, …) is referred to and does not exist. */
export function notFound(what: string, value: string, at: Origin, hint?: string): Diagnostic {
  const diagnostic: Diagnostic = { code: 'IST0101', severity: 'error', message: `${what} ${JSON.stringify(value)} not found`, at };
  return hint === undefined ? diagnostic : { ...diagnostic, hint };
}

/** `app: hello, version: v1`. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
}
