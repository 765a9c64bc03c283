// Envoy's DownstreamTlsContext and UpstreamTlsContext, compiled to what proxy/tls needs. Nothing is read here.
import type { UpstreamTls } from '#decide/cluster-entry.ts';
import type { Problems } from '#decide/config-error.ts';
import { dataSourceOf } from '#decide/data-source.ts';
import { unpackExtension } from '#decide/extension.ts';
import { secretReference } from '#decide/secret-reference.ts';
import { compileStringTest } from '#decide/string-test.ts';
import type { CertificateSource, DownstreamTls, KeyPairSource, PeerValidation, SanMatch, TlsSettings, TlsVersion } from '#decide/tls-entry.ts';
import type { TransportSocket } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ProxyProtocolConfig_Version as ProxyProtocolVersion } from '#envoy/gen/envoy/config/core/v3/proxy_protocol_pb.js';
import {
  type CertificateValidationContext,
  TlsParameters_TlsProtocol as Protocol,
  SubjectAltNameMatcher_SanType as SanType,
  type TlsCertificate,
  CertificateValidationContext_TrustChainVerification as TrustChain,
} from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { CommonTlsContext } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';

/** Undefined for plaintext (raw_buffer). */
export function compileDownstreamTls(socket: TransportSocket, field: string, problems: Problems): DownstreamTls | undefined {
  const message = unpackedSocket(socket);
  if (message !== undefined && message.$typeName === 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer') return undefined;
  if (message === undefined || message.$typeName !== 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext') {
    problems.report(field, `transport socket ${socket.name} is not supported`);
    return undefined;
  }
  const common = message.commonTlsContext;
  const at = `${field}.typed_config.common_tls_context`;
  const certificates = certificatesOf(common, at, problems);
  if (certificates.length === 0) problems.report(at, 'a certificate is required');
  return {
    certificates,
    ...validationOf(common, at, problems),
    alpn: common?.alpnProtocols ?? [],
    requireClientCertificate: message.requireClientCertificate ?? false,
    tickets: !(message.sessionTicketKeysType.case === 'disableStatelessSessionResumption' && message.sessionTicketKeysType.value),
    parameters: parametersOf(common),
  };
}

/** Undefined for plaintext (raw_buffer). */
export function compileUpstreamTls(socket: TransportSocket, field: string, problems: Problems): UpstreamTls | undefined {
  const message = unpackedSocket(socket);
  if (message !== undefined && message.$typeName === 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer') return undefined;
  if (message === undefined || message.$typeName !== 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext') {
    problems.report(field, `transport socket ${socket.name} is not supported`);
    return undefined;
  }
  const common = message.commonTlsContext;
  const at = `${field}.typed_config.common_tls_context`;
  const certificates = certificatesOf(common, at, problems);
  if (certificates.length > 1) problems.report(at, 'an upstream may have one certificate');
  return {
    sni: message.sni,
    alpn: common?.alpnProtocols ?? [],
    ...(certificates[0] === undefined ? {} : { certificate: certificates[0] }),
    ...validationOf(common, at, problems),
    parameters: parametersOf(common),
  };
}

/** Of a transport socket that begins with a PROXY protocol header: its version, and the socket behind it. Undefined: it is none. */
export function compileProxyProtocol(socket: TransportSocket): { readonly version: 1 | 2; readonly inner: TransportSocket | undefined } | undefined {
  const message = unpackedSocket(socket);
  if (message === undefined || message.$typeName !== 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport')
    return undefined;
  return { version: message.config?.version === ProxyProtocolVersion.V2 ? 2 : 1, inner: message.transportSocket };
}

function unpackedSocket(socket: TransportSocket) {
  return socket.configType.case === 'typedConfig' ? unpackExtension(socket.configType.value) : undefined;
}

function certificatesOf(common: CommonTlsContext | undefined, field: string, problems: Problems): CertificateSource[] {
  const secrets = common?.tlsCertificateSdsSecretConfigs.flatMap((config, index): CertificateSource[] => {
    const secret = secretReference(config, `${field}.tls_certificate_sds_secret_configs[${index}]`, problems);
    return secret === undefined ? [] : [{ kind: 'secret', secret }];
  });
  const pairs = common?.tlsCertificates.flatMap((pair, index) => pairOf(pair, `${field}.tls_certificates[${index}]`, problems)) ?? [];
  return [...(secrets ?? []), ...pairs];
}

function pairOf(certificate: TlsCertificate, field: string, problems: Problems): CertificateSource[] {
  const pair = keyPairOf(certificate);
  if (pair !== undefined) return [{ kind: 'pair', ...pair }];
  problems.report(field, 'certificate_chain and private_key are required');
  return [];
}

/** Also of a secret's tls_certificate. Undefined where one of the two is missing. */
export function keyPairOf(certificate: TlsCertificate): KeyPairSource | undefined {
  const chain = dataSourceOf(certificate.certificateChain);
  const key = dataSourceOf(certificate.privateKey);
  const ocspStaple = dataSourceOf(certificate.ocspStaple);
  return chain === undefined || key === undefined ? undefined : { chain, key, ...(ocspStaple === undefined ? {} : { ocspStaple }) };
}

type Validation = Pick<DownstreamTls, 'validation' | 'validationSecret'>;

function validationOf(common: CommonTlsContext | undefined, field: string, problems: Problems): Validation {
  const context = common?.validationContextType;
  switch (context?.case) {
    case 'validationContext':
      return { validation: peerValidation(context.value, `${field}.validation_context`, problems) };
    case 'validationContextSdsSecretConfig': {
      const secret = secretReference(context.value, `${field}.validation_context_sds_secret_config`, problems);
      return { validation: nothingChecked, ...(secret === undefined ? {} : { validationSecret: secret }) };
    }
    case 'combinedValidationContext': {
      const { defaultValidationContext: own, validationContextSdsSecretConfig: config } = context.value;
      const at = `${field}.combined_validation_context`;
      const validation = own === undefined ? nothingChecked : peerValidation(own, `${at}.default_validation_context`, problems);
      const secret = config === undefined ? undefined : secretReference(config, `${at}.validation_context_sds_secret_config`, problems);
      return { validation, ...(secret === undefined ? {} : { validationSecret: secret }) };
    }
    default:
      return { validation: nothingChecked };
  }
}

const nothingChecked: PeerValidation = { subjectAltNames: [], certificateHashes: [], keyHashes: [], acceptsUntrusted: false };

/** Also the content of an SDS secret's validation_context. */
export function peerValidation(context: CertificateValidationContext, field: string, problems: Problems): PeerValidation {
  const trustedCa = dataSourceOf(context.trustedCa);
  const crl = dataSourceOf(context.crl);
  const typed = context.matchTypedSubjectAltNames.map(({ sanType, matcher }, index): SanMatch => {
    const test = compileStringTest(matcher, `${field}.match_typed_subject_alt_names[${index}].matcher`, problems);
    const exact = sanType === SanType.DNS && matcher?.matchPattern.case === 'exact' ? matcher.matchPattern.value : undefined;
    const matches = exact === undefined ? test.matches : (name: string) => dnsNameCovers(name, exact);
    return { type: sanTypes[sanType], text: test.text, matches };
  });
  const untyped = context.matchSubjectAltNames.map((matcher, index): SanMatch => {
    const test = compileStringTest(matcher, `${field}.match_subject_alt_names[${index}]`, problems);
    return { type: 'any', text: test.text, matches: test.matches };
  });
  return {
    ...(trustedCa === undefined ? {} : { trustedCa }),
    ...(crl === undefined ? {} : { crl }),
    subjectAltNames: [...typed, ...untyped],
    certificateHashes: context.verifyCertificateHash.map((hash) => hash.replaceAll(':', '').toLowerCase()),
    keyHashes: context.verifyCertificateSpki,
    acceptsUntrusted: context.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED,
  };
}

/** What a combined_validation_context comes to: the secret's fields win, its lists are added. Source: Envoy merges the two messages. */
export function combineValidation(own: PeerValidation, secret: PeerValidation): PeerValidation {
  return {
    ...own,
    ...secret,
    subjectAltNames: [...own.subjectAltNames, ...secret.subjectAltNames],
    certificateHashes: [...own.certificateHashes, ...secret.certificateHashes],
    keyHashes: [...own.keyHashes, ...secret.keyHashes],
    acceptsUntrusted: own.acceptsUntrusted || secret.acceptsUntrusted,
  };
}

/** A name of a certificate may begin with `*.`, which stands for one label. Source: Envoy, Utility::dnsNameMatch. */
export function dnsNameCovers(certified: string, wanted: string): boolean {
  const [name, host] = [certified.toLowerCase(), wanted.toLowerCase()];
  if (!name.startsWith('*.')) return name === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === name.slice(1);
}

const sanTypes: Readonly<Record<SanType, SanMatch['type']>> = {
  [SanType.SAN_TYPE_UNSPECIFIED]: 'any',
  [SanType.EMAIL]: 'email',
  [SanType.DNS]: 'dns',
  [SanType.URI]: 'uri',
  [SanType.IP_ADDRESS]: 'ip',
  [SanType.OTHER_NAME]: 'any',
};

function parametersOf(common: CommonTlsContext | undefined): TlsSettings {
  const parameters = common?.tlsParams;
  const min = versions[parameters?.tlsMinimumProtocolVersion ?? Protocol.TLS_AUTO];
  const max = versions[parameters?.tlsMaximumProtocolVersion ?? Protocol.TLS_AUTO];
  return {
    ...(min === undefined ? {} : { minVersion: min }),
    ...(max === undefined ? {} : { maxVersion: max }),
    cipherSuites: parameters?.cipherSuites ?? [],
    curves: parameters?.ecdhCurves ?? [],
    signatureAlgorithms: parameters?.signatureAlgorithms ?? [],
  };
}

const versions: Readonly<Record<Protocol, TlsVersion | undefined>> = {
  [Protocol.TLS_AUTO]: undefined,
  [Protocol.TLSv1_0]: 'TLSv1',
  [Protocol.TLSv1_1]: 'TLSv1.1',
  [Protocol.TLSv1_2]: 'TLSv1.2',
  [Protocol.TLSv1_3]: 'TLSv1.3',
};
