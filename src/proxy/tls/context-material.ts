// What both sides of TLS read from their configuration: a certificate with its key, what a peer must be, versions and ciphers, as OpenSSL's options.
import type { SecureContextOptions } from 'node:tls';
import { failed, ok, type Result } from '#base/result.ts';
import { combineValidation } from '#decide/tls-context.ts';
import type { CertificateSource, PeerValidation, SecretReference, TlsSettings } from '#decide/tls-entry.ts';
import { opensslCiphers } from '#proxy/tls/cipher-suites.ts';
import { type KeyPair, readKeyPair, readPem, type SecretSource } from '#proxy/tls/secrets.ts';

/** `ca` and `crl` are PEM. */
export type Trust = { readonly validation: PeerValidation; readonly ca: string | undefined; readonly crl: string | undefined };

type Configured = { readonly validation: PeerValidation; readonly validationSecret?: SecretReference };

export function readTrust({ validation: own, validationSecret: secret }: Configured, secrets: SecretSource): Result<Trust, string> {
  const found = secret === undefined ? undefined : secrets.validation(secret);
  if (secret !== undefined && found === undefined) return failed(`validation_context_sds_secret_config: secret ${secret.name} is not there`);
  const validation = found === undefined ? own : combineValidation(own, found);
  const ca = validation.trustedCa === undefined ? ok(undefined) : readPem(validation.trustedCa);
  if (!ca.ok) return failed(`validation_context.trusted_ca: ${ca.error}`);
  const crl = validation.crl === undefined ? ok(undefined) : readPem(validation.crl);
  if (!crl.ok) return failed(`validation_context.crl: ${crl.error}`);
  // As Envoy: names that nobody vouches for say nothing.
  if (validation.subjectAltNames.length > 0 && ca.value === undefined) {
    return failed('validation_context: names of the peer are to be matched, and there is no trusted_ca that would make them worth something');
  }
  return ok({ validation, ca: ca.value, crl: crl.value });
}

export function readCertificate(source: CertificateSource, secrets: SecretSource): Result<KeyPair, string> {
  if (source.kind === 'pair') return readKeyPair(source);
  return secrets.keyPair(source.secret) ?? failed(`secret ${source.secret.name} is not there`);
}

/** Envoy's defaults: 1.2 to 1.3, and its cipher suites and curves (source: TlsParameters). */
export function contextOptions(tls: TlsSettings, pair: KeyPair | undefined, { ca, crl }: Pick<Trust, 'ca' | 'crl'>): SecureContextOptions {
  return {
    ...(pair === undefined ? {} : { cert: pair.chain, key: pair.key.reveal() }),
    ...(ca === undefined ? {} : { ca }),
    ...(crl === undefined ? {} : { crl }),
    minVersion: tls.minVersion ?? 'TLSv1.2',
    maxVersion: tls.maxVersion ?? 'TLSv1.3',
    ciphers: opensslCiphers(tls.cipherSuites),
    ...(tls.curves.length === 0 ? {} : { ecdhCurve: tls.curves.join(':') }),
    ...(tls.signatureAlgorithms.length === 0 ? {} : { sigalgs: tls.signatureAlgorithms.join(':') }),
  };
}
