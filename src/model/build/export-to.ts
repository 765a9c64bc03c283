// exportTo lists and the networking.istio.io/exportTo annotation as a Visibility.
import type { Visibility } from '#model/visibility.ts';

/** `*` is everywhere, `.` the writer's namespace, `~` nobody; absent or empty is everywhere (Istio's defaultExportTo). */
export function visibilityOf(exportTo: readonly string[] | undefined, namespace: string): Visibility {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes('*')) return { kind: 'everywhere' };
  const namespaces = exportTo.filter((entry) => entry !== '~').map((entry) => (entry === '.' ? namespace : entry));
  return { kind: 'namespaces', namespaces: new Set(namespaces) };
}

/** The annotation of a Service: the same words, separated by commas. */
export function visibilityOfAnnotation(annotation: string | undefined, namespace: string): Visibility {
  const entries = annotation
    ?.split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return visibilityOf(entries, namespace);
}
