// Looking at the first bytes of a connection without taking them: they are unshifted before the socket is handed on, so that whoever
// serves it sees all of them. The socket is left paused; it must not be resumed by anybody but the one who serves it.
import type { Socket } from 'node:net';

/** `done`: enough was seen; `more`: call again when more is there; `taken`: enough was seen, and that many bytes of it are not for the next reader. */
export type PeekStep = 'done' | 'more' | { readonly taken: number };

export type PeekEnd = 'seen' | 'timeout' | 'closed';

/**
 * Calls `look` with all bytes so far until it says 'done', then `end` exactly once. After 'closed' (the peer ended or reset) and with fewer bytes
 * than were wanted, the socket still holds what came. `timeoutMs` 0: wait for ever.
 */
export function peek(socket: Socket, timeoutMs: number, look: (bytes: Buffer) => PeekStep, end: (how: PeekEnd) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;
  const finish = (how: PeekEnd): void => {
    if (timer !== undefined) clearTimeout(timer);
    socket.off('data', onData);
    socket.off('end', onClosed);
    socket.off('close', onClosed);
    socket.off('error', ignoreError);
    socket.pause();
    if (seen.length > 0 && !socket.destroyed) socket.unshift(seen);
    end(how);
  };
  const onData = (chunk: Buffer): void => {
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const step = look(seen);
    if (step === 'more') return;
    if (step !== 'done') seen = seen.subarray(step.taken);
    finish('seen');
  };
  const onClosed = (): void => finish('closed');
  if (timeoutMs > 0) timer = setTimeout(() => finish('timeout'), timeoutMs);
  socket.on('error', ignoreError);
  socket.on('end', onClosed);
  socket.on('close', onClosed);
  socket.on('data', onData);
  socket.resume();
}

function ignoreError(): void {
  // 'close' follows.
}
