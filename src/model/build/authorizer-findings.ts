// Policies with action CUSTOM that nobody can be asked about: what they pick is denied, and their writer is told (HDL0076).

import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import { authorizerService } from '#model/authorizer-service.ts';
import type { FindingsContext } from '#model/build/authorization-findings-context.ts';
import type { Mesh } from '#model/mesh.ts';
import type { PolicyReach } from '#model/policy-reach.ts';

type Custom = AuthorizationPolicy & { readonly action: { readonly kind: 'custom'; readonly provider: string } };

function isCustom(policy: AuthorizationPolicy): policy is Custom {
  return policy.action.kind === 'custom';
}

type Context = Pick<FindingsContext, 'mesh' | 'ports'>;

export function authorizerDiagnostics(
  policies: readonly AuthorizationPolicy[],
  reaches: ReadonlyMap<AuthorizationPolicy, PolicyReach>,
  { mesh, ports }: Context,
): readonly Diagnostic[] {
  const custom = policies.filter(isCustom);
  return custom.flatMap((policy) => {
    const missing = missingAuthorizer(policy, mesh);
    const rival = custom.find((other) => other.action.provider !== policy.action.provider && shareWorkload(other, policy, reaches));
    return [
      ...(missing === undefined ? [] : [missing]),
      ...(rival === undefined ? [] : [severalProviders(policy, rival)]),
      ...(missing === undefined ? notAskedOnBytes(policy, reaches.get(policy), { mesh, ports }) : []),
    ];
  });
}

function missingAuthorizer(policy: Custom, mesh: Mesh): Diagnostic | undefined {
  const { provider: name } = policy.action;
  const { externalAuthorizers } = mesh.settings;
  const provider = externalAuthorizers.get(name);
  const common = { code: 'HDL0076', severity: 'error', at: policy.origin } as const;
  const title = `AuthorizationPolicy ${policy.namespace}/${policy.name}`;
  if (provider === undefined) {
    const near = closest(name, [...externalAuthorizers.keys()]);
    const known = [...externalAuthorizers.keys()].join(', ') || 'none';
    const hint = near === undefined ? `providers that authorise, in MeshConfig.extensionProviders: ${known}` : `did you mean ${near}?`;
    return { ...common, message: `${title}: there is no provider ${name} to ask, so all that it picks is denied`, hint };
  }
  if (authorizerService(mesh, provider) !== undefined) return undefined;
  return {
    ...common,
    message: `${title}: the provider ${name} is port ${provider.port} of ${provider.service}, which is not there, so all that it picks is denied`,
    hint: 'name the service by its whole host name, with NAMESPACE/ in front where several namespaces have it, and a port that it has',
    related: [{ message: 'the provider', at: provider.origin }],
  };
}

/** HDL0075 for ports of bytes, about which a provider that speaks HTTP is not asked. */
function notAskedOnBytes(policy: Custom, reach: PolicyReach | undefined, { mesh, ports }: Context): readonly Diagnostic[] {
  const provider = mesh.settings.externalAuthorizers.get(policy.action.provider);
  const sidecars = (reach?.enforcing ?? []).filter(({ type }) => type === 'sidecar').map(({ workload }) => ports(workload));
  const bytes = [...new Set(sidecars.flatMap((served) => [...served.bytes]))].sort((a, b) => a - b);
  if (provider?.protocol.kind !== 'http' || bytes.length === 0) return [];
  const nowhere = sidecars.every(({ http }) => http.size === 0);
  return [
    {
      code: 'HDL0075',
      severity: nowhere ? 'error' : 'warning',
      message: `AuthorizationPolicy ${policy.namespace}/${policy.name}: nobody is asked about port ${bytes.join(', ')}, which carries bytes, as the provider ${provider.name} speaks HTTP`,
      hint: 'ask a provider over gRPC (envoyExtAuthzGrpc), or deny what may not connect there',
      at: policy.origin,
    },
  ];
}

function shareWorkload(one: AuthorizationPolicy, other: AuthorizationPolicy, reaches: ReadonlyMap<AuthorizationPolicy, PolicyReach>): boolean {
  const ofOne = new Set((reaches.get(one)?.enforcing ?? []).map(({ workload }) => workload));
  return (reaches.get(other)?.enforcing ?? []).some(({ workload }) => ofOne.has(workload));
}

function severalProviders(policy: Custom, rival: Custom): Diagnostic {
  return {
    code: 'HDL0076',
    severity: 'error',
    message: `AuthorizationPolicy ${policy.namespace}/${policy.name} asks ${policy.action.provider} about workloads for which ${rival.action.provider} is asked, too; all that either picks is denied`,
    hint: 'a workload can have one provider',
    at: policy.origin,
    related: [{ message: `asks ${rival.action.provider}`, at: rival.origin }],
  };
}
