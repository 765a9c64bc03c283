// From what the runtime publishes (all of it, each time) to a memory source that hears only of what has changed.
import type { AnyResource } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import type { MemorySource } from '#sources/memory/memory-source.ts';

/** Makes the source hold exactly these resources. A resource with the same content keeps its object, so that nothing is compiled again for it. */
export function publisher(source: MemorySource): (resources: readonly AnyResource[]) => void {
  let known = new Map<string, string>();
  return (resources) => {
    const now = new Map<string, string>();
    const upsert: AnyResource[] = [];
    for (const resource of resources) {
      const id = `${resource.kind}/${resourceKey(resource.metadata)}`;
      // Places in files are functions and stay out of the text; a pod that moved in its file alone is replaced by the file's source.
      const text = JSON.stringify({ ...resource, origins: resource.origins.start });
      now.set(id, text);
      if (known.get(id) !== text) upsert.push(resource);
    }
    const remove = [...known.keys()].filter((id) => !now.has(id));
    known = now;
    if (upsert.length > 0 || remove.length > 0) source.apply({ upsert, remove });
  };
}
