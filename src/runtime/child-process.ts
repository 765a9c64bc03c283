// One local process with its own process group, its output in a log file, and an end that is always told: a program that cannot be
// started ends like one that exits, with the reason.
import { type ChildProcess, type SendHandle, spawn } from 'node:child_process';
import { appendFileSync, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Watchdog } from '#runtime/watchdog.ts';

export type ProcessSpec = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Appended to. */
  readonly logFile: string;
  /** File descriptors that the process gets as 3, 4, … in this order. */
  readonly inherit?: readonly number[];
};

export type ProcessEnd =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'not started'; readonly reason: string };

export type LocalProcess = {
  /** 0 where the process could not be started. */
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  /** To the whole process group; without effect when it has ended. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** The last lines that this process wrote, at most 64 KB of them. */
  readonly lastLines: (count: number) => readonly string[];
};

/** How a process is started that is not ours to start: as `spec` says, where `enter` leads. */
export type StartProcess = (spec: ProcessSpec, enter: (spec: ProcessSpec) => ProcessSpec) => LocalProcess;

/** `exit code 3`, `signal SIGKILL`, `cannot be started: …`. */
export function describeEnd(end: ProcessEnd): string {
  if (end.kind === 'exit') return `exit code ${end.code}`;
  return end.kind === 'signal' ? `signal ${end.signal}` : `cannot be started: ${end.reason}`;
}

/** A process that takes messages of ours and sends some itself, with the handles of sockets. */
export type TalkingProcess = LocalProcess & {
  /** To nobody where it has ended. */
  readonly send: (message: object, handle?: object) => void;
};

/** A process that says once that it is ready, by writing to a pipe that it got behind what it inherits. */
export type AnnouncingProcess = LocalProcess & {
  /** Stays open where it ends before. */
  readonly ready: Promise<void>;
};

/** Starts the process, on the watchdog's list from its first moment to its last. */
export function startLocalProcess(spec: ProcessSpec, watchdog: Watchdog): LocalProcess {
  try {
    return follow(spec, begin(spec), watchdog);
  } catch (error) {
    return neverStarted(explainSpawnError(error, spec));
  }
}

/** The same, with the pipe: its number in the process is that of the first descriptor after those that it inherits. */
export function startAnnouncingProcess(spec: ProcessSpec, watchdog: Watchdog): AnnouncingProcess {
  try {
    const begun = begin(spec, ['pipe']);
    const pipe = begun.child.stdio.at(-1);
    const ready = new Promise<void>((resolve) => {
      pipe?.on('error', () => {}); // of a process that could not be started
      pipe?.once('data', () => {
        pipe.destroy();
        resolve();
      });
    });
    return { ...follow(spec, begun, watchdog), ready };
  } catch (error) {
    return { ...neverStarted(explainSpawnError(error, spec)), ready: new Promise(() => {}) };
  }
}

/** The same, with a channel: `onMessage` takes what comes. */
export function startTalkingProcess(spec: ProcessSpec, watchdog: Watchdog, onMessage: (message: unknown) => void): TalkingProcess {
  try {
    const begun = begin(spec, ['ipc']);
    const { child } = begun;
    child.on('message', onMessage);
    const send = (message: object, handle?: object): void => {
      // Node sends raw handles too; its types do not say so. What cannot be sent any more is for a process that is ending.
      if (child.connected) child.send(message, handle as SendHandle | undefined, {}, () => {});
    };
    return { ...follow(spec, begun, watchdog), send };
  } catch (error) {
    return { ...neverStarted(explainSpawnError(error, spec)), send: () => {} };
  }
}

function follow(spec: ProcessSpec, { child, logStart }: Begun, watchdog: Watchdog): LocalProcess {
  const pid = child.pid ?? 0;
  if (pid !== 0) watchdog.add(pid);
  let alive = pid !== 0;
  const signalGroup = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone; that is what the signal was for.
    }
  };
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve({ kind: 'not started', reason: explainSpawnError(error, spec) }));
    child.once('exit', (code, signal) => {
      alive = false;
      // What the process leaves behind in its group ends with it.
      signalGroup('SIGKILL');
      watchdog.drop(pid);
      resolve(signal === null ? { kind: 'exit', code: code ?? 0 } : { kind: 'signal', signal });
    });
  });
  return {
    pid,
    ended,
    signal: (signal) => {
      if (alive) signalGroup(signal);
    },
    lastLines: (count) => readLastLines(spec.logFile, logStart, count),
  };
}

type Begun = { readonly child: ChildProcess; readonly logStart: number };

/** Throws where there is no file for its log, and what Node throws at once instead of telling it later. */
function begin(spec: ProcessSpec, more: readonly ('ipc' | 'pipe')[] = []): Begun {
  const log = openSync(spec.logFile, 'a');
  try {
    const logStart = noteStart(spec.logFile);
    const stdio = ['ignore' as const, log, log, ...(spec.inherit ?? []), ...more];
    return { child: spawn(spec.command, spec.args, { cwd: spec.cwd, env: spec.env, stdio, detached: true }), logStart };
  } finally {
    closeSync(log);
  }
}

/** Where in its log a run begins, noted for those who want to read the one before the last. Throws where the file cannot be had. */
export function noteStart(logFile: string): number {
  const log = openSync(logFile, 'a');
  try {
    const { size } = fstatSync(log);
    appendFileSync(`${logFile}.starts`, `${size}\n`);
    return size;
  } finally {
    closeSync(log);
  }
}

function neverStarted(reason: string): LocalProcess {
  return { pid: 0, ended: Promise.resolve({ kind: 'not started', reason }), signal: () => {}, lastLines: () => [] };
}

/** Why `spawn` failed, in words that say what of the process it was. */
export function explainSpawnError(thrown: unknown, spec: ProcessSpec): string {
  const error: NodeJS.ErrnoException = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (error.code === 'ERR_INVALID_ARG_VALUE') return 'there is a NUL character in its command or its variables';
  if (error.code === 'E2BIG') return 'its command and variables are longer than this system takes';
  if (error.code === 'ENOENT' && error.syscall !== 'open') return `no program ${spec.command} on PATH, or no folder ${spec.cwd}`;
  if (error.code === 'EACCES') return `${spec.command} is not executable`;
  return error.message;
}

/** The last `count` lines of a file from `start` on; empty where the file is gone. */
export function readLastLines(file: string, start: number, count: number): readonly string[] {
  const mostBytes = 65_536;
  try {
    const descriptor = openSync(file, 'r');
    try {
      const size = fstatSync(descriptor).size;
      const from = Math.max(start, size - mostBytes);
      const bytes = Buffer.alloc(Math.max(0, size - from));
      const length = readSync(descriptor, bytes, 0, bytes.length, from);
      return bytes
        .toString('utf8', 0, length)
        .trimEnd()
        .split('\n')
        .slice(-count)
        .filter((line) => line !== '');
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return [];
  }
}
