// What a server of a Gateway does with TLS, from its `tls` block.
import type { GatewaySpec } from '#api/istio/gateway.ts';
import type { Origin } from '#base/origin.ts';
import type { ServerCertificate, ServerTls, TlsVersion } from '#model/gateway.ts';

type WrittenTls = NonNullable<NonNullable<GatewaySpec['servers']>[number]['tls']>;

const modes: Readonly<Record<NonNullable<WrittenTls['mode']>, ServerTls['mode']>> = {
  PASSTHROUGH: 'passthrough',
  SIMPLE: 'simple',
  MUTUAL: 'mutual',
  AUTO_PASSTHROUGH: 'auto-passthrough',
  ISTIO_MUTUAL: 'istio-mutual',
  OPTIONAL_MUTUAL: 'optional-mutual',
};

const versions: Readonly<Record<NonNullable<WrittenTls['minProtocolVersion']>, TlsVersion | undefined>> = {
  TLS_AUTO: undefined,
  TLSV1_0: '1.0',
  TLSV1_1: '1.1',
  TLSV1_2: '1.2',
  TLSV1_3: '1.3',
};

/** The mode is PASSTHROUGH unless given, as the enum's zero value is. */
export function serverTls(written: WrittenTls, origin: Origin): ServerTls {
  const mode = modes[written.mode ?? 'PASSTHROUGH'];
  const clientCa = mode === 'mutual' || mode === 'optional-mutual' ? clientCaOf(written) : undefined;
  const minVersion = versions[written.minProtocolVersion ?? 'TLS_AUTO'];
  const maxVersion = versions[written.maxProtocolVersion ?? 'TLS_AUTO'];
  return {
    mode,
    httpsRedirect: written.httpsRedirect ?? false,
    certificates: mode === 'simple' || mode === 'mutual' || mode === 'optional-mutual' ? certificatesOf(written) : [],
    ...(clientCa !== undefined && { clientCa }),
    parameters: {
      ...(minVersion !== undefined && { minVersion }),
      ...(maxVersion !== undefined && { maxVersion }),
      cipherSuites: written.cipherSuites ?? [],
      ecdhCurves: written.ecdhCurves ?? [],
      subjectAltNames: written.subjectAltNames ?? [],
      certificateSpki: written.verifyCertificateSpki ?? [],
      certificateHash: written.verifyCertificateHash ?? [],
      ...(written.caCrl !== undefined && written.caCrl !== '' && { crlFile: written.caCrl }),
      skipsClientVerification: written.insecureSkipVerify ?? false,
    },
    origin,
  };
}

/** Names before files, as in Istio's BuildListenerTLSContext. */
function certificatesOf({
  credentialNames = [],
  credentialName = '',
  tlsCertificates = [],
  serverCertificate = '',
  privateKey = '',
}: WrittenTls): readonly ServerCertificate[] {
  if (credentialNames.length > 0) return credentialNames.map((name) => ({ kind: 'secret', name }));
  if (credentialName !== '') return [{ kind: 'secret', name: credentialName }];
  const files = tlsCertificates.length > 0 ? tlsCertificates : [{ serverCertificate, privateKey }];
  return files.flatMap(({ serverCertificate: chain = '', privateKey: key = '' }) =>
    chain === '' || key === '' ? [] : [{ kind: 'files', chain, key }],
  );
}

/** A Secret's CA stands in `name-cacert`, unless it is named on its own. Source: Istio, ServerTLSSettings.credentialName and caCertCredentialName. */
function clientCaOf({
  caCertCredentialName = '',
  credentialNames = [],
  credentialName = '',
  caCertificates = '',
}: WrittenTls): ServerTls['clientCa'] {
  if (caCertCredentialName !== '') return { kind: 'secret', name: caCertCredentialName };
  const [first = credentialName] = credentialNames;
  if (first !== '') return { kind: 'secret', name: `${first}-cacert` };
  return caCertificates === '' ? undefined : { kind: 'file', path: caCertificates };
}
