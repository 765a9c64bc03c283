// Envoy's ring hash (ketama): each host stands on a ring as often as its weight says, at the hashes of `key_0`, `key_1` and so on; a request goes to the
// first host at or behind its own hash. The same hosts, weights and sizes make the same ring as in Envoy (ring_hash_lb.cc).

import type { HashTable, WeightedKey } from '#decide/hash-table.ts';
import { murmurHash2, xxHash64 } from '#decide/hash64.ts';
import type { Word64 } from '#decide/word64.ts';

export type RingSettings = { readonly minimumSize: number; readonly maximumSize: number; readonly hashFunction: 'xx-hash' | 'murmur-hash-2' };

export class HashRing implements HashTable {
  /** Sorted by the hash, in two halves of 32 bits. */
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #hosts: Uint32Array;

  /** Weights are shares that sum to 1. */
  constructor(hosts: readonly WeightedKey[], settings: RingSettings) {
    const entries = ringEntries(hosts, settings);
    entries.sort((one, other) => one.hash.high - other.hash.high || one.hash.low - other.hash.low);
    this.#high = Uint32Array.from(entries, ({ hash }) => hash.high);
    this.#low = Uint32Array.from(entries, ({ hash }) => hash.low);
    this.#hosts = Uint32Array.from(entries, ({ host }) => host);
  }

  find(hash: Word64, attempt: number): number {
    const size = this.#hosts.length;
    if (size === 0) return -1;
    const first = this.#firstAtOrBehind(hash);
    return this.#hosts[attempt > 0 ? (first + attempt) % size : first] ?? -1;
  }

  /** A hash behind all others belongs to the first entry. */
  #firstAtOrBehind({ high, low }: Word64): number {
    let from = 0;
    let to = this.#hosts.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const middleHigh = this.#high[middle] ?? 0;
      if (middleHigh < high || (middleHigh === high && (this.#low[middle] ?? 0) < low)) from = middle + 1;
      else to = middle;
    }
    return from === this.#hosts.length ? 0 : from;
  }
}

/** The lightest host gets a whole number of entries; running sums keep what the others lose by rounding. */
function ringEntries(hosts: readonly WeightedKey[], { minimumSize, maximumSize, hashFunction }: RingSettings): { hash: Word64; host: number }[] {
  const hashOf = hashFunction === 'xx-hash' ? (text: string) => xxHash64(text) : murmurHash2;
  const lightest = hosts.reduce((least, { weight }) => Math.min(least, weight), 1);
  const scale = Math.min(Math.ceil(lightest * minimumSize) / lightest, maximumSize);
  const entries: { hash: Word64; host: number }[] = [];
  let wanted = 0;
  for (const [host, { key, weight }] of hosts.entries()) {
    wanted += scale * weight;
    for (let replica = 0; entries.length < wanted; replica++) entries.push({ hash: hashOf(`${key}_${replica}`), host });
  }
  return entries;
}
