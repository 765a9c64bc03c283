// Several streams over one connection: each frame is a byte that says what it is, four bytes of length (big endian), and the bytes. Used by `exec`
// after HTTP's upgrade, in both directions.
import type { Writable } from 'node:stream';

/** `control` is JSON: a size, a signal, or how the command ended. An empty `input` is its end. */
const frameKinds = ['input', 'output', 'errors', 'control'] as const;
export type FrameKind = (typeof frameKinds)[number];
export type Frame = { readonly kind: FrameKind; readonly bytes: Buffer };

const headBytes = 5;
/** Nobody sends longer ones; a peer that claims to is not one of ours. */
const mostBytes = 1024 * 1024;

export function encodeFrame(kind: FrameKind, bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + bytes.length);
  frame.writeUInt8(frameKinds.indexOf(kind), 0);
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, headBytes);
  return frame;
}

/** Writes a frame. False: wait for `drain` before the next one. */
export function sendFrame(to: Writable, kind: FrameKind, bytes: Uint8Array): boolean {
  if (to.destroyed || to.writableEnded) return true;
  return to.write(encodeFrame(kind, bytes));
}

export function sendControl(to: Writable, message: ControlMessage): void {
  sendFrame(to, 'control', Buffer.from(JSON.stringify(message)));
}

export type ControlMessage =
  | { readonly kind: 'size'; readonly rows: number; readonly columns: number }
  | { readonly kind: 'signal'; readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT' }
  | { readonly kind: 'ended'; readonly code: number; readonly reason?: string };

/** The message of a control frame; undefined for one that is none of ours. */
export function readControl(bytes: Buffer): ControlMessage | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
    if (value.kind === 'size' && 'rows' in value && 'columns' in value)
      return { kind: 'size', rows: Number(value.rows), columns: Number(value.columns) };
    if (value.kind === 'signal' && 'signal' in value) {
      const { signal } = value;
      return signal === 'SIGINT' || signal === 'SIGTERM' || signal === 'SIGHUP' || signal === 'SIGQUIT' ? { kind: 'signal', signal } : undefined;
    }
    if (value.kind === 'ended' && 'code' in value) {
      const reason = 'reason' in value ? { reason: String(value.reason) } : {};
      return { kind: 'ended', code: Number(value.code), ...reason };
    }
  } catch {
    // Not JSON.
  }
  return undefined;
}

/** Takes bytes as they come and gives the frames that are whole. Throws on what cannot be a frame. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  take(bytes: Buffer): readonly Frame[] {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const frames: Frame[] = [];
    let at = 0;
    while (this.#pending.length - at >= headBytes) {
      const kind = frameKinds[this.#pending.readUInt8(at)];
      const length = this.#pending.readUInt32BE(at + 1);
      if (kind === undefined || length > mostBytes) throw new Error('not a frame');
      if (this.#pending.length - at < headBytes + length) break;
      frames.push({ kind, bytes: this.#pending.subarray(at + headBytes, at + headBytes + length) });
      at += headBytes + length;
    }
    this.#pending = this.#pending.subarray(at);
    return frames;
  }
}
