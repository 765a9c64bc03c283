// In: a Gateway server that ends TLS. Out: the transport socket that does it, or why no proxy can be given one: then the server is left out,
// never opened with less than it asks for.
import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { failed, ok, type Result } from '#base/result.ts';
import type { CredentialRole } from '#compile/credential-secrets.ts';
import { usableCipherSuites } from '#compile/gateway-cipher-suites.ts';
import {
  type CredentialClient,
  type FoundSecret,
  type GatewayCredentials,
  type MissingSecret,
  workloadIdentity,
} from '#compile/gateway-credentials.ts';
import type { Unit } from '#compile/unit.ts';
import { fileSecret } from '#compile/workload-secrets.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type TransportSocket, TransportSocketSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  type CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
  type TlsParametersSchema,
} from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { SdsSecretConfig } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { type CommonTlsContextSchema, DownstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { CredentialName, GatewayServer, ServerCertificate, ServerTls, TlsParameters, TlsVersion } from '#model/gateway.ts';
import type { TlsLimits } from '#model/mesh.ts';

/** The fields as written, not as a message. */
type CommonContext = Exclude<MessageInitShape<typeof CommonTlsContextSchema>, MessageShape<typeof CommonTlsContextSchema>>;

/** What a server's TLS is made with, for one proxy. */
export type CredentialScope = {
  readonly credentials: GatewayCredentials;
  readonly client: Omit<CredentialClient, 'gatewayNamespace'>;
  readonly tlsDefaults?: TlsLimits;
};

/** The socket, and the secrets that the proxy will ask for because of it. */
export type ServerSocket = { readonly socket: TransportSocket; readonly secrets: readonly Unit[] };

/** Source: Istio, BuildListenerTLSContext. The error says what cannot be had, and what to do. */
export function serverTransportSocket(
  { tls }: Pick<GatewayServer, 'tls'>,
  gatewayNamespace: string,
  scope: CredentialScope,
): Result<ServerSocket, MissingSecret> {
  if (tls === undefined) return failed({ what: 'it has no tls', hint: 'add tls' });
  const material = materialOf(tls, { ...scope.client, gatewayNamespace }, scope.credentials);
  if (!material.ok) return material;
  return ok({ socket: socketOf(tls, material.value, scope.tlsDefaults ?? {}), secrets: material.value.secrets });
}

/** Found again by all that they are made of: hundreds of servers have theirs in common, and after a change they are the same objects as before. */
const sockets = new Map<string, TransportSocket>();
const mostSockets = 4096;

function socketOf(tls: ServerTls, material: Material, limits: TlsLimits): TransportSocket {
  const { certificates, files, roots } = material;
  const text = JSON.stringify([tls.mode, tls.parameters, tls.clientCa, certificates.map(({ name }) => name), files, roots?.name, limits]);
  let socket = sockets.get(text);
  if (socket === undefined) {
    socket = makeSocket(tls, material, limits);
    if (sockets.size >= mostSockets) sockets.clear();
    sockets.set(text, socket);
  }
  return socket;
}

/**
 * Whose certificates are not to be verified is not asked for one. Differs from Istio, which asks and takes any: what is in such a certificate would be
 * told behind the proxy (x-forwarded-client-cert) and believed by policies (Envoy's RBAC compares names, verified or not), and anybody can write it.
 */
function makeSocket(tls: ServerTls, { certificates, files, roots }: Material, limits: TlsLimits): TransportSocket {
  const asksClients = tls.mode === 'istio-mutual' || !tls.parameters.skipsClientVerification;
  const value = packAny(DownstreamTlsContextSchema, {
    commonTlsContext: {
      alpnProtocols: ['h2', 'http/1.1'],
      tlsCertificateSdsSecretConfigs: [...certificates],
      tlsCertificates: files.map(({ chain, key }) => ({ certificateChain: file(chain), privateKey: file(key) })),
      ...(asksClients && validation(tls, roots)),
      ...(tls.mode !== 'istio-mutual' && { tlsParams: parameters(tls.parameters, limits) }),
    },
    requireClientCertificate: asksClients && (tls.mode === 'mutual' || tls.mode === 'istio-mutual'),
  });
  return create(TransportSocketSchema, { name: 'envoy.transport_sockets.tls', configType: { case: 'typedConfig', value } });
}

type Files = Extract<ServerCertificate, { readonly kind: 'files' }>;

type Material = {
  readonly certificates: readonly SdsSecretConfig[];
  /** Those that the proxy reads by itself, once. */
  readonly files: readonly Files[];
  /** Undefined: roots are in a file, or clients are not verified. */
  readonly roots?: SdsSecretConfig;
  readonly secrets: readonly Unit[];
};

/** All secrets that the server names, or the first that cannot be had. */
function materialOf(tls: ServerTls, client: CredentialClient, credentials: GatewayCredentials): Result<Material, MissingSecret> {
  const { mode, clientCa, certificates: own } = tls;
  if (mode === 'istio-mutual') return meshMaterial(client);
  if (own.length === 0) return failed({ what: 'TLS needs a certificate', hint: 'add credentialName, or serverCertificate and privateKey' });
  if ((mode === 'mutual' || mode === 'optional-mutual') && clientCa === undefined) {
    return failed({ what: `mode ${mode.toUpperCase().replace('-', '_')} needs roots for clients`, hint: 'add caCertificates, or credentialName' });
  }
  const find = ({ name, granted }: CredentialName, role: CredentialRole) => credentials.find({ name, role, granted: granted === true }, client);
  const isRead = (one: ServerCertificate): one is Files => one.kind === 'files' && watchedPair(one, client) === undefined;
  const ofServer = (one: ServerCertificate) => (one.kind === 'secret' ? [find(one, 'key-pair')] : (watchedPair(one, client) ?? []));
  const roots: Result<FoundSecret, MissingSecret> | undefined =
    clientCa?.kind === 'secret'
      ? find(clientCa, 'roots')
      : clientCa === undefined || client.withoutIdentity
        ? undefined
        : ok({ sds: fileSecret(`file-root:${clientCa.path}`) });
  const found: FoundSecret[] = [];
  for (const one of own.flatMap(ofServer)) {
    if (!one.ok) return one;
    found.push(one.value);
  }
  if (roots !== undefined && !roots.ok) return roots;
  const secrets = [...found, ...(roots === undefined ? [] : [roots.value])].flatMap(({ unit }) => unit ?? []);
  return ok({
    certificates: found.map(({ sds }) => sds),
    files: own.filter(isRead),
    ...(roots !== undefined && { roots: roots.value.sds }),
    secrets,
  });
}

/** The proxy's own identity, and the mesh's roots for clients. */
function meshMaterial(client: CredentialClient): Result<Material, MissingSecret> {
  const keyPair = workloadIdentity('key-pair', client);
  if (!keyPair.ok) return keyPair;
  const roots = workloadIdentity('roots', client);
  return roots.ok ? ok({ certificates: [keyPair.value.sds], files: [], roots: roots.value.sds, secrets: [] }) : roots;
}

/** Whoever has an agent beside it lets that watch its files, so that new ones are used as soon as they are there. */
function watchedPair({ chain, key }: Files, { withoutIdentity }: CredentialClient): Result<FoundSecret, MissingSecret> | undefined {
  if (withoutIdentity || chain.includes('~') || key.includes('~')) return undefined;
  return ok({ sds: fileSecret(`file-cert:${chain}~${key}`) });
}

/** Source: Istio, ApplyCredentialSDSToServerCommonTLSContext; files of revocation lists count for all kinds of roots. */
function validation({ clientCa, parameters: wanted }: ServerTls, roots: SdsSecretConfig | undefined): CommonContext {
  const own: MessageInitShape<typeof CertificateValidationContextSchema> = {
    matchTypedSubjectAltNames: wanted.subjectAltNames.flatMap((value) =>
      sanTypes.map((sanType) => ({ sanType, matcher: { matchPattern: { case: 'exact' as const, value } } })),
    ),
    verifyCertificateSpki: [...wanted.certificateSpki],
    verifyCertificateHash: [...wanted.certificateHash],
    ...(wanted.crlFile !== undefined && { crl: file(wanted.crlFile) }),
  };
  if (roots !== undefined) {
    const value = { defaultValidationContext: own, validationContextSdsSecretConfig: roots };
    return { validationContextType: { case: 'combinedValidationContext', value } };
  }
  if (clientCa?.kind !== 'file') return {};
  return { validationContextType: { case: 'validationContext', value: { ...own, trustedCa: file(clientCa.path) } } };
}

/** A name counts in whatever form the certificate has it. */
const { DNS, URI, EMAIL, IP_ADDRESS } = SubjectAltNameMatcher_SanType;
const sanTypes = [DNS, URI, EMAIL, IP_ADDRESS];

/** What the server says goes before MeshConfig.tlsDefaults. Source: Istio, applyDownstreamTLSDefaults and applyServerTLSSettings. */
function parameters(own: TlsParameters, defaults: TlsLimits): MessageInitShape<typeof TlsParametersSchema> {
  const min = own.minVersion ?? defaults.minVersion ?? '1.2';
  return {
    // Istio admits nothing older than 1.2 unless it is asked for.
    tlsMinimumProtocolVersion: protocols[min],
    ...(own.maxVersion !== undefined && { tlsMaximumProtocolVersion: protocols[own.maxVersion] }),
    cipherSuites: [...usableCipherSuites(own.cipherSuites.length > 0 ? own.cipherSuites : (defaults.cipherSuites ?? []))],
    ecdhCurves: [...(own.ecdhCurves.length > 0 ? own.ecdhCurves : (defaults.ecdhCurves ?? []))],
  };
}

const protocols: Readonly<Record<TlsVersion, TlsParameters_TlsProtocol>> = {
  '1.0': TlsParameters_TlsProtocol.TLSv1_0,
  '1.1': TlsParameters_TlsProtocol.TLSv1_1,
  '1.2': TlsParameters_TlsProtocol.TLSv1_2,
  '1.3': TlsParameters_TlsProtocol.TLSv1_3,
};

function file(filename: string) {
  return { specifier: { case: 'filename' as const, value: filename } };
}
