// What a pod waits for before its containers are started: an annotation, since Kubernetes has no word for it and compose files have.
import { isObject } from '#base/object.ts';

/** JSON: a list of Dependency. */
export const dependsOnAnnotation = 'heddle.dev/depends-on';

/** `name`: of a Deployment, Job or other controller of the same namespace. */
export type Dependency = { readonly name: string; readonly until: 'started' | 'ready' | 'completed' };

/** None where the annotation is missing or cannot be read. */
export function readDependencies(annotations: Readonly<Record<string, string>>): readonly Dependency[] {
  const text = annotations[dependsOnAnnotation];
  if (text === undefined) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.flatMap(readOne) : [];
  } catch {
    return [];
  }
}

function readOne(value: unknown): readonly Dependency[] {
  if (!isObject(value) || typeof value['name'] !== 'string') return [];
  const { name, until } = value;
  return [{ name, until: until === 'ready' || until === 'completed' ? until : 'started' }];
}
