// From the findings that were told and those in force: what is new, and what is mended. A finding that only changed its words is new, and nothing is
// mended by it.
import { type Diagnostic, formatDiagnostic } from '#base/diagnostic.ts';

/** By their text. */
export type Findings = ReadonlyMap<string, Diagnostic>;

export type FindingNews = { readonly fresh: readonly Diagnostic[]; readonly gone: readonly Diagnostic[] };

export function findingsByText(diagnostics: readonly Diagnostic[]): Findings {
  return new Map(diagnostics.map((diagnostic) => [formatDiagnostic(diagnostic), diagnostic]));
}

export function findingNews(told: Findings, now: Findings): FindingNews {
  const fresh = [...now].flatMap(([text, diagnostic]) => (told.has(text) ? [] : [diagnostic]));
  const followed = new Set(fresh.map(subject));
  const gone = [...told].flatMap(([text, diagnostic]) => (now.has(text) || followed.has(subject(diagnostic)) ? [] : [diagnostic]));
  return { fresh, gone };
}

/** What is found, and about which resource; where that is not known, about which line. */
function subject({ code, at }: Diagnostic): string {
  return `${code} ${at?.file ?? ''} ${at?.resource ?? at?.line ?? ''}`;
}
