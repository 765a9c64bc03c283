// In: the name of a credential as a Gateway has it, and which proxy asks. Out: how the proxy is told to ask for it, and the secret that it is then
// given; or why it may not have it. A proxy may have what stands in its own namespace, and what the Gateway API grants.
import { failed, ok, type Result } from '#base/result.ts';
import type { CompileCache } from '#compile/compile-cache.ts';
import { type CredentialRole, credentialSecret, rootSuffix, secretUnit } from '#compile/credential-secrets.ts';
import type { Unit } from '#compile/unit.ts';
import { workloadSecret } from '#compile/workload-secrets.ts';
import type { SdsSecretConfig } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type { Credential } from '#model/credential.ts';

/** `granted`: the Gateway API lets its Gateway refer to it. */
export type CredentialUse = { readonly name: string; readonly role: CredentialRole; readonly granted: boolean };

/** Who asks: a proxy, for a Gateway. */
export type CredentialClient = { readonly namespace: string; readonly gatewayNamespace: string; readonly withoutIdentity: boolean };

/** `unit` is undefined where the secret does not come from the control plane. */
export type FoundSecret = { readonly sds: SdsSecretConfig; readonly unit?: Unit };

/** Completes "as …". */
export type MissingSecret = { readonly what: string; readonly hint: string };

export type GatewayCredentials = {
  readonly find: (use: CredentialUse, client: CredentialClient) => Result<FoundSecret, MissingSecret>;
  /** Stands for all that is found: what was made of it is still right where it is the same object. */
  readonly content: object;
};

/** Those of a mesh. A credential that did not change has the same unit as before. Source: Istio, SecretGen and filterAuthorizedResources. */
export function meshCredentials(credentials: ReadonlyMap<string, Credential>, cache: CompileCache): GatewayCredentials {
  return {
    content: credentials,
    find: (use, client) => {
      if (use.name.startsWith(builtinScheme)) return workloadIdentity(use.role, client);
      const place = placeOf(use, client.namespace);
      if (place === undefined) return failed({ what: `credential ${use.name} has no known form`, hint: knownForms });
      const refusal = refusalOf(place, use, client);
      if (refusal !== undefined) return failed(refusal);
      const credential = lookUp(place, use.role, credentials);
      const title = `${place.kind === 'secret' ? 'Secret' : 'ConfigMap'} ${place.namespace}/${place.name}`;
      if (credential === undefined) return failed({ what: `${title} was not found`, hint: whereItIs(place, client, credentials) });
      const { resourceName } = place;
      const unit = cache.once('credential secret', [credential], `${use.role} ${resourceName}`, () => ({
        made: secretUnit(credential, use.role, resourceName),
      }));
      if (unit.made === undefined) return failed({ what: `${title} holds no ${contentOf[use.role]}`, hint: keysOf[use.role] });
      return ok({ sds: credentialSecret(resourceName), unit: unit.made });
    },
  };
}

/** What is left for a proxy that no Secret is for: its own identity, and roots of ConfigMaps, which are no secret. */
export function withoutSecrets(credentials: GatewayCredentials): GatewayCredentials {
  return {
    content: {},
    find: (use, client) => {
      const isPublic = use.name.startsWith(builtinScheme) || use.name.startsWith('configmap://');
      return isPublic ? credentials.find(use, client) : failed(refusedToStrangers);
    },
  };
}

const refusedToStrangers: MissingSecret = {
  what: 'the proxy came without TLS, or the mesh knows no workload of its service account that has its labels, and Secrets are for those only',
  hint: 'let it come to the port with TLS (control-plane --ca, proxy --token-file), and write its Pod, or a WorkloadEntry with its serviceAccount and labels',
};

const builtinScheme = 'builtin://';
const knownForms = 'name a Secret of the namespace of the gateway proxy, or roots as configmap://namespace/name';
const contentOf: Readonly<Record<CredentialRole, string>> = {
  'key-pair': 'certificate with a key that can be used',
  roots: 'roots that can be used',
};
const keysOf: Readonly<Record<CredentialRole, string>> = {
  'key-pair': 'it needs tls.crt and tls.key, or cert and key',
  roots: 'it needs ca.crt, or cacert',
};

/** ISTIO_MUTUAL, and Istio's `builtin://`: the proxy's own identity. */
export function workloadIdentity(role: CredentialRole, { withoutIdentity }: CredentialClient): Result<FoundSecret, MissingSecret> {
  if (!withoutIdentity) return ok({ sds: workloadSecret(role === 'roots' ? 'ROOTCA' : 'default') });
  return failed({
    what: 'its proxy has no identity of the mesh',
    hint: 'start it with a token and the address of an authority, or use a certificate of a Secret',
  });
}

type Place = {
  readonly kind: Credential['kind'];
  /** Whether it was named in the way of the Gateway API, with a namespace. */
  readonly isGatewayApi: boolean;
  readonly namespace: string;
  readonly name: string;
  /** As the proxy asks for it. */
  readonly resourceName: string;
};

const form = /^(?:(kubernetes|kubernetes-gateway|configmap):\/\/)?(?:([^/:]+)\/)?([^/:]+)$/;

/** Source: Istio, credentials.ToResourceName and ParseResourceName; without a server of external secrets, `sds://name` is a Secret, too. */
function placeOf({ name: written, role }: CredentialUse, proxyNamespace: string): Place | undefined {
  const [, scheme = 'kubernetes', qualifier, name = ''] = form.exec(written.replace(/^sds:\/\//, '')) ?? [];
  if (name === '') return undefined;
  if (scheme !== 'kubernetes' && qualifier === undefined) return undefined;
  if (scheme === 'configmap' && role === 'key-pair') return undefined;
  const namespace = qualifier ?? proxyNamespace;
  const base = `${scheme}://${qualifier === undefined ? '' : `${qualifier}/`}${name}`;
  const resourceName = role === 'roots' && !name.endsWith(rootSuffix) ? `${base}${rootSuffix}` : base;
  return { kind: scheme === 'configmap' ? 'config-map' : 'secret', isGatewayApi: scheme === 'kubernetes-gateway', namespace, name, resourceName };
}

/** Roots in ConfigMaps are no secret; Secrets are for the proxies of their namespace, unless a ReferenceGrant says more. */
function refusalOf({ kind, isGatewayApi, namespace, name }: Place, { granted }: CredentialUse, client: CredentialClient): MissingSecret | undefined {
  if (kind === 'config-map') return undefined;
  const isOwn = namespace === client.namespace && (!isGatewayApi || client.gatewayNamespace === client.namespace);
  if (isOwn || (isGatewayApi && granted && client.gatewayNamespace === client.namespace)) return undefined;
  const what = `Secret ${namespace}/${name} is not for proxies of namespace ${client.namespace}`;
  return { what, hint: `copy it to namespace ${client.namespace}, where the pods of the gateway are` };
}

/** Roots stand in `name-cacert`, or else beside the certificate in `name`. Source: Istio, GetCaCert. */
function lookUp({ kind, namespace, name }: Place, role: CredentialRole, credentials: ReadonlyMap<string, Credential>): Credential | undefined {
  const stripped = name.endsWith(rootSuffix) ? name.slice(0, -rootSuffix.length) : name;
  const names = role === 'key-pair' ? [name] : kind === 'config-map' ? [stripped] : [`${stripped}${rootSuffix}`, stripped];
  return names.map((one) => credentials.get(`${kind}/${namespace}/${one}`)).find((one) => one !== undefined);
}

/** The usual mistake: it stands beside the Gateway or the Ingress, and the pods that need it are elsewhere. */
function whereItIs({ kind, name, namespace }: Place, { gatewayNamespace }: CredentialClient, credentials: ReadonlyMap<string, Credential>): string {
  if (kind === 'config-map') return 'it needs the key ca.crt';
  const namesakes = [...credentials.values()].filter((one) => one.kind === kind && one.name === name && one.keyPair !== undefined);
  const there = namesakes.find((one) => one.namespace === gatewayNamespace) ?? namesakes[0];
  if (there === undefined) return `a Secret with tls.crt and tls.key is looked for in namespace ${namespace}`;
  return `there is one in namespace ${there.namespace}; it must be in ${namespace}, where the pods of the gateway are`;
}
