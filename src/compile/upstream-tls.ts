// DestinationRule tls: the encryption that begins at the proxy. What needs no secret of the mesh: certificates from files, roots from a file or the
// system's, or no verification at all. ISTIO_MUTUAL and credentialName need secrets, which the control plane does not give out: such a cluster says
// nothing of TLS (as Istio's sidecars do with a credentialName that is not for them). Source: Istio, constructUpstreamTLS.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { packAny } from '#envoy/any.ts';
import type { TransportSocketSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import {
  type CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { type CommonTlsContextSchema, UpstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { ClientTls } from '#model/destination-rule.ts';
import { isWildcard } from '#model/hostname.ts';
import type { Service } from '#model/service.ts';

type Socket = MessageInitShape<typeof TransportSocketSchema>;

/** Undefined: plaintext, or TLS that waits for secrets. `http2`: what the cluster speaks, said by ALPN. */
export function upstreamTls(tls: ClientTls | undefined, service: Service, http2: boolean, systemRoots: string): Socket | undefined {
  if (tls === undefined || tls.credentialName !== undefined || (tls.mode !== 'simple' && tls.mode !== 'mutual')) return undefined;
  const { clientCertificate, privateKey } = tls;
  const common: MessageInitShape<typeof CommonTlsContextSchema> = {
    tlsParams: { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2, tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3 },
    ...(tls.mode === 'mutual' &&
      clientCertificate !== undefined &&
      privateKey !== undefined && { tlsCertificates: [{ certificateChain: file(clientCertificate), privateKey: file(privateKey) }] }),
    validationContextType: { case: 'validationContext', value: validation(tls, service, systemRoots) },
    ...(http2 && { alpnProtocols: ['h2'] }),
  };
  return {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: packAny(UpstreamTlsContextSchema, { sni: serverName(tls, service) ?? '', commonTlsContext: common }) },
  };
}

/**
 * The name as written, else the service's own. Differs from Istio, which takes it from the Host of each request (auto_sni): that is the same
 * name, unless the request is for another host than the service's. Undefined for services that are many hosts.
 */
function serverName({ sni }: ClientTls, { hostname }: Service): string | undefined {
  return sni ?? (isWildcard(hostname) ? undefined : hostname);
}

/**
 * Names as written, else those of the ServiceEntry, else the server name where that is not written either (as Istio's auto_san_validation).
 * Nothing is verified where that is asked for.
 */
function validation(tls: ClientTls, service: Service, systemRoots: string): MessageInitShape<typeof CertificateValidationContextSchema> {
  if (tls.insecureSkipVerify) return {};
  const written = tls.subjectAltNames.length > 0 ? tls.subjectAltNames : (service.subjectAltNames ?? []);
  const own = tls.sni === undefined ? serverName(tls, service) : undefined;
  const names = written.length > 0 ? written : own === undefined ? [] : [own];
  const types = written.length > 0 ? [SubjectAltNameMatcher_SanType.DNS, SubjectAltNameMatcher_SanType.URI] : [SubjectAltNameMatcher_SanType.DNS];
  return {
    trustedCa: file(tls.caCertificates === undefined || tls.caCertificates === 'system' ? systemRoots : tls.caCertificates),
    matchTypedSubjectAltNames: names.flatMap((value) =>
      types.map((sanType) => ({ sanType, matcher: { matchPattern: { case: 'exact' as const, value } } })),
    ),
  };
}

function file(filename: string): { readonly specifier: { readonly case: 'filename'; readonly value: string } } {
  return { specifier: { case: 'filename', value: filename } };
}
