// x-request-id: random UUIDs of version 4, made from a block of random bytes at a time.

const blockBytes = 4096;

export class RequestIds {
  readonly #fill: (bytes: Uint8Array) => void;
  readonly #block = new Uint8Array(blockBytes);
  #at = blockBytes;

  /** `fill` writes random bytes, from crypto's generator: ids must not be guessed. */
  constructor(fill: (bytes: Uint8Array) => void) {
    this.#fill = fill;
  }

  next(): string {
    if (this.#at + 16 > blockBytes) {
      this.#fill(this.#block);
      this.#at = 0;
    }
    const at = this.#at;
    this.#at += 16;
    return (
      `${this.#hex(at)}${this.#hex(at + 1)}${this.#hex(at + 2)}${this.#hex(at + 3)}-${this.#hex(at + 4)}${this.#hex(at + 5)}-` +
      `${hex[((this.#block[at + 6] ?? 0) & 0x0f) | 0x40]}${this.#hex(at + 7)}-${hex[((this.#block[at + 8] ?? 0) & 0x3f) | 0x80]}${this.#hex(at + 9)}-` +
      `${this.#hex(at + 10)}${this.#hex(at + 11)}${this.#hex(at + 12)}${this.#hex(at + 13)}${this.#hex(at + 14)}${this.#hex(at + 15)}`
    );
  }

  #hex(at: number): string {
    return hex[this.#block[at] ?? 0] ?? '';
  }
}

const hex: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
