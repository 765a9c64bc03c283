// exportTo lists and the networking.istio.io/exportTo annotation as a Visibility.
import type { Visibility } from '#model/visibility.ts';

const everywhere: readonly string[] = ['*'];

/**
 * `*` is everywhere, `.` the writer's namespace, `~` nobody. Absent or empty it is as MeshConfig's default for the kind says: everywhere, unless
 * that is set.
 */
export function visibilityOf(written: readonly string[] | undefined, namespace: string, byDefault = everywhere): Visibility {
  const exportTo = written === undefined || written.length === 0 ? byDefault : written;
  if (exportTo.includes('*')) return { kind: 'everywhere' };
  const namespaces = exportTo.filter((entry) => entry !== '~').map((entry) => (entry === '.' ? namespace : entry));
  return { kind: 'namespaces', namespaces: new Set(namespaces) };
}

/** The annotation of a Service: the same words, separated by commas. */
export function visibilityOfAnnotation(annotation: string | undefined, namespace: string, byDefault = everywhere): Visibility {
  const entries = annotation
    ?.split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return visibilityOf(entries, namespace, byDefault);
}
