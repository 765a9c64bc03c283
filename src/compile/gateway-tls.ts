// In: a Gateway server that ends TLS. Out: the transport socket that does it, or why no proxy can be given one: then the server is left out,
// never opened with less than it asks for.
import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { failed, ok, type Result } from '#base/result.ts';
import { adsConfigSource } from '#compile/config-source.ts';
import { usableCipherSuites } from '#compile/gateway-cipher-suites.ts';
import type { GatewayCredentials } from '#compile/gateway-credentials.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type TransportSocket, TransportSocketSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  type CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
  type TlsCertificateSchema,
  TlsParameters_TlsProtocol,
  type TlsParametersSchema,
} from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { SdsSecretConfigSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { type CommonTlsContextSchema, DownstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { GatewayServer, ServerTls, TlsParameters, TlsVersion } from '#model/gateway.ts';

/** The fields as written, not as a message. */
type CommonContext = Exclude<MessageInitShape<typeof CommonTlsContextSchema>, MessageShape<typeof CommonTlsContextSchema>>;

/** Where credentials may come from, for the proxies of a namespace. */
export type CredentialScope = { readonly credentials: GatewayCredentials; readonly namespace: string };

/** Source: Istio, BuildListenerTLSContext. The error says what cannot be had, without a full stop. */
export function serverTransportSocket({ port, tls }: GatewayServer, scope: CredentialScope): Result<TransportSocket, string> {
  if (tls === undefined) return failed('the server has no tls');
  const missing = unservable(tls, scope);
  if (missing !== undefined) return failed(missing);
  const isMutualBytes = tls.mode === 'istio-mutual' && port.protocol !== 'https';
  const value = packAny(DownstreamTlsContextSchema, {
    commonTlsContext: {
      alpnProtocols: isMutualBytes ? ['istio-peer-exchange', 'h2', 'http/1.1'] : ['h2', 'http/1.1'],
      ...certificates(tls),
      ...validation(tls),
      ...(tls.mode !== 'istio-mutual' && { tlsParams: parameters(tls.parameters) }),
    },
    requireClientCertificate: tls.mode === 'mutual' || tls.mode === 'istio-mutual',
  });
  return ok(create(TransportSocketSchema, { name: 'envoy.transport_sockets.tls', configType: { case: 'typedConfig', value } }));
}

/** Names of the mesh's own identity and roots, as every proxy asks for them. */
const workloadCertificate = 'default';
const workloadRoots = 'ROOTCA';

function unservable(tls: ServerTls, { credentials, namespace }: CredentialScope): string | undefined {
  const { clientCa, certificates: own, parameters: wanted } = tls;
  const names = [
    ...(tls.mode === 'istio-mutual' ? [workloadCertificate] : []),
    ...own.flatMap((certificate) => (certificate.kind === 'secret' ? [certificate.name] : [])),
    ...(clientCa?.kind === 'secret' ? [clientCa.name] : []),
  ];
  const missing = names.find((name) => !credentials.has(name, namespace));
  if (missing !== undefined) return tls.mode === 'istio-mutual' ? 'mode ISTIO_MUTUAL' : `credential ${missing}`;
  if (tls.mode !== 'istio-mutual' && own.length === 0) return 'TLS without a certificate';
  if ((tls.mode === 'mutual' || tls.mode === 'optional-mutual') && clientCa === undefined) return 'client certificates without a CA';
  if (wanted.skipsClientVerification) return 'insecureSkipVerify';
  if (wanted.certificateSpki.length > 0 || wanted.certificateHash.length > 0) return 'verification of clients by the hash of their certificate';
  return wanted.crlFile === undefined ? undefined : 'a certificate revocation list';
}

function certificates({ mode, certificates: own }: ServerTls): CommonContext {
  const names = mode === 'istio-mutual' ? [workloadCertificate] : own.flatMap((one) => (one.kind === 'secret' ? [secretName(one.name)] : []));
  const pairs = own.flatMap((one): MessageInitShape<typeof TlsCertificateSchema>[] =>
    one.kind === 'files' ? [{ certificateChain: file(one.chain), privateKey: file(one.key) }] : [],
  );
  return { tlsCertificateSdsSecretConfigs: names.map(secret), tlsCertificates: pairs };
}

function validation({ mode, clientCa, parameters: { subjectAltNames } }: ServerTls): CommonContext {
  const defaultValidationContext: MessageInitShape<typeof CertificateValidationContextSchema> = {
    matchTypedSubjectAltNames: subjectAltNames.flatMap((value) =>
      sanTypes.map((sanType) => ({ sanType, matcher: { matchPattern: { case: 'exact' as const, value } } })),
    ),
  };
  const combined = (name: string): CommonContext => ({
    validationContextType: {
      case: 'combinedValidationContext',
      value: { defaultValidationContext, validationContextSdsSecretConfig: secret(name) },
    },
  });
  if (mode === 'istio-mutual') return combined(workloadRoots);
  if (clientCa === undefined) return {};
  if (clientCa.kind === 'secret') return combined(secretName(clientCa.name));
  return { validationContextType: { case: 'validationContext', value: { ...defaultValidationContext, trustedCa: file(clientCa.path) } } };
}

/** A name counts in whatever form the certificate has it. */
const { DNS, URI, EMAIL, IP_ADDRESS } = SubjectAltNameMatcher_SanType;
const sanTypes = [DNS, URI, EMAIL, IP_ADDRESS];

function parameters({ minVersion, maxVersion, cipherSuites, ecdhCurves }: TlsParameters): MessageInitShape<typeof TlsParametersSchema> {
  return {
    // Istio admits nothing older than 1.2 unless it is asked for.
    tlsMinimumProtocolVersion: minVersion === undefined ? TlsParameters_TlsProtocol.TLSv1_2 : protocols[minVersion],
    ...(maxVersion !== undefined && { tlsMaximumProtocolVersion: protocols[maxVersion] }),
    cipherSuites: [...usableCipherSuites(cipherSuites)],
    ecdhCurves: [...ecdhCurves],
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

/** Istio's name for a Secret of the gateway's namespace: `kubernetes://name`, unless it says where it is from itself. */
function secretName(name: string): string {
  return name.includes('://') ? name : `kubernetes://${name}`;
}

function secret(name: string): MessageInitShape<typeof SdsSecretConfigSchema> {
  return { name, sdsConfig: adsConfigSource() };
}
