// OpenSSL contexts, made once per distinct content (0.3 ms each) and shared by all listeners and clusters that want the same.
// node:tls is loaded with the first of them: a proxy without TLS does not carry it.
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { failed, ok, type Result } from '#base/result.ts';

const maxContexts = 1000;

export class SecureContexts {
  readonly #contexts = new Map<string, SecureContext>();

  /** The error is OpenSSL's: a key that does not fit its certificate, a text that is no PEM. */
  get(options: SecureContextOptions): Result<SecureContext, string> {
    const key = process.getBuiltinModule('node:crypto').createHash('sha256').update(JSON.stringify(options)).digest('base64');
    const known = this.#contexts.get(key);
    if (known !== undefined) return ok(known);
    try {
      const context = process.getBuiltinModule('node:tls').createSecureContext(options);
      if (this.#contexts.size >= maxContexts) this.#contexts.clear();
      this.#contexts.set(key, context);
      return ok(context);
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
  }
}
