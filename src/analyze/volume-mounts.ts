// A container mounts a volume: on a cluster it gets it, as a local process it does not (HDL0013). Only said, not complained about: the same YAML
// is right where it is meant to run. Volumes that nothing mounts do not matter.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { PodTemplateView } from '#analyze/pod-template.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export const volumeMounts: Analyzer = {
  name: 'volume-mounts',
  run: ({ templates }) => templates.flatMap(checkTemplate),
};

function checkTemplate({ spec, title, at }: PodTemplateView): readonly Diagnostic[] {
  return (['initContainers', 'containers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap(({ name, volumeMounts: mounts = [] }, index) => {
      if (name === 'istio-proxy') return [];
      return mounts.map(
        (mount, mountIndex): Diagnostic => ({
          code: 'HDL0013',
          severity: 'info',
          message: `${title}: run locally, container ${name} does not get the volume ${mount.name} at ${mount.mountPath}`,
          hint: 'let heddle.yaml give the image a command or env that finds its files elsewhere',
          at: at(['spec', list, index, 'volumeMounts', mountIndex]),
        }),
      );
    }),
  );
}
