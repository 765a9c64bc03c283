// What RequestAuthentications ask that happens nowhere, or not as it is meant. In: the mesh. Out: diagnostics at the policy or the rule.
import type { Diagnostic } from '#base/diagnostic.ts';
import { readKeys } from '#base/json-web-keys.ts';
import type { Mesh } from '#model/mesh.ts';
import { indexReach, type PolicyReach, policyReach, type ReachedWorkload } from '#model/policy-reach.ts';
import type { JwtRule, RequestAuthentication } from '#model/request-authentication.ts';
import { servedPorts } from '#model/served-ports.ts';

/** `mesh` without its diagnostics. */
export function requestAuthenticationDiagnostics(mesh: Omit<Mesh, 'diagnostics'>): readonly Diagnostic[] {
  if (mesh.requestAuthentications.length === 0) return [];
  const whole: Mesh = { ...mesh, diagnostics: [] };
  const index = indexReach(whole);
  return whole.requestAuthentications.flatMap((policy) => [
    ...reachDiagnostics(policy, policyReach(policy, whole, index), whole),
    ...policy.rules.flatMap((rule) => ruleDiagnostics(policy, rule)),
  ]);
}

function reachDiagnostics(policy: RequestAuthentication, { enforcing, unprotected }: PolicyReach, mesh: Mesh): readonly Diagnostic[] {
  const { namespace, selector, targets, origin } = policy;
  const title = titleOf(policy);
  if (enforcing.length === 0 && unprotected.length === 0) {
    // What holds for whatever comes is no mistake while nothing has come.
    if (namespace === mesh.settings.rootNamespace && selector === undefined && targets === undefined) return [];
    const hint = targets === undefined ? labelHint(selector, namespace) : `name a target of namespace ${namespace} that has workloads`;
    return [
      { code: 'IST0127', severity: 'error', message: `${title} is for no workload, so nobody enforces it`, hint, at: targets?.[0]?.origin ?? origin },
    ];
  }
  const found: Diagnostic[] = [];
  if (unprotected.length > 0) {
    const names = unprotected.map((workload) => `${workload.namespace}/${workload.name}`).join(', ');
    found.push({
      code: 'HDL0074',
      severity: enforcing.length === 0 ? 'error' : 'warning',
      message: `${title} is for ${names}, without a proxy, so nobody checks tokens there`,
      hint: 'take sidecar.istio.io/inject: "false" away from the workload',
      at: origin,
    });
  }
  if (enforcing.length > 0 && enforcing.every((one) => carriesOnlyBytes(one, mesh))) {
    const message = `${title} is for workloads whose ports carry bytes, in which no token can be found: nobody enforces it`;
    found.push({ code: 'HDL0100', severity: 'error', message, hint: 'name the port http-…, or set its appProtocol to http', at: origin });
  }
  return found;
}

function carriesOnlyBytes({ workload, type }: ReachedWorkload, mesh: Mesh): boolean {
  const { http, bytes } = servedPorts({ workload }, mesh);
  return type === 'sidecar' && http.size === 0 && bytes.size > 0;
}

function labelHint(selector: RequestAuthentication['selector'], namespace: string): string {
  const labels = Object.entries(selector ?? {}).map(([name, value]) => `${name}=${value}`);
  return labels.length === 0 ? `namespace ${namespace} has no workload` : `no workload of namespace ${namespace} has the labels ${labels.join(', ')}`;
}

function ruleDiagnostics(policy: RequestAuthentication, { keys, issuer, origin }: JwtRule): readonly Diagnostic[] {
  const common = { severity: 'warning', at: origin } as const;
  if (keys.kind === 'discovery' && !/^https?:\/\//.test(issuer)) {
    const message = `${titleOf(policy)}: issuer ${issuer} is no URL, so its keys cannot be found and every token of it is refused`;
    return [{ ...common, code: 'HDL0101', severity: 'error', message, hint: 'write jwksUri, or jwks with the keys themselves' }];
  }
  if (keys.kind !== 'inline') return [];
  const what = `${titleOf(policy)}: the key set of issuer ${issuer}`;
  if (keys.heldPrivate === true) {
    const hint = 'take d, p, q, dp, dq, qi out of the keys, and use new ones: these are known now';
    return [{ ...common, code: 'HDL0102', message: `${what} holds a private key, which is left out: proxies need public ones only`, hint }];
  }
  if (!hasSecrets(keys.jwks)) return [];
  const hint = 'let the issuer sign with RS256, ES256 or EdDSA: then who verifies a token cannot make one';
  return [
    { ...common, code: 'HDL0102', message: `${what} holds a secret that tokens are signed with; every proxy that verifies them gets it`, hint },
  ];
}

/** Symmetric keys, of HS256 and its like. Rules have seen to it that the text is a key set. */
function hasSecrets(jwks: string): boolean {
  return readKeys(jwks)?.some(({ kty }) => kty === 'oct') === true;
}

function titleOf({ namespace, name }: RequestAuthentication): string {
  return `RequestAuthentication ${namespace}/${name}`;
}
