// When every proxy has taken what the mesh is now: asked before a pod leaves, so that nobody still sends to it.
import type { Clock } from '#base/clock.ts';
import type { LedgerView } from '#xds/server/ledger.ts';

/** Resolves when no connected proxy has an answer outstanding, at the latest after `atMostMs`. */
export function proxiesSettled(ledger: LedgerView, clock: Clock, atMostMs: number): Promise<void> {
  const isSettled = (): boolean =>
    ledger.nodes().every(({ connected, types }) => !connected || [...types.values()].every(({ state }) => state !== 'pending'));
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      stop();
      resolve();
    };
    const cancel = clock.after(atMostMs, finish);
    // A push begins on a later turn than the change that causes it: look after both.
    const stop = ledger.onChange(() => {
      if (isSettled()) setImmediate(() => isSettled() && finish());
    });
    setImmediate(() => setImmediate(() => isSettled() && finish()));
  });
}
