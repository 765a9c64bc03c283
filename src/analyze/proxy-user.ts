// A workload runs as user 1337, which is the sidecar's: its traffic would not be captured (IST0144). Source: Istio's
// deployment.ApplicationUIDAnalyzer.
import type { Analyzer } from '#analyze/analyzer.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

const proxyUser = 1337;

export const proxyUserAnalyzer: Analyzer = {
  name: 'proxy-user',
  run: ({ templates }) =>
    templates.flatMap(({ spec, title, at }) => {
      const report = (path: readonly (string | number)[]): Diagnostic => ({
        code: 'IST0144',
        severity: 'warning',
        message: `${title} runs as user ${proxyUser}, which is reserved for the sidecar`,
        hint: 'choose another runAsUser',
        at: at(path),
      });
      const found: Diagnostic[] = [];
      if (spec.securityContext?.runAsUser === proxyUser) found.push(report(['spec', 'securityContext', 'runAsUser']));
      for (const [index, { name, securityContext }] of spec.containers.entries()) {
        if (name === 'istio-proxy' || securityContext?.runAsUser !== proxyUser) continue;
        found.push(report(['spec', 'containers', index, 'securityContext', 'runAsUser']));
      }
      return found;
    }),
};
