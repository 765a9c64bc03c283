// What Istio demands of the `tls` of a Gateway's server. Source: Istio, validateTLSOptions.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { GatewaySpec } from '#api/istio/gateway.ts';

type Tls = NonNullable<NonNullable<GatewaySpec['servers']>[number]['tls']>;

/** All broken rules. Certificates of a server that passes TLS through are read over, as in Istio. */
export function checkServerTls(tls: Tls, path: Path): readonly Finding[] {
  switch (tls.mode ?? 'PASSTHROUGH') {
    case 'ISTIO_MUTUAL':
      return ownCertificates(tls).map((field) =>
        invalid(
          [...path, field],
          'key',
          `mode ISTIO_MUTUAL uses the mesh's certificates, and takes no ${field}`,
          'use mode MUTUAL for certificates of your own',
        ),
      );
    case 'SIMPLE':
      return [...checkSources(tls, path), ...checkFiles(tls, path), ...checkRevocation(tls, path)];
    case 'MUTUAL':
    case 'OPTIONAL_MUTUAL':
      return [...checkSources(tls, path), ...checkFiles(tls, path), ...checkClientCa(tls, path), ...checkRevocation(tls, path)];
    case 'PASSTHROUGH':
    case 'AUTO_PASSTHROUGH':
      return checkSources(tls, path);
  }
}

const certificateFields = ['serverCertificate', 'privateKey', 'caCertificates', 'tlsCertificates', 'credentialName', 'credentialNames'] as const;

function ownCertificates(tls: Tls): readonly (typeof certificateFields)[number][] {
  return certificateFields.filter((field) => isGiven(tls[field]));
}

function isGiven(value: string | readonly unknown[] | undefined): boolean {
  return value !== undefined && value.length > 0;
}

function hasNames({ credentialName, credentialNames }: Tls): boolean {
  return isGiven(credentialName) || isGiven(credentialNames);
}

/** Files and a credential both: the schema sees to the other pairs. */
function checkSources(tls: Tls, path: Path): readonly Finding[] {
  const hasFiles = isGiven(tls.serverCertificate) && isGiven(tls.privateKey);
  if (!hasFiles || !(hasNames(tls) || isGiven(tls.tlsCertificates))) return [];
  const hint = 'keep either the files or the credential';
  return [invalid([...path, 'serverCertificate'], 'key', 'the certificate of a server comes from one source', hint)];
}

function checkFiles(tls: Tls, path: Path): readonly Finding[] {
  if (hasNames(tls)) return [];
  const { tlsCertificates = [] } = tls;
  const hint = 'name a Secret with credentialName, or files with serverCertificate and privateKey';
  const missing = (pair: { readonly serverCertificate?: string; readonly privateKey?: string }, at: Path): readonly Finding[] =>
    (['serverCertificate', 'privateKey'] as const).flatMap((field) =>
      isGiven(pair[field]) ? [] : [invalid([...at, field], 'key', `mode ${tls.mode} needs ${field}`, hint)],
    );
  if (tlsCertificates.length === 0) return missing(tls, path);
  return tlsCertificates.flatMap((pair, index) => missing(pair, [...path, 'tlsCertificates', index]));
}

function checkClientCa(tls: Tls, path: Path): readonly Finding[] {
  if (hasNames(tls) || isGiven(tls.caCertificates) || isGiven(tls.caCertCredentialName)) return [];
  return [invalid([...path, 'caCertificates'], 'key', `mode ${tls.mode} needs caCertificates`, 'name the file with the CAs of the clients')];
}

function checkRevocation({ mode, caCrl = '', credentialName = '' }: Tls, path: Path): readonly Finding[] {
  if (caCrl === '') return [];
  const at = [...path, 'caCrl'];
  if (credentialName !== '') return [invalid(at, 'key', 'caCrl cannot go with credentialName', 'put the list into the Secret, as ca.crl')];
  return mode === 'SIMPLE' ? [invalid(at, 'key', 'mode SIMPLE asks clients for no certificate, so caCrl has no use')] : [];
}
