// A resource as it would stand in a file: for `-o yaml` and `-o json`. Where it was read stands in an annotation; keys and passwords print as
// `[redacted]`, here as everywhere.
import { type AnyResource, kinds } from '#api/kinds.ts';
import { formatOrigin } from '#base/origin.ts';

const originAnnotation = 'heddle.dev/origin';

export function plainResource({ origins, kind, apiVersion, metadata, ...body }: AnyResource): object {
  const { namespace, name, labels, annotations, ...rest } = metadata;
  return {
    apiVersion,
    kind: kinds[kind].kind,
    metadata: {
      name,
      ...(namespace !== '' && { namespace }),
      ...(Object.keys(labels).length > 0 && { labels }),
      annotations: { ...annotations, [originAnnotation]: formatOrigin(origins.start) },
      ...rest,
    },
    ...body,
  };
}
