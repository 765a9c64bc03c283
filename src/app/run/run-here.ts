// The caller's side of a run: waits for a place in the mesh, starts the command there with the caller's terminal, passes on signals in both directions,
// and leaves. Out: the exit code that the caller is to have.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { type MeshMessage, onLines, readMeshMessage, sendMessage } from '#admin/client/run-messages.ts';
import { markedProcesses, runMark, signalProcess } from '#app/run/marked-processes.ts';
import { runEnvironment, throughUserNamespace } from '#app/run/run-environment.ts';
import type { Clock } from '#base/clock.ts';

export type RunHereOptions = {
  /** Speaks run-messages.ts. */
  readonly socket: Duplex;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Pick<Clock, 'after'>;
  /** Takes what the mesh says about the workload, and what goes wrong. */
  readonly tell: (news: RunNews) => void;
};

export type RunNews =
  | Extract<MeshMessage, { readonly kind: 'ready' }>
  | Extract<MeshMessage, { readonly kind: 'waiting' }>
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'cannot start'; readonly reason: string };

/** Without a mesh a command may still end well. */
const lostGraceMs = 5_000;
const launcherMs = 500;
/** How long the mesh may take to forget a workload whose command has ended. */
const leaveMs = 20_000;

type End = { readonly code?: number; readonly signal?: NodeJS.Signals };

/** Resolves when the command has ended and the workload has left. A command that a signal ended has 128 and its number. */
export async function runHere(options: RunHereOptions): Promise<number> {
  const { socket, clock, tell } = options;
  const ended = Promise.withResolvers<End>();
  const closed = new Promise<void>((resolve) => socket.once('close', resolve));
  socket.on('error', () => socket.destroy());
  socket.once('end', () => socket.end());
  let child: ChildProcess | undefined;
  let mark = '';
  let asked = false;
  onLines(socket, (value) => {
    const message = readMeshMessage(value);
    if (message?.kind === 'start' && child === undefined) {
      mark = message.variables[runMark] ?? '';
      child = start(message, options, ended.resolve);
      if (child.pid !== undefined) sendMessage(socket, { kind: 'started', pid: child.pid });
    } else if (message?.kind === 'signal') {
      if (!asked) tell({ kind: 'lost', reason: `the mesh ends, or takes the workload out: the command gets ${message.signal}` });
      child?.kill(message.signal);
    } else if (message?.kind === 'ready' || message?.kind === 'waiting') tell(message);
  });
  const forgetLauncher = followLauncher(options.environment);
  const unfollow = followSignals(
    () => child,
    (signal) => {
      asked = true;
      sendMessage(socket, { kind: 'leave' });
      if (child === undefined) ended.resolve({ signal });
    },
  );
  const lost = closed.then(() => ({ kind: 'lost' as const }));
  const first = await Promise.race([ended.promise.then((end) => ({ kind: 'ended' as const, end })), lost]);
  if (first.kind === 'lost') {
    tell({ kind: 'lost', reason: child === undefined ? 'the mesh has ended' : 'the mesh has ended, and the command with it' });
    if (child === undefined) ended.resolve({ code: 125 });
    await endAlone(child, mark, clock, ended.promise);
  }
  const end = await ended.promise;
  sendMessage(socket, { kind: 'ended', ...end });
  const cancel = clock.after(leaveMs, () => socket.destroy());
  await closed;
  cancel();
  forgetLauncher();
  unfollow();
  return end.signal === undefined ? (end.code ?? 1) : 128 + constants.signals[end.signal];
}

function start(
  { command, args, cwd, variables, mesh }: Extract<MeshMessage, { readonly kind: 'start' }>,
  { environment, tell }: RunHereOptions,
  onEnd: (end: End) => void,
): ChildProcess {
  const words = isOtherUserNamespace(mesh) ? throughUserNamespace(command, args, mesh) : args;
  // In the caller's process group: the terminal is its, with all that belongs to it.
  const child = spawn(command, words, { cwd, env: { ...runEnvironment(environment, variables) }, stdio: 'inherit' });
  child.once('error', (error: NodeJS.ErrnoException) => {
    tell({ kind: 'cannot start', reason: error.message });
    onEnd({ code: error.code === 'ENOENT' ? 127 : 126 });
  });
  child.once('exit', (code, signal) => onEnd(signal === null ? { code: code ?? 1 } : { signal }));
  return child;
}

/** Nobody else is there any more to end what the command started. */
async function endAlone(child: ChildProcess | undefined, mark: string, clock: Pick<Clock, 'after'>, ended: Promise<unknown>): Promise<void> {
  const all = (signal: NodeJS.Signals): void => {
    child?.kill(signal);
    for (const pid of mark === '' ? [] : markedProcesses(mark, child?.pid)) signalProcess(pid, signal);
  };
  all('SIGTERM');
  const cancel = clock.after(lostGraceMs, () => all('SIGKILL'));
  await ended;
  cancel();
  all('SIGKILL');
}

/**
 * SIGTERM and SIGHUP ask the workload to leave, which ends the command when no more requests come; said again, they go to the command at once. What a
 * terminal sends reaches the command by itself.
 */
function followSignals(child: () => ChildProcess | undefined, leave: (signal: NodeJS.Signals) => void): () => void {
  let isLeaving = false;
  const isForeground = hasTerminal();
  const listeners = (['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const).map((signal) => {
    const listener = (): void => {
      const running = child();
      const asksToLeave = running === undefined || ((signal === 'SIGTERM' || signal === 'SIGHUP') && !isLeaving);
      if (asksToLeave) {
        isLeaving = true;
        leave(signal);
      } else if (!isForeground || (signal !== 'SIGINT' && signal !== 'SIGQUIT')) running.kill(signal);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const end of listeners) end();
  };
}

/** Under an older Node a process stands between us and whoever called us (bin/heddle.js): when somebody kills it, that was meant for us. */
function followLauncher({ HEDDLE_LAUNCHER: launcher }: RunHereOptions['environment']): () => void {
  if (String(process.ppid) !== launcher) return () => {};
  const timer = setInterval(() => {
    if (String(process.ppid) === launcher) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, launcherMs);
  return () => clearInterval(timer);
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

function isOtherUserNamespace(mesh: number): boolean {
  try {
    return readlinkSync('/proc/self/ns/user') !== readlinkSync(`/proc/${mesh}/ns/user`);
  } catch {
    return false;
  }
}
