// Text that nobody may see by accident: a private key, a token, a password. Every way of printing it says `[redacted]`; `reveal` gives it to the
// one place that needs it.

const redacted = '[redacted]';

export class SecretText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for whoever uses it, never for a log, dump or message. */
  reveal(): string {
    return this.#text;
  }

  /** Whether both hold the same text. */
  equals(other: SecretText): boolean {
    return this.#text === other.#text;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return redacted;
  }
}
