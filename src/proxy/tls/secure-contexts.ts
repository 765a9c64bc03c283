// OpenSSL contexts, made once per distinct content (0.3 ms each) and shared by all clusters that want the same.
// node:tls is loaded with the first of them: a proxy without TLS does not carry it.
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { failed, ok, type Result } from '#base/result.ts';

/** Beyond this the oldest is let go: connections that use it keep it alive for themselves. */
const maxContexts = 1000;

export class SecureContexts {
  /** By a hash of their content: no key stays here as text. */
  readonly #contexts = new Map<string, SecureContext>();
  readonly #checked = new Set<string>();

  /** The error is OpenSSL's: a key that does not fit its certificate, a text that is no PEM. */
  get(options: SecureContextOptions): Result<SecureContext, string> {
    const key = digestOf(options);
    const known = this.#contexts.get(key);
    if (known !== undefined) return ok(known);
    const made = make(options);
    if (made.ok) {
      dropOldest(this.#contexts, maxContexts);
      this.#contexts.set(key, made.value);
    }
    return made;
  }

  /** Whether a context can be made of it, for those who must make it themselves. */
  check(options: SecureContextOptions): Result<void, string> {
    const key = digestOf(options);
    if (this.#checked.has(key)) return ok(undefined);
    const made = make(options);
    if (!made.ok) return made;
    dropOldest(this.#checked, maxContexts);
    this.#checked.add(key);
    return ok(undefined);
  }
}

function digestOf(options: SecureContextOptions): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(JSON.stringify(options)).digest('base64');
}

function make(options: SecureContextOptions): Result<SecureContext, string> {
  try {
    return ok(process.getBuiltinModule('node:tls').createSecureContext(options));
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

function dropOldest(from: Map<string, unknown> | Set<string>, most: number): void {
  const [oldest] = from.keys();
  if (from.size >= most && oldest !== undefined) from.delete(oldest);
}
