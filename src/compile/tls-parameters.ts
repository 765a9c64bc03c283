// Which TLS the mesh speaks: 1.2 to 1.3, with Istio's cipher suites in their order, unless MeshConfig narrows it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { usableCipherSuites } from '#compile/gateway-cipher-suites.ts';
import { TlsParameters_TlsProtocol, type TlsParametersSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { MeshSettings } from '#model/mesh.ts';

type Parameters = MessageInitShape<typeof TlsParametersSchema>;

/** What servers take of TLS 1.2; 1.3 has its own. Source: Istio, SupportedCiphers. */
const serverSuites: readonly string[] = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
];

/** Of a workload, for mutual TLS of the mesh. MeshConfig.meshMTLS says less, never more. Source: Istio, BuildInboundTLS. */
export function meshServerParameters({ meshTls = {} }: MeshSettings): Parameters {
  const { TLSv1_2, TLSv1_3 } = TlsParameters_TlsProtocol;
  const { cipherSuites = [], ecdhCurves = [], minVersion } = meshTls;
  const wanted = usableCipherSuites(cipherSuites);
  return {
    tlsMinimumProtocolVersion: minVersion === '1.3' ? TLSv1_3 : TLSv1_2,
    tlsMaximumProtocolVersion: TLSv1_3,
    cipherSuites: [...(wanted.length > 0 ? wanted : serverSuites)],
    ecdhCurves: [...ecdhCurves],
  };
}

/** Of a client, towards a workload of the mesh. */
export function meshClientParameters(): Parameters {
  return { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2, tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3 };
}

/** Of a client that begins TLS with certificates of its own, by MeshConfig.tlsDefaults. Source: Istio, applyTLSDefaults. */
export function originationParameters({ tlsDefaults = {} }: MeshSettings): Parameters {
  const { cipherSuites = [], ecdhCurves = [], minVersion } = tlsDefaults;
  return {
    ...meshClientParameters(),
    ...(minVersion === '1.3' && { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3 }),
    cipherSuites: [...usableCipherSuites(cipherSuites)],
    ecdhCurves: [...ecdhCurves],
  };
}
