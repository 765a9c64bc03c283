// Certificates, keys and roots: where the configuration says they are in, PEM text out. Keys never appear in errors or dumps.
import { readFileSync } from 'node:fs';
import { failed, ok, type Result } from '#base/result.ts';
import type { DataSourceEntry } from '#decide/tls-entry.ts';

/** A certificate chain and its key, both PEM. */
export type KeyPair = { readonly chain: string; readonly key: string };

/** Secrets by name: the bootstrap's static ones, or what SDS brought. Undefined: not there. */
export type SecretSource = {
  readonly keyPair: (name: string) => { readonly chain: DataSourceEntry; readonly key: DataSourceEntry } | undefined;
  readonly trustedCa: (name: string) => DataSourceEntry | undefined;
};

/** The text of a DataSource. The error names the file or variable, never the content. */
export function readPem(source: DataSourceEntry): Result<string, string> {
  switch (source.kind) {
    case 'inline':
      return ok(Buffer.from(source.bytes).toString('utf8'));
    case 'environment': {
      const value = process.env[source.variable];
      return value === undefined ? failed(`environment variable ${source.variable} is not set`) : ok(value);
    }
    case 'file':
      try {
        return ok(readFileSync(source.path, 'utf8'));
      } catch (error) {
        return failed(error instanceof Error ? error.message : String(error));
      }
  }
}

export function readKeyPair(chain: DataSourceEntry, key: DataSourceEntry): Result<KeyPair, string> {
  const chainText = readPem(chain);
  if (!chainText.ok) return failed(`certificate_chain: ${chainText.error}`);
  const keyText = readPem(key);
  if (!keyText.ok) return failed(`private_key: ${keyText.error}`);
  return ok({ chain: chainText.value, key: keyText.value });
}
