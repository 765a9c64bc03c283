// DestinationRule tls, and mutual TLS that nobody asked for: what connections of a cluster begin with. Where certificates cannot be had there is no
// cluster: nothing leaves with less than was asked for. Source: Istio, buildUpstreamTLSSettings, buildUpstreamClusterTLSContext, constructUpstreamTLS.
import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { clientProtocols } from '#compile/mesh-alpn.ts';
import type { ServiceMtls } from '#compile/service-mtls.ts';
import { meshClientParameters, originationParameters } from '#compile/tls-parameters.ts';
import { workloadSecret } from '#compile/workload-secrets.ts';
import { encodePart, packAny, packAnyOf } from '#envoy/any.ts';
import type { TransportSocketSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  type CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
} from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { SdsSecretConfig } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { type CommonTlsContextSchema, UpstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { ClientTls } from '#model/destination-rule.ts';
import { isWildcard } from '#model/hostname.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Service } from '#model/service.ts';

export type Socket = MessageInitShape<typeof TransportSocketSchema>;

/** `by-endpoint`: endpoints that can do mutual TLS get it, others plaintext. `impossible`: there is no way that would be as safe as asked for. */
export type Encryption =
  | { readonly kind: 'plaintext' }
  | { readonly kind: 'always'; readonly socket: Socket; readonly names?: RequestNames }
  | { readonly kind: 'by-endpoint'; readonly socket: Socket }
  | { readonly kind: 'impossible' };

/** What of each request says which server it is for: the server name of its connections, and what must stand in the server's certificate. */
export type RequestNames = { readonly sni: boolean; readonly san: boolean };

/** How the credentials that a rule names are asked for; undefined where the client may not have one of them. */
export type ClientSecrets = { readonly keyPair?: SdsSecretConfig; readonly roots?: SdsSecretConfig };

export type EncryptedCluster = {
  readonly service: Service;
  /** `outbound_.80_.v1_.hello.default.svc.cluster.local`: what a connection of the mesh is for. */
  readonly meshServerName: string;
  /** What the cluster speaks. */
  readonly protocol: keyof typeof clientProtocols;
  /** All that connections of the cluster carry is HTTP. */
  readonly isHttp: boolean;
  /** Connections go where the client meant to go, so that nothing is known of the other end. */
  readonly passesThrough: boolean;
  readonly port: number;
  readonly mtls: ServiceMtls;
  readonly hasIdentity: boolean;
  readonly systemRoots: string;
  /** Of what the rule names; undefined where the client may not have it. */
  readonly secrets: ClientSecrets | undefined;
  readonly settings: MeshSettings;
};

export function encryptionOf(tls: ClientTls | undefined, cluster: EncryptedCluster): Encryption {
  if (tls === undefined) return automaticEncryption(cluster);
  switch (tls.mode) {
    case 'disable':
      return { kind: 'plaintext' };
    case 'istio-mutual':
      if (!cluster.hasIdentity) return { kind: 'impossible' };
      return { kind: 'always', socket: meshSocket(tls.sni ?? cluster.meshServerName, namesOf(tls, cluster.mtls.accounts), cluster) };
    case 'simple':
    case 'mutual':
      if (isUnnamed(tls, cluster)) return { kind: 'impossible' };
      if (tls.credentialName === undefined) return ownEncryption(tls, cluster);
      // Differs from Istio, where sidecars that no rule chooses pass over the name of the credential, and with it the TLS: they call in plaintext.
      return cluster.secrets === undefined ? { kind: 'impossible' } : ownEncryption(tls, cluster);
  }
}

/**
 * Services that are many hosts, of a rule that says nothing of names, where no request says one either: whoever has any certificate would be believed.
 */
function isUnnamed(tls: ClientTls, { service: { hostname, subjectAltNames = [] }, isHttp }: EncryptedCluster): boolean {
  return isWildcard(hostname) && !isHttp && tls.sni === undefined && namesOf(tls, subjectAltNames).length === 0 && !tls.insecureSkipVerify;
}

function ownEncryption(tls: ClientTls, cluster: EncryptedCluster): Encryption {
  const names = requestNames(tls, cluster);
  return { kind: 'always', socket: ownSocket(tls, cluster, names), ...(names !== undefined && { names }) };
}

/**
 * Without `sni` the host of each request is the server name, and what certificates are held against where no names are written. Sniffed ports keep the
 * service's own name, differing from Istio: bytes that are no HTTP have no host. Source: Istio, setAutoSniAndAutoSanValidation.
 */
function requestNames(tls: ClientTls, { service, isHttp }: EncryptedCluster): RequestNames | undefined {
  if (tls.sni !== undefined || !isHttp) return undefined;
  return { sni: true, san: namesOf(tls, service.subjectAltNames ?? []).length === 0 && !tls.insecureSkipVerify };
}

function automaticEncryption(cluster: EncryptedCluster): Encryption {
  const { mtls, hasIdentity, passesThrough, port, meshServerName } = cluster;
  if (!hasIdentity || !mtls.automatic || (passesThrough && !mtls.wholePorts.has(port))) return { kind: 'plaintext' };
  return { kind: passesThrough ? 'always' : 'by-endpoint', socket: meshSocket(meshServerName, mtls.accounts, cluster) };
}

function namesOf({ subjectAltNames }: ClientTls, others: readonly string[]): readonly string[] {
  return subjectAltNames.length > 0 ? subjectAltNames : others;
}

const tlsSocketName = 'envoy.transport_sockets.tls';

/** Mutual TLS of the mesh: the proxy's own certificate, and servers by their identities. */
function meshSocket(sni: string, names: readonly string[], { protocol, settings }: EncryptedCluster): Socket {
  const value = packAnyOf(UpstreamTlsContextSchema, meshPart(protocol, names, settings), { sni });
  return { name: tlsSocketName, configType: { case: 'typedConfig', value } };
}

/** All but the server name is the same for most clusters, and encoded once. */
const meshParts = new WeakMap<MeshSettings, Map<string, Uint8Array>>();
const mostParts = 4096;

function meshPart(protocol: EncryptedCluster['protocol'], names: readonly string[], settings: MeshSettings): Uint8Array {
  let parts = meshParts.get(settings);
  if (parts === undefined) {
    parts = new Map();
    meshParts.set(settings, parts);
  }
  const key = `${protocol} ${names.join()}`;
  let part = parts.get(key);
  if (part === undefined) {
    part = encodePart(UpstreamTlsContextSchema, { commonTlsContext: meshContext(protocol, names) });
    if (parts.size >= mostParts) parts.clear();
    parts.set(key, part);
  }
  return part;
}

function meshContext(protocol: EncryptedCluster['protocol'], names: readonly string[]): CommonContext {
  return {
    tlsParams: meshClientParameters(),
    tlsCertificateSdsSecretConfigs: [workloadSecret('default')],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: { matchTypedSubjectAltNames: exactNames(names) },
        validationContextSdsSecretConfig: workloadSecret('ROOTCA'),
      },
    },
    alpnProtocols: [...clientProtocols[protocol]],
  };
}

type CommonContext = Exclude<MessageInitShape<typeof CommonTlsContextSchema>, MessageShape<typeof CommonTlsContextSchema>>;

/** TLS with certificates of its own: from files, from credentials, or only the system's roots. */
function ownSocket(tls: ClientTls, cluster: EncryptedCluster, names: RequestNames | undefined): Socket {
  const { service, protocol, settings } = cluster;
  return tlsSocket(serverName(tls, service) ?? '', {
    tlsParams: originationParameters(settings),
    ...ownCertificate(tls, cluster.secrets),
    ...ownValidation(tls, cluster, names),
    ...(protocol === 'http2' && { alpnProtocols: ['h2'] }),
  });
}

function ownCertificate({ mode, clientCertificate, privateKey }: ClientTls, secrets: ClientSecrets | undefined): CommonContext {
  if (mode !== 'mutual') return {};
  if (secrets?.keyPair !== undefined) return { tlsCertificateSdsSecretConfigs: [secrets.keyPair] };
  if (clientCertificate === undefined || privateKey === undefined) return {};
  return { tlsCertificates: [{ certificateChain: file(clientCertificate), privateKey: file(privateKey) }] };
}

/**
 * Names as written, else those of the ServiceEntry, else those that requests say, else the service's own where that is the server name.
 * Nothing is verified where that is asked for.
 */
function ownValidation(tls: ClientTls, { service, secrets, systemRoots }: EncryptedCluster, names: RequestNames | undefined): CommonContext {
  if (tls.insecureSkipVerify) return { validationContextType: { case: 'validationContext', value: {} } };
  const written = namesOf(tls, service.subjectAltNames ?? []);
  const own = tls.sni === undefined && names === undefined ? serverName(tls, service) : undefined;
  const matchTypedSubjectAltNames =
    written.length > 0 ? exactNames(written) : exactNames(own === undefined ? [] : [own], [SubjectAltNameMatcher_SanType.DNS]);
  if (secrets?.roots !== undefined) {
    return {
      validationContextType: {
        case: 'combinedValidationContext',
        value: { defaultValidationContext: { matchTypedSubjectAltNames }, validationContextSdsSecretConfig: secrets.roots },
      },
    };
  }
  const { caCertificates, caCrl } = tls;
  const trustedCa = file(caCertificates === undefined || caCertificates === 'system' ? systemRoots : caCertificates);
  const value: MessageInitShape<typeof CertificateValidationContextSchema> = {
    trustedCa,
    matchTypedSubjectAltNames,
    ...(caCrl !== undefined && { crl: file(caCrl) }),
  };
  return { validationContextType: { case: 'validationContext', value } };
}

/** The name as written, else the service's own, unless a request says another. Undefined for services that are many hosts. */
function serverName({ sni }: ClientTls, { hostname }: Service): string | undefined {
  return sni ?? (isWildcard(hostname) ? undefined : hostname);
}

/** An identity is an URI; any other name may stand in a certificate as either. */
function exactNames(names: readonly string[], types?: readonly SubjectAltNameMatcher_SanType[]) {
  const { DNS, URI } = SubjectAltNameMatcher_SanType;
  const typesOf = (name: string): readonly SubjectAltNameMatcher_SanType[] => types ?? (name.startsWith('spiffe://') ? [URI] : [DNS, URI]);
  return names.flatMap((value) => typesOf(value).map((sanType) => ({ sanType, matcher: { matchPattern: { case: 'exact' as const, value } } })));
}

function tlsSocket(sni: string, commonTlsContext: CommonContext): Socket {
  const value = packAny(UpstreamTlsContextSchema, { sni, commonTlsContext });
  return { name: tlsSocketName, configType: { case: 'typedConfig', value } };
}

function file(filename: string): { readonly specifier: { readonly case: 'filename'; readonly value: string } } {
  return { specifier: { case: 'filename', value: filename } };
}
