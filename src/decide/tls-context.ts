// Envoy's DownstreamTlsContext and UpstreamTlsContext, compiled to what proxy/tls needs. Nothing is read here.
import { isMessage } from '@bufbuild/protobuf';
import type { UpstreamTls } from '#decide/cluster-entry.ts';
import type { Problems } from '#decide/config-error.ts';
import { dataSourceOf } from '#decide/data-source.ts';
import { unpackExtension } from '#decide/extension.ts';
import { compileStringTest } from '#decide/string-test.ts';
import type { CertificateSource, DataSourceEntry, DownstreamTls, SanMatch, TlsVersion } from '#decide/tls-entry.ts';
import type { TransportSocket } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { ProxyProtocolConfig_Version as ProxyProtocolVersion } from '#envoy/gen/envoy/config/core/v3/proxy_protocol_pb.js';
import { ProxyProtocolUpstreamTransportSchema } from '#envoy/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { RawBufferSchema } from '#envoy/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import {
  type CertificateValidationContext,
  TlsParameters_TlsProtocol as Protocol,
  SubjectAltNameMatcher_SanType as SanType,
  type TlsCertificate,
} from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import {
  type CommonTlsContext,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';

/** Undefined for plaintext (raw_buffer). */
export function compileDownstreamTls(socket: TransportSocket, field: string, problems: Problems): DownstreamTls | undefined {
  const message = unpackedSocket(socket);
  if (message !== undefined && isMessage(message, RawBufferSchema)) return undefined;
  if (message === undefined || !isMessage(message, DownstreamTlsContextSchema)) {
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
    ...versionsOf(common),
    cipherSuites: common?.tlsParams?.cipherSuites ?? [],
  };
}

/** Undefined for plaintext (raw_buffer). */
export function compileUpstreamTls(socket: TransportSocket, field: string, problems: Problems): UpstreamTls | undefined {
  const message = unpackedSocket(socket);
  if (message !== undefined && isMessage(message, RawBufferSchema)) return undefined;
  if (message === undefined || !isMessage(message, UpstreamTlsContextSchema)) {
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
    ...versionsOf(common),
    cipherSuites: common?.tlsParams?.cipherSuites ?? [],
  };
}

/** Of a transport socket that begins with a PROXY protocol header: its version, and the socket behind it. Undefined: it is none. */
export function compileProxyProtocol(socket: TransportSocket): { readonly version: 1 | 2; readonly inner: TransportSocket | undefined } | undefined {
  const message = unpackedSocket(socket);
  if (message === undefined || !isMessage(message, ProxyProtocolUpstreamTransportSchema)) return undefined;
  return { version: message.config?.version === ProxyProtocolVersion.V2 ? 2 : 1, inner: message.transportSocket };
}

function unpackedSocket(socket: TransportSocket) {
  return socket.configType.case === 'typedConfig' ? unpackExtension(socket.configType.value) : undefined;
}

function certificatesOf(common: CommonTlsContext | undefined, field: string, problems: Problems): CertificateSource[] {
  const secrets = common?.tlsCertificateSdsSecretConfigs.map(({ name }): CertificateSource => ({ kind: 'secret', name })) ?? [];
  const pairs = common?.tlsCertificates.flatMap((pair, index) => pairOf(pair, `${field}.tls_certificates[${index}]`, problems)) ?? [];
  return [...secrets, ...pairs];
}

export function pairOf(certificate: TlsCertificate, field: string, problems: Problems): CertificateSource[] {
  const chain = dataSourceOf(certificate.certificateChain);
  const key = dataSourceOf(certificate.privateKey);
  if (chain !== undefined && key !== undefined) return [{ kind: 'pair', chain, key }];
  problems.report(field, 'certificate_chain and private_key are required');
  return [];
}

type Validation = { readonly trustedCa?: DataSourceEntry; readonly trustedCaSecret?: string; readonly subjectAltNames: readonly SanMatch[] };

function validationOf(common: CommonTlsContext | undefined, field: string, problems: Problems): Validation {
  const context = common?.validationContextType;
  switch (context?.case) {
    case 'validationContext':
      return validationContext(context.value, `${field}.validation_context`, problems);
    case 'validationContextSdsSecretConfig':
      return { trustedCaSecret: context.value.name, subjectAltNames: [] };
    case 'combinedValidationContext': {
      const { defaultValidationContext: own, validationContextSdsSecretConfig: secret } = context.value;
      const at = `${field}.combined_validation_context.default_validation_context`;
      const defaults = own === undefined ? { subjectAltNames: [] } : validationContext(own, at, problems);
      return { ...defaults, ...(secret === undefined ? {} : { trustedCaSecret: secret.name }) };
    }
    default:
      return { subjectAltNames: [] };
  }
}

/** Also the content of an SDS secret's validation_context. */
export function validationContext(context: CertificateValidationContext, field: string, problems: Problems): Validation {
  const trustedCa = dataSourceOf(context.trustedCa);
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
  return { ...(trustedCa === undefined ? {} : { trustedCa }), subjectAltNames: [...typed, ...untyped] };
}

/** A name of a certificate may begin with `*.`, which stands for one label. Source: Envoy, Utility::dnsNameMatch. */
function dnsNameCovers(certified: string, wanted: string): boolean {
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

function versionsOf(common: CommonTlsContext | undefined): { readonly minVersion?: TlsVersion; readonly maxVersion?: TlsVersion } {
  const min = versions[common?.tlsParams?.tlsMinimumProtocolVersion ?? Protocol.TLS_AUTO];
  const max = versions[common?.tlsParams?.tlsMaximumProtocolVersion ?? Protocol.TLS_AUTO];
  return { ...(min === undefined ? {} : { minVersion: min }), ...(max === undefined ? {} : { maxVersion: max }) };
}

const versions: Readonly<Record<Protocol, TlsVersion | undefined>> = {
  [Protocol.TLS_AUTO]: undefined,
  [Protocol.TLSv1_0]: 'TLSv1',
  [Protocol.TLSv1_1]: 'TLSv1.1',
  [Protocol.TLSv1_2]: 'TLSv1.2',
  [Protocol.TLSv1_3]: 'TLSv1.3',
};
