// A rule whose destinations all have weight 0 can send its requests nowhere (HDL0023). Istio refuses it (validation: "total destination weight
// = 0"); a rule with several destinations and no weight at all is refused likewise, since an absent weight is 0 there.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export const zeroWeights: Analyzer = {
  name: 'zero-weights',
  run: ({ resources }) =>
    [...resources.VirtualService.values()].flatMap(({ spec, origins }) =>
      (['http', 'tcp', 'tls'] as const).flatMap((protocol) =>
        (spec[protocol] ?? []).flatMap(({ route = [] }, rule): readonly Diagnostic[] => {
          const total = route.reduce((sum, { weight = 0 }) => sum + weight, 0);
          const isSingle = route.length === 1 && route[0]?.weight === undefined;
          if (route.length === 0 || total > 0 || isSingle) return [];
          return [
            {
              code: 'HDL0023',
              severity: 'error',
              message: 'the weights of all destinations are 0, so no request can be sent to any of them',
              hint: 'give each destination its share, such as weight: 90 and weight: 10',
              at: origins.at(['spec', protocol, rule, 'route', 0, 'weight']),
            },
          ];
        }),
      ),
    ),
};
