// The processes that descend from a command, by a variable that each of them has inherited: also those that have left its process group or lost their
// parent. Linux; elsewhere the command itself alone is known.
import { readdirSync, readFileSync } from 'node:fs';

/** Its value is different for each run. */
export const runMark = 'HEDDLE_RUN';

/** Their pids; `leader` is the command's own, and counts as long as it can be signalled where there is no /proc. */
export function markedProcesses(mark: string, leader: number | undefined): readonly number[] {
  if (process.platform !== 'linux') return leader !== undefined && signalProcess(leader, 0) ? [leader] : [];
  const wanted = `${runMark}=${mark}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && hasVariable(pid, wanted));
}

/** Whether there was such a process. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** One that has ended and waits for its parent has no variables any more. */
function hasVariable(pid: number, wanted: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(wanted);
  } catch {
    // Somebody else's, or gone.
    return false;
  }
}
