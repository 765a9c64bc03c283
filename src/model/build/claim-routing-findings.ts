// IST0149: rules that choose by claims of a token, at a gateway where no token is verified: nobody there has any claim. Source: Istio,
// virtualservice.JWTClaimRouteAnalyzer.
import type { Diagnostic } from '#base/diagnostic.ts';
import { labelsMatch } from '#model/labels.ts';
import type { Mesh } from '#model/mesh.ts';
import { indexReach } from '#model/policy-reach.ts';
import { policyIsFor } from '#model/policy-target.ts';
import type { HttpMatch, VirtualService } from '#model/virtual-service.ts';

/** `mesh` without its diagnostics. */
export function claimRoutingDiagnostics(mesh: Omit<Mesh, 'diagnostics'>): readonly Diagnostic[] {
  const asking = mesh.virtualServices.flatMap((virtualService) => {
    const match = firstClaimMatch(virtualService);
    return match === undefined ? [] : [{ virtualService, match }];
  });
  if (asking.length === 0) return [];
  const whole: Mesh = { ...mesh, diagnostics: [] };
  const routers = [...indexReach(whole).values()].flat().filter(({ type }) => type === 'router');
  const verified = ({ workload }: (typeof routers)[number]): boolean => {
    const subject = { type: 'router', namespace: workload.namespace, labels: workload.labels } as const;
    return mesh.requestAuthentications.some((policy) => policy.rules.length > 0 && policyIsFor(policy, subject, whole));
  };
  return asking.flatMap(({ virtualService, match }) =>
    virtualService.gateways.flatMap((key) => {
      const gateway = mesh.gateways.find(({ namespace, name }) => `${namespace}/${name}` === key);
      const blind = routers.find((router) => gateway !== undefined && labelsMatch(gateway.selector, router.workload.labels) && !verified(router));
      return blind === undefined ? [] : [finding(virtualService, match, key, blind.workload)];
    }),
  );
}

function firstClaimMatch({ http }: VirtualService): HttpMatch | undefined {
  return http.flatMap(({ matches }) => matches).find(({ claims }) => claims !== undefined);
}

function finding(
  { namespace, name }: VirtualService,
  { claims = [], origin }: HttpMatch,
  gateway: string,
  workload: { readonly namespace: string; readonly name: string },
): Diagnostic {
  const [claim] = claims;
  return {
    code: 'IST0149',
    severity: 'error',
    message: `VirtualService ${namespace}/${name} asks for ${claim?.name ?? 'claims'}, and no RequestAuthentication is for the gateway ${gateway} (${workload.namespace}/${workload.name})`,
    hint: 'add a RequestAuthentication that selects the workloads of the gateway: it verifies the tokens that make the claims',
    at: origin,
  };
}
