// The certificates that a listener names, and the roots that its Gateway names for clients: Secrets (and for roots ConfigMaps) that are there,
// that the listener may name, and that can be used. Source: Istio, buildTLS.
import type { GatewaySpec, ListenerSpec } from '#api/gateway-api/gateway.ts';
import type { SecretReference } from '#api/gateway-api/references.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Problem } from '#model/build/gateway-api/problem.ts';
import type { ReferenceGrants } from '#model/build/gateway-api/reference-grants.ts';
import type { ReferentMap } from '#model/build/gateway-api/references.ts';
import type { CredentialName } from '#model/gateway.ts';

type Path = readonly (string | number)[];
type KubernetesGateway = KindMap['KubernetesGateway'];
type ListenerOwner = KubernetesGateway | KindMap['ListenerSet'];

/** What references are looked up in. */
export type ReferenceContext = { readonly referents: ReferentMap; readonly grants: ReferenceGrants };

/** `names`: those that can be served. */
export type ListenerCertificates = { readonly names: readonly CredentialName[]; readonly problems: readonly Problem[] };

/** Nothing for listeners that do not end TLS, or end it with the identity of their proxy. */
export function listenerCertificates({ tls }: ListenerSpec, owner: ListenerOwner, path: Path, references: ReferenceContext): ListenerCertificates {
  if (tls === undefined || tls.mode === 'Passthrough' || usesWorkloadIdentity(tls.options)) return { names: [], problems: [] };
  const refs = tls.certificateRefs ?? [];
  const at = (index: number) => owner.origins.at([...path, 'tls', 'certificateRefs', index, 'name']);
  if (refs.length > 2) {
    const message = `a listener can have two certificates, not ${refs.length}`;
    return { names: [], problems: [{ condition: 'ResolvedRefs', reason: 'InvalidCertificateRef', message, hint: 'one RSA, one ECDSA', at: at(2) }] };
  }
  const found = refs.map((reference, index) => {
    const namespace = reference.namespace ?? owner.metadata.namespace;
    const wrong = certificateProblem(reference, namespace, owner, references);
    const name: CredentialName = { kind: 'secret', name: `kubernetes-gateway://${namespace}/${reference.name}`, granted: true };
    return { name, problems: wrong === undefined ? [] : [{ condition: 'ResolvedRefs' as const, ...wrong, at: at(index) }] };
  });
  return {
    names: found.filter(({ problems }) => problems.length === 0).map(({ name }) => name),
    problems: found.flatMap(({ problems }) => problems),
  };
}

/** The mode that an option asks for. Source: Istio, gateway.istio.io/tls-terminate-mode. */
export function terminateMode(options: Readonly<Record<string, string>> = {}): string | undefined {
  return options['gateway.istio.io/tls-terminate-mode'];
}

/** The proxy's own certificate is shown then, and no other named. */
export function usesWorkloadIdentity(options: Readonly<Record<string, string>> | undefined): boolean {
  const mode = terminateMode(options);
  return mode === 'ISTIO_SIMPLE' || mode === 'ISTIO_MUTUAL';
}

type Wrong = Pick<Problem, 'reason' | 'message' | 'hint'>;

function certificateProblem(
  { group = '', kind = 'Secret', name }: SecretReference,
  namespace: string,
  owner: ListenerOwner,
  { referents, grants }: ReferenceContext,
): Wrong | undefined {
  const reason = 'InvalidCertificateRef';
  if (group !== '' || kind !== 'Secret') return { reason, message: `a certificate is a Secret, not a ${kind}` };
  const refused = grantProblem('Secret', name, namespace, owner, grants);
  if (refused !== undefined) return refused;
  const secret = referents.get(`secret/${namespace}/${name}`);
  if (secret === undefined) return { reason, message: `Secret ${namespace}/${name} not found` };
  if (secret.keyPair) return undefined;
  if (secret.missing.length > 0) return { reason, message: `Secret ${namespace}/${name} has no ${secret.missing.join(' and no ')}` };
  return { reason, message: `the certificate in Secret ${namespace}/${name} cannot be used`, hint: 'see what is said of the Secret' };
}

/** A ListenerSet's references are granted under the Gateway's kind, as it stands for it. */
function grantProblem(
  kind: 'Secret' | 'ConfigMap',
  name: string,
  namespace: string,
  owner: ListenerOwner,
  grants: ReferenceGrants,
): Wrong | undefined {
  if (grants.permits({ kind: 'Gateway', namespace: owner.metadata.namespace }, { group: '', kind, namespace, name })) return undefined;
  return {
    reason: 'RefNotPermitted',
    message: `${kind} ${namespace}/${name} is in another namespace, which does not grant references to it`,
    hint: `write a ReferenceGrant in namespace ${namespace}: from kind Gateway of namespace ${owner.metadata.namespace}, to kind ${kind}`,
  };
}

type FrontendTls = NonNullable<NonNullable<GatewaySpec['tls']>['frontend']>;

/** How clients of a listener are verified: `optional` lets those in that show nothing, or something else. */
export type FrontendValidation = { readonly clientCa?: CredentialName; readonly optional: boolean; readonly problems: readonly Problem[] };

/** By the Gateway's tls.frontend, for the listener's port; undefined where clients need no certificate. */
export function frontendValidation(
  { port, tls }: ListenerSpec,
  gateway: KubernetesGateway,
  references: ReferenceContext,
): FrontendValidation | undefined {
  const { frontend } = gateway.spec.tls ?? {};
  if (frontend === undefined || tls === undefined || tls.mode === 'Passthrough' || usesWorkloadIdentity(tls.options)) return undefined;
  const { validation, path } = validationFor(frontend, port);
  if (validation === undefined) return undefined;
  const optional = validation.mode === 'AllowInsecureFallback';
  const [reference, second] = validation.caCertificateRefs;
  const at = (index: number) => gateway.origins.at([...path, 'caCertificateRefs', index, 'name']);
  const failed = (wrong: Wrong, index: number): FrontendValidation => ({
    optional,
    problems: [{ condition: 'ResolvedRefs', ...wrong, at: at(index) }],
  });
  if (reference === undefined) return undefined;
  if (second !== undefined)
    return failed({ reason: 'InvalidCACertificateRef', message: 'only one reference to roots is supported', hint: 'put all roots into one' }, 1);
  const { group, kind, name, namespace = gateway.metadata.namespace } = reference;
  if (group !== '' || (kind !== 'Secret' && kind !== 'ConfigMap')) {
    return failed({ reason: 'InvalidCACertificateKind', message: `roots are in a ConfigMap or a Secret, not in a ${kind}` }, 0);
  }
  const refused = grantProblem(kind, name, namespace, gateway, references.grants);
  if (refused !== undefined) return failed(refused, 0);
  const referent = references.referents.get(`${kind === 'Secret' ? 'secret' : 'config-map'}/${namespace}/${name}`);
  if (referent?.roots !== true) {
    const message = `${kind} ${namespace}/${name} ${referent === undefined ? 'not found' : 'holds no roots that can be used'}`;
    return failed({ reason: 'InvalidCACertificateRef', message, hint: 'it needs the key ca.crt with certificates in PEM' }, 0);
  }
  const scheme = kind === 'Secret' ? 'kubernetes-gateway' : 'configmap';
  return { clientCa: { kind: 'secret', name: `${scheme}://${namespace}/${name}-cacert`, granted: true }, optional, problems: [] };
}

function validationFor(frontend: FrontendTls, port: number): { readonly validation: FrontendTls['default']['validation']; readonly path: Path } {
  const index = (frontend.perPort ?? []).findIndex((one) => one.port === port);
  const own = frontend.perPort?.[index];
  const path = ['spec', 'tls', 'frontend'];
  if (own !== undefined) return { validation: own.tls.validation, path: [...path, 'perPort', index, 'tls', 'validation'] };
  return { validation: frontend.default.validation, path: [...path, 'default', 'validation'] };
}
