// Certificates, keys and roots: where the configuration says they are in, PEM text out. Keys never appear in errors or dumps.
import { readFileSync } from 'node:fs';
import { failed, ok, type Result } from '#base/result.ts';
import { SecretText } from '#base/secret-text.ts';
import type { DataSourceEntry, KeyPairSource, PeerValidation, SecretReference } from '#decide/tls-entry.ts';

/** A certificate chain and its key, both PEM, and in DER what its authority says of its revocation (OCSP). */
export type KeyPair = { readonly chain: string; readonly key: SecretText; readonly ocspStaple?: Uint8Array };

/** Secrets of the bootstrap, and what SDS brought. Undefined: not there. */
export type SecretSource = {
  /** Grows with each change of any secret: what was built of secrets is looked at again when it is not the same any more. */
  readonly version: number;
  readonly keyPair: (secret: SecretReference) => Result<KeyPair, string> | undefined;
  readonly validation: (secret: SecretReference) => PeerValidation | undefined;
};

/** The text of a DataSource. The error names the file or variable, never the content. */
export function readPem(source: DataSourceEntry): Result<string, string> {
  const bytes = readBytes(source);
  return bytes.ok ? ok(bytes.value.toString('utf8')) : bytes;
}

function readBytes(source: DataSourceEntry): Result<Buffer, string> {
  switch (source.kind) {
    case 'inline':
      return ok(Buffer.from(source.bytes));
    case 'environment': {
      const value = process.env[source.variable];
      return value === undefined ? failed(`environment variable ${source.variable} is not set`) : ok(Buffer.from(value));
    }
    case 'file':
      try {
        return ok(readFileSync(source.path));
      } catch (error) {
        return failed(error instanceof Error ? error.message : String(error));
      }
  }
}

export function readKeyPair({ chain, key, ocspStaple }: KeyPairSource): Result<KeyPair, string> {
  const chainText = readPem(chain);
  if (!chainText.ok) return failed(`certificate_chain: ${chainText.error}`);
  const keyText = readPem(key);
  if (!keyText.ok) return failed(`private_key: ${keyText.error}`);
  const staple = ocspStaple === undefined ? ok(undefined) : readBytes(ocspStaple);
  if (!staple.ok) return failed(`ocsp_staple: ${staple.error}`);
  return ok({ chain: chainText.value, key: new SecretText(keyText.value), ...(staple.value === undefined ? {} : { ocspStaple: staple.value }) });
}
