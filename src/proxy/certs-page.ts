// Envoy's /certs: the certificates and roots in use, by name, serial number and end. Keys are not looked at.
import type { X509Certificate } from 'node:crypto';
import type { JsonValue } from '@bufbuild/protobuf';
import { peerNamesOf } from '#proxy/tls/peer-names.ts';
import type { KnownSecret } from '#proxy/tls/secret-store.ts';
import { readPem } from '#proxy/tls/secrets.ts';

const dayMs = 86_400_000;

/** envoy.admin.v3.Certificates: one entry, since secrets are shared by all that use them. */
export function describeCertificates(secrets: readonly KnownSecret[], nowMs: number): JsonValue {
  if (secrets.length === 0) return { certificates: [] };
  const chains = secrets.flatMap(({ name, secret }) => (secret.kind === 'certificate' ? described(name, chainOf(secret), nowMs) : []));
  const roots = secrets.flatMap(({ name, secret }) => (secret.kind === 'validation' ? described(name, rootsOf(secret), nowMs) : []));
  return { certificates: [{ ca_cert: roots, cert_chain: chains }] };
}

function chainOf(secret: Extract<KnownSecret['secret'], { kind: 'certificate' }>): string {
  const pair = secret.read();
  // The first certificate is the workload's own, and the only one that Envoy shows.
  return pair.ok ? (certificatesIn(pair.value.chain)[0] ?? '') : '';
}

function rootsOf({ validation }: Extract<KnownSecret['secret'], { kind: 'validation' }>): string {
  const pem = validation.trustedCa === undefined ? undefined : readPem(validation.trustedCa);
  return pem?.ok === true ? pem.value : '';
}

function described(name: string, pem: string, nowMs: number): readonly JsonValue[] {
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  return certificatesIn(pem).map((block) => describe(name, new X509Certificate(block), nowMs));
}

function describe(name: string, certificate: X509Certificate, nowMs: number): JsonValue {
  const { uris, dnsNames, addresses } = peerNamesOf(certificate);
  const end = Date.parse(certificate.validTo);
  return {
    path: `<inline: ${name}>`,
    serial_number: certificate.serialNumber.toLowerCase(),
    subject_alt_names: [...uris.map((uri) => ({ uri })), ...dnsNames.map((dns) => ({ dns })), ...addresses.map((ip_address) => ({ ip_address }))],
    days_until_expiration: String(Math.max(0, Math.floor((end - nowMs) / dayMs))),
    valid_from: new Date(certificate.validFrom).toISOString(),
    expiration_time: new Date(end).toISOString(),
  };
}

function certificatesIn(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}
