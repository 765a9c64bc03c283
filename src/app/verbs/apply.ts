// `heddle apply` and `heddle delete`: what was sent is judged as a whole before anything of it is in force, then laid over the user's files. A resource of
// the same name in a file is covered until it is deleted here; files are never touched.

import type { ChangeAnswer, ManifestRequest, ResourceChange, ResourceName, VerbFailure } from '#admin/client/verbs.ts';
import { type AnyResource, kinds, type ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { meshFindings } from '#app/analyze-files.ts';
import type { AppliedValue } from '#app/verbs/applied-resources.ts';
import { findResource } from '#app/verbs/get.ts';
import { labelOf, resolveKind } from '#app/verbs/kind-names.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { plainResource } from '#app/verbs/plain-resource.ts';
import { readManifests } from '#app/verbs/read-manifests.ts';
import { type Diagnostic, formatDiagnostic } from '#base/diagnostic.ts';
import { formatOrigin } from '#base/origin.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { buildMesh } from '#model/build/mesh.ts';
import { idOf, nextSnapshot } from '#sources/next-snapshot.ts';

/** `files`: what the files alone say, without what was applied. */
export type ApplyParts = {
  readonly live: LiveMesh;
  readonly files: () => Iterable<AnyResource>;
  /** What the runtime would have to say of pods with these resources, such as images without a command. */
  readonly plan: (resources: ResourcesByKind) => readonly Diagnostic[];
};

export function applyManifests(request: ManifestRequest, parts: ApplyParts): Result<ChangeAnswer, VerbFailure> {
  const read = readManifests(request);
  if (!read.ok) return read;
  const { values, resources, diagnostics } = read.value;
  const known = new Set(parts.live.diagnostics().map(formatDiagnostic));
  const found = judge(resources, parts).filter((one) => !known.has(formatDiagnostic(one)));
  const sent = new Set(request.files.map(({ file }) => file));
  const ofSent = found.filter(({ at }) => at !== undefined && sent.has(at.file));
  if (ofSent.some(({ severity }) => severity === 'error')) {
    return failed({
      status: 422,
      error: 'nothing was changed: the mesh would not be right with what was sent',
      diagnostics: [...diagnostics, ...ofSent],
    });
  }
  const inFiles = new Map([...parts.files()].map((resource) => [idOf(resource), resource]));
  const changes = values.map((value, index) => changeOf(value, resources[index], inFiles, parts.live));
  if (request.dryRun !== true) {
    const fresh = values.filter((_, index) => changes[index]?.change !== 'unchanged');
    if (fresh.length > 0) parts.live.applied.put(fresh);
  }
  return ok({ changes, diagnostics: [...diagnostics, ...ofSent] });
}

/** What `heddle analyze` would say with these resources in place of those of the same name. */
function judge(resources: readonly AnyResource[], { live, plan }: ApplyParts): readonly Diagnostic[] {
  const written = Object.values(live.written()).flatMap((ofKind): readonly AnyResource[] => [...ofKind.values()]);
  const snapshot = nextSnapshot(undefined, [...written, ...resources], []);
  return [...meshFindings(buildMesh(snapshot), snapshot.resources), ...plan(snapshot.resources)];
}

function changeOf(
  { id }: AppliedValue,
  resource: AnyResource | undefined,
  inFiles: ReadonlyMap<string, AnyResource>,
  live: LiveMesh,
): ResourceChange {
  const before = live.applied.get(id);
  const inFile = inFiles.get(id);
  const name = resource === undefined ? id : nameOf(resource);
  const namespace = resource?.metadata.namespace ?? '';
  const instead = inFile === undefined ? {} : { note: `in place of ${formatOrigin(inFile.origins.start)}, until it is deleted here` };
  if (before !== undefined) {
    const isSame = resource !== undefined && comparable(before) === comparable(resource);
    return { resource: name, namespace, change: isSame ? 'unchanged' : 'configured', ...instead };
  }
  if (inFile === undefined) return { resource: name, namespace, change: 'created' };
  const isSame = resource !== undefined && comparable(inFile) === comparable(resource);
  return isSame
    ? { resource: name, namespace, change: 'unchanged', note: `as in ${formatOrigin(inFile.origins.start)}` }
    : { resource: name, namespace, change: 'configured', ...instead };
}

/** The content of a resource, wherever it stands. Of Secrets only names can be compared: they count as other ones. */
function comparable(resource: AnyResource): string {
  if (resource.kind === 'Secret') return String(Math.random());
  const { apiVersion: _version, ...plain } = plainResource({ ...resource, origins: nowhere }) as { readonly apiVersion?: string };
  return JSON.stringify(sorted(plain));
}

const nowhere = { start: { file: '', line: 0, col: 0 }, at: () => ({ file: '', line: 0, col: 0 }) };

/** With the keys of all objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, part]) => [key, sorted(part)]),
  );
}

function nameOf({ kind, metadata }: AnyResource): string {
  return `${labelOf(kind)}/${metadata.name}`;
}

export function deleteResource({ kind: word, name, namespace }: ResourceName, { live, files }: ApplyParts): Result<ChangeAnswer, VerbFailure> {
  const resources = live.resources();
  const kind = resolveKind(word, (one) => resources[one].size);
  if (!kind.ok) return kind;
  if (kind.value === 'Endpoints' || kind.value === 'Event')
    return failed({ status: 400, error: `${kind.value} cannot be deleted`, hint: 'they follow what runs' });
  const found = findResource(kind.value, name, namespace, live);
  if (!found.ok) return found;
  return deleteAll([found.value], live, files);
}

export function deleteManifests(request: ManifestRequest, { live, files }: ApplyParts): Result<ChangeAnswer, VerbFailure> {
  const read = readManifests(request);
  if (!read.ok) return read;
  const found: AnyResource[] = [];
  for (const { kind, metadata } of read.value.resources) {
    const one = findResource(kind, metadata.name, metadata.namespace, live);
    if (!one.ok) return one;
    found.push(one.value);
  }
  return deleteAll(found, live, files);
}

/** All or none: one that stands in a file alone is not ours to delete. */
function deleteAll(found: readonly AnyResource[], live: LiveMesh, files: ApplyParts['files']): Result<ChangeAnswer, VerbFailure> {
  const inFiles = new Map([...files()].map((resource) => [idOf(resource), resource]));
  const changes: ResourceChange[] = [];
  const remove: string[] = [];
  const restart: string[] = [];
  for (const resource of found) {
    const id = idOf(resource);
    const inFile = inFiles.get(id);
    const common = { resource: nameOf(resource), namespace: resource.metadata.namespace };
    if (live.applied.get(id) !== undefined) {
      remove.push(id);
      changes.push({
        ...common,
        change: 'deleted',
        ...(inFile !== undefined && { note: `${formatOrigin(inFile.origins.start)} is in force again` }),
      });
    } else if (resource.kind === 'Pod') {
      restart.push(resourceKey(resource.metadata));
      changes.push({ ...common, change: 'restarted', note: `ended and started anew: ${formatOrigin(resource.origins.start)} asks for it` });
    } else return failed(notOurs(resource, inFile));
  }
  if (remove.length > 0) live.applied.remove(remove);
  for (const key of restart) live.replacePod(key, 'it was deleted');
  return ok({ changes, diagnostics: [] });
}

function notOurs(resource: AnyResource, inFile: AnyResource | undefined): VerbFailure {
  const { kind } = kinds[resource.kind];
  const what = `${kind} ${resourceKey(resource.metadata)}`;
  if (inFile === undefined) return { status: 409, error: `${what} is made by heddle up`, hint: 'it goes with what it was made for' };
  const at = formatOrigin(inFile.origins.start);
  return { status: 409, error: `${what} stands in ${at}`, hint: 'take it out of that file: heddle changes no file of yours' };
}
