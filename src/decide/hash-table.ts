// What ring hash and maglev have in common: hosts with shares in, for each hash the same host out.
import type { Word64 } from '#decide/word64.ts';

/** `key` is what a host is placed by: its `hash_key`, or its address. Weights are shares that sum to 1. */
export type WeightedKey = { readonly key: string; readonly weight: number };

export type HashTable = {
  /** The index of the host for `hash`, -1 where there is none. `attempt` above 0 asks for another one, which may by chance be the same. */
  readonly find: (hash: Word64, attempt: number) => number;
};
