// When every proxy has taken what the mesh is now: asked before a pod leaves, so that nobody still sends to it.
import type { Clock } from '#base/clock.ts';
import type { LedgerView } from '#xds/server/ledger.ts';

/** Resolves when no connected proxy has an answer outstanding or is still to be told, at the latest after `atMostMs`. */
export function proxiesSettled(
  ledger: Pick<LedgerView, 'nodes' | 'isTelling' | 'onChange'>,
  clock: Pick<Clock, 'after'>,
  atMostMs: number,
): Promise<void> {
  const isSettled = (): boolean =>
    ledger.nodes().every(({ connected, types }) => !connected || [...types.values()].every(({ state }) => state !== 'pending'));
  return new Promise((resolve) => {
    let isOver = false;
    const finish = (): void => {
      isOver = true;
      cancel();
      stop();
      resolve();
    };
    // Changes go out a few proxies a turn: those whose turn is to come look as if they had taken everything.
    const look = (): void => {
      if (isOver) return;
      if (ledger.isTelling) setImmediate(look);
      else if (isSettled()) finish();
    };
    const cancel = clock.after(atMostMs, finish);
    // A push begins on a later turn than the change that causes it: look after both.
    const stop = ledger.onChange(() => {
      if (isSettled()) setImmediate(look);
    });
    setImmediate(() => setImmediate(look));
  });
}
