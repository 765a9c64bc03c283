// Resources as a source hands them over, for tests of rooms that do not know sources.
import { type AnyResource, kindNames, type ResourcesByKind } from '#api/kinds.ts';
import { readText } from '#api/read-text.ts';
import { resourceKey } from '#api/resource.ts';

/** The resources of a text, in its order. A mistake in it is the test's own, and thrown. */
export function readResources(text: string): readonly AnyResource[] {
  return readText('mesh.yaml', text).items.map(({ resource, diagnostics }) => {
    if (resource === undefined) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
    return resource;
  });
}

/** Every kind is there, possibly empty. */
export function byKind(resources: readonly AnyResource[]): ResourcesByKind {
  const maps = kindNames().map((kind) => {
    const own = resources.filter((resource) => resource.kind === kind);
    return [kind, new Map(own.map((resource) => [resourceKey(resource.metadata), resource]))];
  });
  // Each map was filled with resources of its kind only.
  return Object.fromEntries(maps) as ResourcesByKind;
}
