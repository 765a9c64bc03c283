// A container named istio-proxy that was written by hand: injection takes the name to mean that the sidecar is there already, so nothing adds
// and nothing configures one (HDL0022). `image: auto`, or the arguments that injection writes, show that it is meant otherwise.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { PodTemplateView } from '#analyze/pod-template.ts';
import type { Container } from '#api/kubernetes/container.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export const handWrittenSidecar: Analyzer = {
  name: 'hand-written-sidecar',
  run: ({ templates }) => templates.flatMap(checkTemplate),
};

function checkTemplate({ spec, title, at }: PodTemplateView): readonly Diagnostic[] {
  return (['containers', 'initContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index): readonly Diagnostic[] => {
      if (container.name !== 'istio-proxy' || isConfigured(container)) return [];
      return [
        {
          code: 'HDL0022',
          severity: 'warning',
          message: `${title}: the container istio-proxy is written by hand, and nothing configures it: it knows neither its control plane nor its Pod`,
          hint: 'remove the container; the sidecar is added by itself (on a cluster: by injection, label istio-injection: enabled on the namespace)',
          at: at(['spec', list, index]),
        },
      ];
    }),
  );
}

/** What injection writes: `proxy sidecar` or `proxy router` as arguments. A template for injection says `image: auto`. */
function isConfigured({ image, args = [], command = [], env = [] }: Container): boolean {
  return (
    image === undefined || image === 'auto' || args.includes('proxy') || command.includes('proxy') || env.some(({ name }) => name === 'PROXY_CONFIG')
  );
}
