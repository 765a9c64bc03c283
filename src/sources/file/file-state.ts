// What one file contributes: the resources that are in force and what there is to say about it. Each new text gives a new state. While a text
// cannot be parsed, all resources of the last good text stay in force; while one resource is invalid, its own last good version does.
import type { AnyResource } from '#api/kinds.ts';
import { readText, type TextReading } from '#api/read-text.ts';
import { resourceName } from '#api/resource-name.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { idOf } from '#sources/next-snapshot.ts';

export type FileState = {
  readonly text: string;
  readonly reading: TextReading;
  /** In the order of the file. */
  readonly resources: readonly AnyResource[];
  readonly diagnostics: readonly Diagnostic[];
};

/** The state of `file` after its text became `text`. */
export function readFileState(file: string, text: string, previous?: FileState): FileState {
  const reading = readText(file, text, previous?.reading);
  if (reading.syntaxErrors.length > 0 && previous !== undefined) {
    const hint = 'until then, the last version of this file that could be read stays in force';
    const diagnostics = reading.syntaxErrors.map((error): Diagnostic => ({ ...error, hint }));
    return { text, reading, resources: previous.resources, diagnostics };
  }
  const lastGood = new Map(previous?.resources.map((resource) => [idOf(resource), resource]));
  const resources: AnyResource[] = [];
  const diagnostics: Diagnostic[] = [...reading.syntaxErrors];
  for (const item of reading.items) {
    const kept = item.resource === undefined && item.id !== undefined ? lastGood.get(item.id) : undefined;
    const resource = item.resource ?? kept;
    if (resource !== undefined) resources.push(resource);
    diagnostics.push(...(kept === undefined ? item.diagnostics : item.diagnostics.map((diagnostic) => withKeptNote(diagnostic, kept))));
  }
  return { text, reading, resources, diagnostics };
}

function withKeptNote(diagnostic: Diagnostic, kept: AnyResource): Diagnostic {
  if (diagnostic.severity !== 'error' || diagnostic.at === undefined) return diagnostic;
  const note = { message: `until then, the last valid version of ${resourceName(kept)} stays in force`, at: diagnostic.at };
  return { ...diagnostic, related: [...(diagnostic.related ?? []), note] };
}
