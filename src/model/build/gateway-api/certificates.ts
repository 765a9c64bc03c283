// The certificates that a listener names: a Secret of type kubernetes.io/tls that is there, and that the listener may name.
import type { ListenerSpec } from '#api/gateway-api/gateway.ts';
import type { SecretReference } from '#api/gateway-api/references.ts';
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import type { Problem } from '#model/build/gateway-api/problem.ts';
import type { ReferenceGrants } from '#model/build/gateway-api/reference-grants.ts';

type ListenerOwner = KindMap['KubernetesGateway'] | KindMap['ListenerSet'];

/** Nothing for listeners that do not end TLS. Each certificate must be usable. */
export function certificateProblems(
  { tls }: ListenerSpec,
  owner: ListenerOwner,
  path: readonly (string | number)[],
  { Secret }: ResourcesByKind,
  grants: ReferenceGrants,
): readonly Problem[] {
  if (tls === undefined || tls.mode === 'Passthrough') return [];
  return (tls.certificateRefs ?? []).flatMap((reference, index) => {
    const at = owner.origins.at([...path, 'tls', 'certificateRefs', index, 'name']);
    const found = findProblem(reference, owner, Secret, grants);
    return found === undefined ? [] : [{ condition: 'ResolvedRefs', ...found, at }];
  });
}

function findProblem(
  { group = '', kind = 'Secret', name, namespace: written }: SecretReference,
  { metadata }: ListenerOwner,
  secrets: ResourcesByKind['Secret'],
  grants: ReferenceGrants,
): Pick<Problem, 'reason' | 'message' | 'hint'> | undefined {
  const namespace = written ?? metadata.namespace;
  if (group !== '' || kind !== 'Secret') return { reason: 'InvalidCertificateRef', message: `a certificate is a Secret, not a ${kind}` };
  // A ListenerSet's references are granted under the Gateway's kind, as it stands for it.
  if (!grants.permits({ kind: 'Gateway', namespace: metadata.namespace }, { group, kind, namespace, name })) {
    return {
      reason: 'RefNotPermitted',
      message: `Secret ${namespace}/${name} is in another namespace, which does not grant references to it`,
      hint: `write a ReferenceGrant in namespace ${namespace}: from kind Gateway of namespace ${metadata.namespace}, to Secrets`,
    };
  }
  const secret = secrets.get(`${namespace}/${name}`);
  if (secret === undefined) return { reason: 'InvalidCertificateRef', message: `Secret ${namespace}/${name} not found` };
  const keys = new Set([...Object.keys(secret.data ?? {}), ...Object.keys(secret.stringData ?? {})]);
  const missing = ['tls.crt', 'tls.key'].filter((key) => !keys.has(key));
  return missing.length === 0
    ? undefined
    : { reason: 'InvalidCertificateRef', message: `Secret ${namespace}/${name} has no ${missing.join(' and no ')}` };
}
