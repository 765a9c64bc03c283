// Fields of a Pod that mean something in a container and nothing for a local process: said once, so that nobody relies on them.
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { sidecarContainer } from '#runtime/sidecar-container.ts';

const fields = {
  volumeMounts: 'a local process sees the files of this machine; its folder is the one of heddle.yaml, or its cwd',
  lifecycle: 'hooks are not run here; a program is ended by SIGTERM',
} as const;

/** One warning per container and field. */
export function fieldsWithoutEffect({ spec, origins, metadata }: KindMap['Pod']): readonly Diagnostic[] {
  return spec.containers.flatMap((container, index) =>
    container.name === sidecarContainer
      ? []
      : (['volumeMounts', 'lifecycle'] as const).flatMap((field): readonly Diagnostic[] => {
          if (container[field] === undefined) return [];
          const message = `${field} of container ${container.name} of Pod ${metadata.namespace}/${metadata.name} has no effect here`;
          return [{ code: 'HDL0403', severity: 'info', message, hint: fields[field], at: origins.at(['spec', 'containers', index, field]) }];
        }),
  );
}
