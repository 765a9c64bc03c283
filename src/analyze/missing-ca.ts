// A DestinationRule that speaks TLS without a CA cannot know whom it speaks to: IST0128 for the rule, IST0129 for one port. Source: Istio's
// destinationrule.CaCertificateAnalyzer.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { TrafficPolicy } from '#api/istio/destination-rule.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export const missingCa: Analyzer = {
  name: 'missing-ca',
  run: ({ resources }) =>
    [...resources.DestinationRule.values()].flatMap(({ spec, origins }) => {
      const found: Diagnostic[] = [];
      const check = (tls: TrafficPolicy['tls'], code: 'IST0128' | 'IST0129', path: readonly (string | number)[]): void => {
        if (tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL') return;
        const fromSecret = (tls.credentialName ?? '') !== '' && spec.workloadSelector !== undefined;
        if ((tls.caCertificates ?? '') !== '' || fromSecret) return;
        const message = `TLS mode ${tls.mode} without caCertificates: the identity of ${spec.host} is not verified`;
        found.push({
          code,
          severity: 'warning',
          message,
          hint: 'set caCertificates to the file of the CA',
          at: origins.at([...path, 'tls', 'mode']),
        });
      };
      check(spec.trafficPolicy?.tls, 'IST0128', ['spec', 'trafficPolicy']);
      for (const [index, { tls }] of (spec.trafficPolicy?.portLevelSettings ?? []).entries()) {
        check(tls, 'IST0129', ['spec', 'trafficPolicy', 'portLevelSettings', index]);
      }
      return found;
    }),
};
