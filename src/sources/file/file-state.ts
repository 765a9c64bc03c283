// What one file contributes: the resources that are in force and what there is to say about it. Each new text gives a new state. While a text
// cannot be parsed, all resources of the last good text stay in force; while one resource is invalid, its own last good version does, and of a policy
// without one what closes its workloads.
import { readFileSync } from 'node:fs';
import { isComposeFile, readCompose } from '#api/compose/read-compose.ts';
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
  /** Those of the resources that stand in for policies which were never right. */
  readonly standIns: ReadonlySet<AnyResource>;
  readonly diagnostics: readonly Diagnostic[];
  /** What it refers to (env files of a compose file), by absolute path, as it was read; undefined where there was none. */
  readonly others: OtherFiles;
};

export type OtherFiles = ReadonlyMap<string, string | undefined>;

/** The state of `file` after its text became `text`. */
export function readFileState(file: string, text: string, previous?: FileState): FileState {
  const others = new Map<string, string | undefined>();
  const readAndNote = (path: string): string | undefined => {
    const other = readOther(path);
    others.set(path, other);
    return other;
  };
  const reading = isComposeFile(file) ? readCompose(file, text, readAndNote, process.env) : readText(file, text, previous?.reading);
  if (reading.syntaxErrors.length > 0 && previous !== undefined) {
    const hint = 'until then, the last version of this file that could be read stays in force';
    const diagnostics = reading.syntaxErrors.map((error): Diagnostic => ({ ...error, hint }));
    return { text, reading, resources: previous.resources, standIns: previous.standIns, diagnostics, others };
  }
  const lastGood = new Map(previous?.resources.filter((resource) => !previous.standIns.has(resource)).map((resource) => [idOf(resource), resource]));
  const resources: AnyResource[] = [];
  const standIns = new Set<AnyResource>();
  const diagnostics: Diagnostic[] = [...reading.syntaxErrors];
  for (const item of reading.items) {
    const kept = item.resource === undefined && item.id !== undefined ? lastGood.get(item.id) : undefined;
    const standIn = kept === undefined && item.resource === undefined ? item.standIn : undefined;
    const resource = item.resource ?? kept ?? standIn;
    if (resource !== undefined) resources.push(resource);
    if (standIn !== undefined) standIns.add(standIn);
    const note =
      kept !== undefined
        ? `until then, the last valid version of ${resourceName(kept)} stays in force`
        : standIn !== undefined
          ? `until then, ${whatIsClosed(standIn)}: there is no earlier version`
          : undefined;
    diagnostics.push(...(note === undefined ? item.diagnostics : item.diagnostics.map((diagnostic) => withNote(diagnostic, note))));
  }
  return { text, reading, resources, standIns, diagnostics, others };
}

/** Whether all of them say what they said then. */
export function areAsRead(others: OtherFiles): boolean {
  for (const [path, text] of others) if (readOther(path) !== text) return false;
  return true;
}

function readOther(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function whatIsClosed({ kind }: AnyResource): string {
  if (kind === 'RequestAuthentication') return 'no token is believed at the workloads that it is for';
  if (kind === 'PeerAuthentication') return 'the workloads that it is for take mutual TLS only';
  return 'whatever goes to the workloads that it is for is denied';
}

function withNote(diagnostic: Diagnostic, message: string): Diagnostic {
  if (diagnostic.severity !== 'error' || diagnostic.at === undefined) return diagnostic;
  return { ...diagnostic, related: [...(diagnostic.related ?? []), { message, at: diagnostic.at }] };
}
