// In: whether a port takes plaintext, mutual TLS or either, and what it carries. Out: the filter chains it has, as plain values, and the transport
// socket of those that end mutual TLS. Which client is one of the mesh is told by ALPN. Source: Istio, getFilterChainMatchOptions and BuildInboundTLS.
import { plaintextHttpProtocols } from '#compile/listener-filters.ts';
import { meshHttpProtocols, meshProtocols, meshTcpProtocols } from '#compile/mesh-alpn.ts';
import { meshServerParameters } from '#compile/tls-parameters.ts';
import { trustDomains } from '#compile/trust-domain.ts';
import { workloadSecret } from '#compile/workload-secrets.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type TransportSocket, TransportSocketSchema } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { SubjectAltNameMatcher_SanType } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { DownstreamTlsContextSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { MtlsMode, WorkloadMtls } from '#model/effective-mtls.ts';
import type { MeshSettings } from '#model/mesh.ts';
import { isHttp, type Protocol } from '#model/protocol.ts';

/** What a proxy's inbound side goes by. Without an identity it can end no TLS: what is PERMISSIVE is plaintext, and what is STRICT is closed. */
export type InboundMtls = WorkloadMtls & { readonly hasIdentity: boolean };

/** One filter chain of a port. `ends`: mutual TLS ends here; else TLS passes through as bytes. */
export type ChainKind = {
  readonly content: 'http' | 'bytes';
  readonly transport: 'tls' | 'raw_buffer';
  readonly applicationProtocols: readonly string[];
  readonly ends: boolean;
};

/** The mode that is in force. `closed`: it would be STRICT, and there is nothing to end TLS with. */
export function inboundMode(mode: MtlsMode, hasIdentity: boolean): MtlsMode | 'closed' {
  if (hasIdentity) return mode;
  return mode === 'strict' ? 'closed' : 'disable';
}

/** Everything that the chains of a workload depend on, as text. */
export function mtlsText({ mode, ports, hasIdentity }: InboundMtls): string {
  const special = [...ports].sort(([a], [b]) => a - b).map(([port, own]) => `${port}=${own}`);
  return `${hasIdentity ? '' : 'no identity '}${mode} ${special.join(',')}`;
}

/** In the order of Istio's. */
export function chainKinds(mode: MtlsMode, protocol: Protocol): readonly ChainKind[] {
  const content = isHttp(protocol) ? 'http' : protocol === 'auto' ? 'sniffed' : 'bytes';
  return kinds[mode][content];
}

const plainBytes: ChainKind = { content: 'bytes', transport: 'raw_buffer', applicationProtocols: [], ends: false };
const plainHttp: ChainKind = { ...plainBytes, content: 'http' };
const sniffedHttp: ChainKind = { ...plainHttp, applicationProtocols: plaintextHttpProtocols };
/** TLS of the apps themselves. */
const passedTls: ChainKind = { ...plainBytes, transport: 'tls' };

function ended(content: ChainKind['content'], applicationProtocols: readonly string[]): ChainKind {
  return { content, transport: 'tls', applicationProtocols, ends: true };
}

const kinds: Readonly<Record<MtlsMode, Readonly<Record<'http' | 'bytes' | 'sniffed', readonly ChainKind[]>>>> = {
  permissive: {
    http: [ended('http', meshProtocols), plainHttp],
    bytes: [ended('bytes', meshProtocols), plainBytes, passedTls],
    sniffed: [ended('http', meshHttpProtocols), sniffedHttp, ended('bytes', meshTcpProtocols), plainBytes, passedTls],
  },
  strict: {
    http: [ended('http', [])],
    bytes: [ended('bytes', [])],
    sniffed: [ended('http', meshHttpProtocols), ended('bytes', [])],
  },
  disable: { http: [plainHttp], bytes: [plainBytes], sniffed: [sniffedHttp, plainBytes] },
};

/** Of a port that ends TLS of its own: nothing else is taken. */
export function ownTlsKind(protocol: Protocol): ChainKind {
  return ended(isHttp(protocol) ? 'http' : 'bytes', []);
}

const sockets = new WeakMap<MeshSettings, TransportSocket>();

/**
 * Clients must show a certificate of the mesh's roots whose identity is of the mesh's trust domain, or of one of its aliases. The names that Istio
 * offers for its own exchange of metadata between proxies are not offered: nobody here would take part in it.
 */
export function mutualTlsSocket(settings: MeshSettings): TransportSocket {
  let socket = sockets.get(settings);
  if (socket === undefined) {
    const value = packAny(DownstreamTlsContextSchema, {
      commonTlsContext: {
        tlsParams: meshServerParameters(settings),
        tlsCertificateSdsSecretConfigs: [workloadSecret('default')],
        validationContextType: {
          case: 'combinedValidationContext',
          value: {
            defaultValidationContext: {
              matchTypedSubjectAltNames: trustDomains(settings).map((domain) => ({
                sanType: SubjectAltNameMatcher_SanType.URI,
                matcher: { matchPattern: { case: 'prefix' as const, value: `spiffe://${domain}/` } },
              })),
            },
            validationContextSdsSecretConfig: workloadSecret('ROOTCA'),
          },
        },
        alpnProtocols: ['h2', 'http/1.1'],
      },
      requireClientCertificate: true,
    });
    socket = create(TransportSocketSchema, { name: 'envoy.transport_sockets.tls', configType: { case: 'typedConfig', value } });
    sockets.set(settings, socket);
  }
  return socket;
}
