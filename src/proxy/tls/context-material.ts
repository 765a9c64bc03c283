// What both sides of TLS read from their configuration: a certificate with its key, trusted roots, versions and ciphers, as OpenSSL's options.
import type { SecureContextOptions } from 'node:tls';
import { failed, ok, type Result } from '#base/result.ts';
import type { CertificateSource, DataSourceEntry, TlsVersion } from '#decide/tls-entry.ts';
import { opensslCiphers } from '#proxy/tls/cipher-suites.ts';
import { type KeyPair, readKeyPair, readPem, type SecretSource } from '#proxy/tls/secrets.ts';

type TrustSource = { readonly trustedCa?: DataSourceEntry; readonly trustedCaSecret?: string };

/** PEM of the trusted roots; undefined where none are configured. */
export function readTrustedCa(tls: TrustSource, secrets: SecretSource): Result<string | undefined, string> {
  const source = tls.trustedCaSecret === undefined ? tls.trustedCa : secrets.trustedCa(tls.trustedCaSecret);
  if (source === undefined) {
    return tls.trustedCaSecret === undefined ? ok(undefined) : failed(`validation_context_sds_secret_config: no secret ${tls.trustedCaSecret}`);
  }
  const pem = readPem(source);
  return pem.ok ? pem : failed(`validation_context.trusted_ca: ${pem.error}`);
}

export function readCertificate(source: CertificateSource, secrets: SecretSource): Result<KeyPair, string> {
  const pair = source.kind === 'pair' ? source : secrets.keyPair(source.name);
  if (pair === undefined) return failed(`no secret ${source.kind === 'secret' ? source.name : ''}`);
  return readKeyPair(pair.chain, pair.key);
}

type Parameters = { readonly minVersion?: TlsVersion; readonly maxVersion?: TlsVersion; readonly cipherSuites: readonly string[] };

/** Envoy's defaults: 1.2 to 1.3 (source: TlsParameters). */
export function contextOptions(tls: Parameters, pair: KeyPair | undefined, ca: string | undefined): SecureContextOptions {
  const ciphers = opensslCiphers(tls.cipherSuites);
  return {
    ...(pair === undefined ? {} : { cert: pair.chain, key: pair.key }),
    ...(ca === undefined ? {} : { ca }),
    minVersion: tls.minVersion ?? 'TLSv1.2',
    maxVersion: tls.maxVersion ?? 'TLSv1.3',
    ...(ciphers === undefined ? {} : { ciphers }),
  };
}
