// What an earlier start left behind: its processes, known by pid and start time, so that a pid that now means another program is spared.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { MeshState } from '#runtime/state.ts';

/** When a process started, as text that only compares; undefined where it does not run. Linux: /proc/PID/stat, field 22; else `ps`. */
export function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Field 3 is the first after the name; Z is a process that has ended and waits for its parent.
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return process.platform === 'linux' ? undefined : startByPs(pid);
  }
}

function startByPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Whether the mesh of this state still runs. */
export function isRunning(state: MeshState): boolean {
  return processStart(state.pid) === state.started;
}

/** Ends the process groups that a mesh which is gone has left; gives the names of those that were still there. */
export function endLeftovers(state: MeshState): readonly string[] {
  const left = state.processes.filter(({ pid, started }) => pid > 1 && processStart(pid) === started);
  for (const { pid } of left) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It ended between the look and the signal.
    }
  }
  return left.map(({ name, pid }) => `${name} (pid ${pid})`);
}
