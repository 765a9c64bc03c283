// Chance that is the same in every run, and the judge of what chance did.

/** A fixed sequence of numbers in [0, 1) (mulberry32). */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Pearson's chi-square of counts against shares (of any sum). */
export function chiSquare(counts: readonly number[], shares: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const whole = shares.reduce((sum, share) => sum + share, 0);
  return counts.reduce((sum, count, index) => {
    const expected = (total * (shares[index] ?? 0)) / whole;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
}

/** What chi-square exceeds once in a million draws by chance alone, by degrees of freedom (1 to 5). */
export const oneInAMillion: readonly number[] = [0, 23.93, 27.63, 30.66, 33.38, 35.89];
