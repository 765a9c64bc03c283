// What `heddle authz check` does: files, and the name of a workload → the AuthorizationPolicies that its proxy enforces, port by port and in their
// order; and for a call the verdict, with the policy, rule and condition that decided. Decided by the engine that the proxy runs.
import { authzCall, type CheckedCall } from '#app/authz-call.ts';
import { type PortPolicies, portPolicies } from '#app/authz-ports.ts';
import { authzVerdict, type Verdict } from '#app/authz-verdict.ts';
import { readMeshFiles, withReadErrors } from '#app/mesh-files.ts';
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { formatOrigin } from '#base/origin.ts';
import { failed, ok, type Result } from '#base/result.ts';
import { authorizationPoliciesFor } from '#compile/authorization.ts';
import { MeshCompiler } from '#compile/mesh-compiler.ts';
import type { AuthorizationPolicy } from '#model/authorization-policy.ts';
import type { Mesh } from '#model/mesh.ts';
import type { Proxy } from '#model/proxy.ts';
import { proxyForWorkload } from '#model/proxy-for-workload.ts';
import type { Workload } from '#model/workload.ts';

export type AuthzRequest = {
  readonly paths: readonly string[];
  /** A pod, or what its pods' names begin with: `web`, `web-v1`. */
  readonly workload: string;
  readonly namespace: string;
  /** A call to decide about; without it only the policies are listed. */
  readonly call?: CheckedCall;
};

export type AuthzReport = {
  /** `namespace/name` of the pod that was looked at. */
  readonly workload: string;
  readonly proxy: Proxy['type'];
  /** Further pods of that name, which have the same policies where their labels are the same. */
  readonly others: readonly string[];
  readonly policies: readonly PolicyLine[];
  readonly ports: readonly PortPolicies[];
  readonly verdict?: Verdict;
  /** Findings about these policies. */
  readonly diagnostics: readonly Diagnostic[];
};

export type PolicyLine = {
  readonly action: string;
  readonly policy: string;
  readonly provider?: string;
  readonly dryRun: boolean;
  readonly at: string;
};

/** The error is a sentence: no such workload, no such port. */
export async function checkAuthz(request: AuthzRequest): Promise<Result<AuthzReport, string>> {
  const files = await readMeshFiles(request.paths);
  const { mesh } = files;
  const found = findWorkloads(mesh, request);
  const [workload, ...others] = found;
  if (workload === undefined) return failed(withReadErrors(noSuchWorkload(mesh, request), files));
  // As it is once it runs: with a certificate of the mesh.
  const { withoutIdentity: _none, ...proxy } = proxyForWorkload(mesh, workload, { kind: 'redirect' });
  const policies = authorizationPoliciesFor(mesh, proxy);
  const compiled = new MeshCompiler(mesh).compile(proxy);
  const ports = portPolicies(mesh, proxy, workload, policies);
  const call = request.call === undefined ? undefined : authzCall(request.call, proxy, workload, ports, mesh);
  if (call?.ok === false) return call;
  return ok({
    workload: keyOf(workload),
    proxy: proxy.type,
    others: others.map(keyOf),
    policies: policies.map(policyLine),
    ports,
    ...(call !== undefined && { verdict: authzVerdict(call.value, compiled) }),
    diagnostics: aboutPolicies([...files.diagnostics, ...mesh.diagnostics], policies),
  });
}

function keyOf({ namespace, name }: Workload): string {
  return `${namespace}/${name}`;
}

function policyLine({ action, namespace, name, dryRun, origin }: AuthorizationPolicy): PolicyLine {
  return {
    action: action.kind.toUpperCase(),
    policy: `${namespace}/${name}`,
    ...(action.kind === 'custom' && { provider: action.provider }),
    dryRun,
    at: formatOrigin(origin),
  };
}

/** By the pod's name, else by how its name begins (a Deployment's), else by its label `app`. */
export function findWorkloads(
  { workloads }: Mesh,
  { workload: wanted, namespace }: Pick<AuthzRequest, 'workload' | 'namespace'>,
): readonly Workload[] {
  const exact = workloads.get(`${namespace}/${wanted}`);
  if (exact !== undefined) return [exact];
  const own = [...workloads.values()].filter((workload) => workload.namespace === namespace);
  const byName = own.filter(({ name }) => name.startsWith(`${wanted}-`));
  return byName.length > 0 ? byName : own.filter(({ labels }) => labels['app'] === wanted);
}

export function noSuchWorkload({ workloads }: Mesh, { workload, namespace }: Pick<AuthzRequest, 'workload' | 'namespace'>): string {
  const names = [...workloads.values()].map(keyOf).sort();
  const near = closest(`${namespace}/${workload}`, names);
  const hint = near === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean ${near}?`;
  return `there is no workload ${namespace}/${workload}; ${hint}`;
}

/** Findings at policies that are in force here, and at AuthorizationPolicies that could not be read. */
function aboutPolicies(diagnostics: readonly Diagnostic[], policies: readonly AuthorizationPolicy[]): readonly Diagnostic[] {
  const own = new Set(policies.map(({ namespace, name }) => `AuthorizationPolicy ${namespace}/${name}`));
  return diagnostics.filter(({ at, severity }) => {
    const resource = at?.resource ?? '';
    return own.has(resource) || (severity === 'error' && resource.startsWith('AuthorizationPolicy '));
  });
}
