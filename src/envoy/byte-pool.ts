// Memory for encoded messages. Small ones share a buffer, as one of its own costs the garbage collector more than most messages are worth. A buffer
// lives as long as any of the messages in it, so it is small, too.
const poolBytes = 8 * 1024;
/** What is longer has a buffer of its own. */
const longestShared = poolBytes / 4;

let pool = new Uint8Array(0);
let used = 0;

/** Bytes to be written once, all of them. Nobody else has them. */
export function newBytes(length: number): Uint8Array {
  if (length > longestShared) return new Uint8Array(length);
  if (used + length > pool.length) {
    pool = new Uint8Array(poolBytes);
    used = 0;
  }
  used += length;
  return pool.subarray(used - length, used);
}
