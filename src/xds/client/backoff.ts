// How long to wait before the next attempt to connect: none at first, then longer and longer, never in step with other clients.

const firstDelayMs = 100;
const longestDelayMs = 3_000;

/** Milliseconds before the attempt that follows `failures` failed ones: 0 for the first, then a random part of 100 ms · 2ⁿ up to 3 s. */
export function reconnectDelayMs(failures: number, random: () => number): number {
  if (failures === 0) return 0;
  const ceilingMs = Math.min(longestDelayMs, firstDelayMs * 2 ** (failures - 1));
  return ceilingMs / 2 + (random() * ceilingMs) / 2;
}
