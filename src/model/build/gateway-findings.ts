// What a Gateway says that has no effect, as Istio's webhook warns: the Gateway is taken all the same.
import type { GatewaySpec } from '#api/istio/gateway.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { serverProtocol } from '#model/build/gateway.ts';

type Server = NonNullable<GatewaySpec['servers']>[number];
type Tls = NonNullable<Server['tls']>;

/** A field of `tls`, what is with it, and what to do. */
type Finding = { readonly field: keyof Tls; readonly message: string; readonly hint: string };

/** HDL0038 for each. Source: Istio, ValidateGateway and validateTLSOptions. */
export function gatewayFindings(gateways: Iterable<KindMap['Gateway']>): readonly Diagnostic[] {
  return [...gateways].flatMap(({ metadata, spec, origins }) =>
    (spec.servers ?? []).flatMap((server, index) =>
      findingsOf(server).map(({ field, message, hint }): Diagnostic => {
        const at = origins.at(['spec', 'servers', index, 'tls', field]);
        return { code: 'HDL0038', severity: 'warning', message: `Gateway ${metadata.namespace}/${metadata.name}: ${message}`, hint, at };
      }),
    ),
  );
}

function findingsOf({ port, tls }: Server): readonly Finding[] {
  if (tls === undefined) return [];
  const protocol = serverProtocol(port.protocol);
  const isEncrypted = protocol === 'https' || protocol === 'tls';
  if (!isEncrypted && tls.httpsRedirect !== true) {
    const message = `tls of a server of protocol ${port.protocol} has no effect without httpsRedirect`;
    return [{ field: 'mode', message, hint: 'use protocol HTTPS or TLS, or set httpsRedirect to send clients to https' }];
  }
  if (!isEncrypted) return [];
  return [...redirectFinding(tls, port.protocol), ...certificateFinding(tls), ...clientFinding(tls), ...cipherFindings(tls)];
}

function redirectFinding({ httpsRedirect }: Tls, protocol: string): readonly Finding[] {
  if (httpsRedirect !== true) return [];
  const message = `httpsRedirect has no effect on a server of protocol ${protocol}, to which nobody comes without TLS`;
  return [{ field: 'httpsRedirect', message, hint: 'set it on a server of protocol HTTP' }];
}

const certificateFields = [
  'serverCertificate',
  'privateKey',
  'caCertificates',
  'tlsCertificates',
  'credentialName',
  'credentialNames',
  'caCrl',
] as const;

function certificateFinding(tls: Tls): readonly Finding[] {
  const { mode = 'PASSTHROUGH' } = tls;
  if (mode !== 'PASSTHROUGH' && mode !== 'AUTO_PASSTHROUGH') return [];
  const [field] = certificateFields.filter((name) => (tls[name]?.length ?? 0) > 0);
  return field === undefined
    ? []
    : [{ field, message: `mode ${mode} ends no TLS, so that ${field} has no effect`, hint: 'use mode SIMPLE to end TLS here' }];
}

const clientFields = [
  'caCertCredentialName',
  'caCertificates',
  'caCrl',
  'subjectAltNames',
  'verifyCertificateSpki',
  'verifyCertificateHash',
  'insecureSkipVerify',
] as const;

const unverified: Finding = {
  field: 'insecureSkipVerify',
  message: 'clients are not asked for certificates, as nobody would verify them: policies and apps would believe what anybody can write',
  hint: 'leave insecureSkipVerify out to have them verified, or use mode SIMPLE',
};

/** Clients are asked for nothing, so that whatever is said of their certificates is without effect. */
function clientFinding(tls: Tls): readonly Finding[] {
  if (tls.mode !== 'SIMPLE') return tls.insecureSkipVerify === true ? [unverified] : [];
  const [field] = clientFields.filter((name) => isWritten(tls[name]));
  if (field === undefined) return [];
  const message = `mode SIMPLE asks clients for no certificate, so that ${field} has no effect`;
  return [{ field, message, hint: 'use mode MUTUAL, or OPTIONAL_MUTUAL where clients may do without' }];
}

function isWritten(value: string | readonly string[] | boolean | undefined): boolean {
  return typeof value === 'object' || typeof value === 'string' ? value.length > 0 : value === true;
}

/** Suites that the proxies' TLS library has; with operators of its own syntax a name stands for several. */
const suite = /^(ECDHE-(ECDSA|RSA)-)?(AES(128|256)-(GCM-SHA(256|384)|SHA)|CHACHA20-POLY1305)$/;

function cipherFindings({ cipherSuites = [], minProtocolVersion }: Tls): readonly Finding[] {
  const unknown = [...new Set(cipherSuites.filter((name) => !suite.test(name)))];
  const twice = [...new Set(cipherSuites.filter((name, index) => cipherSuites.indexOf(name) !== index))];
  const isOld = minProtocolVersion === 'TLSV1_0' || minProtocolVersion === 'TLSV1_1';
  return [
    ...(unknown.length === 0 ? [] : [cipherFinding(`cipher suites that do not exist are left out: ${unknown.join(', ')}`)]),
    ...(twice.length === 0 ? [] : [cipherFinding(`cipher suites that stand there twice count once: ${twice.join(', ')}`)]),
    ...(isOld && cipherSuites.length === 0 ? [oldVersion(minProtocolVersion)] : []),
  ];
}

function cipherFinding(message: string): Finding {
  return { field: 'cipherSuites', message, hint: 'names are those of OpenSSL, such as ECDHE-RSA-AES128-GCM-SHA256' };
}

function oldVersion(version: string): Finding {
  const message = `${version} needs cipher suites that are not among the default ones, so that no client of it can connect`;
  return { field: 'minProtocolVersion', message, hint: 'add cipherSuites, such as ECDHE-RSA-AES128-SHA, or leave the version out' };
}
