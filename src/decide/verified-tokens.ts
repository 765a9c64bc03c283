// Tokens whose signature was found good, so that it is not computed again for each request that carries one: those used last, by their whole text.
// What depends on the time is asked anew each time.
import type { JwtToken } from '#decide/jwt-token.ts';

/** A longer token is verified each time (Envoy's JwtCache has the same limit). */
const maxLength = 4096;

type Known<Value> = { readonly text: string; readonly value: Value };

export class VerifiedTokens<Value extends { readonly token: JwtToken }> {
  readonly #size: number;
  /** The one used last stands last. */
  readonly #known = new Map<string, Known<Value>>();

  constructor(size: number) {
    this.#size = size;
  }

  /** What was made of a token, unless it has expired meanwhile. */
  find(text: string, nowSeconds: number): Value | undefined {
    const found = this.#known.get(text);
    if (found === undefined) return undefined;
    this.#known.delete(text);
    const { expires } = found.value.token;
    if (expires !== 0 && nowSeconds > expires) return undefined;
    this.#known.set(found.text, found);
    return found.value;
  }

  add(token: string, value: Value): void {
    if (token.length > maxLength || this.#size === 0) return;
    if (this.#known.size >= this.#size) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    // A copy: a slice of a header would hold on to the whole of it.
    const text = Buffer.from(token, 'latin1').toString('latin1');
    this.#known.set(text, { text, value });
  }
}
