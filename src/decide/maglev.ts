// Envoy's maglev table (the paper's listing 1, with weights): hosts take turns in filling a table of prime size, each along its own permutation.
// The same hosts, weights and size make the same table as in Envoy (maglev_lb.cc).

import type { HashTable, WeightedKey } from '#decide/hash-table.ts';
import { xxHash64 } from '#decide/hash64.ts';
import { Word64 } from '#decide/word64.ts';

type Turn = { readonly host: number; readonly weight: number; readonly skip: number; slot: number; target: number };

export class MaglevTable implements HashTable {
  readonly #table: Int32Array;

  /** `size` must be a prime, at most 5,000,011 as Envoy allows. */
  constructor(hosts: readonly WeightedKey[], size: number) {
    this.#table = new Int32Array(hosts.length === 0 ? 0 : size).fill(-1);
    if (hosts.length > 0) this.#fill(hosts, size);
  }

  find(hash: Word64, attempt: number): number {
    const size = this.#table.length;
    if (size === 0) return -1;
    // 2^64 - attempt flips most bits, so that retries of one host spread over many.
    const mixed = attempt > 0 ? new Word64(hash.high, hash.low).xor(0xffffffff, 0x100000000 - attempt) : hash;
    return this.#table[mixed.modulo(size)] ?? -1;
  }

  #fill(hosts: readonly WeightedKey[], size: number): void {
    const turns = turnsOf(hosts, size);
    const heaviest = turns.reduce((most, { weight }) => Math.max(most, weight), 0);
    let filled = 0;
    for (let round = 1; filled < size; round++) {
      for (const turn of turns) {
        if (filled === size) return;
        // A host of a third of the greatest weight comes every third round.
        if (round * turn.weight < turn.target) continue;
        turn.target += heaviest;
        while (this.#table[turn.slot] !== -1) turn.slot = (turn.slot + turn.skip) % size;
        this.#table[turn.slot] = turn.host;
        filled++;
      }
    }
  }
}

/** In the order of keys, which decides who fills first. */
function turnsOf(hosts: readonly WeightedKey[], size: number): readonly Turn[] {
  return hosts
    .map(({ key, weight }, host) => ({ key, weight, host }))
    .sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : one.weight - other.weight))
    .map(({ key, weight, host }) => ({
      host,
      weight,
      slot: xxHash64(key).modulo(size),
      skip: xxHash64(key, seedOfSkip).modulo(size - 1) + 1,
      target: 0,
    }));
}

const seedOfSkip = new Word64(0, 1);

/** Envoy takes no other table size. */
export function isPrime(size: number): boolean {
  if (size < 2) return false;
  for (let divisor = 2; divisor * divisor <= size; divisor++) if (size % divisor === 0) return false;
  return true;
}
