// Unsigned 64-bit arithmetic in two halves of 32 bits: what hashes need, many times faster than bigint. A word is changed in place; every operation
// wraps around at 2^64.

export class Word64 {
  /** Both halves are kept unsigned. */
  high: number;
  low: number;

  constructor(high = 0, low = 0) {
    this.high = high >>> 0;
    this.low = low >>> 0;
  }

  set(other: Word64): this {
    this.high = other.high;
    this.low = other.low;
    return this;
  }

  add(high: number, low: number): this {
    const sum = this.low + low;
    this.low = sum >>> 0;
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) >>> 0;
    return this;
  }

  xor(high: number, low: number): this {
    this.high = (this.high ^ high) >>> 0;
    this.low = (this.low ^ low) >>> 0;
    return this;
  }

  multiply(high: number, low: number): this {
    const a0 = this.low & 0xffff;
    const a1 = this.low >>> 16;
    const b0 = low & 0xffff;
    const b1 = low >>> 16;
    const lowest = a0 * b0;
    const middle = a0 * b1 + a1 * b0 + Math.floor(lowest / 65536);
    const carried = a1 * b1 + Math.floor(middle / 65536);
    this.high = (carried + Math.imul(this.high, low) + Math.imul(this.low, high)) >>> 0;
    this.low = (((middle & 0xffff) << 16) | (lowest & 0xffff)) >>> 0;
    return this;
  }

  /** By 1 to 31 bits. */
  rotateLeft(bits: number): this {
    const high = ((this.high << bits) | (this.low >>> (32 - bits))) >>> 0;
    this.low = ((this.low << bits) | (this.high >>> (32 - bits))) >>> 0;
    this.high = high;
    return this;
  }

  /** Itself xor itself shifted right by 1 to 63 bits. */
  xorShiftedRight(bits: number): this {
    if (bits >= 32) return this.xor(0, this.high >>> (bits - 32));
    return this.xor(this.high >>> bits, (this.low >>> bits) | (this.high << (32 - bits)));
  }

  /** The remainder of a division by `divisor`, at most 2^26. */
  modulo(divisor: number): number {
    return ((((this.high % divisor) * (4294967296 % divisor)) % divisor) + (this.low % divisor)) % divisor;
  }

  /** 16 lower-case hexadecimal digits. */
  toHex(): string {
    return this.high.toString(16).padStart(8, '0') + this.low.toString(16).padStart(8, '0');
  }
}
