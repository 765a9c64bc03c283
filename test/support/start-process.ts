// A child process for a test: its output is kept, readiness is a line it prints (or a condition), and it ends with the scope that
// started it: `await using proxy = await startProcess({ … })`. Only its own pid is ever signalled.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { envoyForEverybody } from '#test/support/envoy.ts';
import { waitUntil } from '#test/support/wait-until.ts';

export type ProcessUser = { readonly uid: number; readonly gid: number };

export type ProcessOptions = {
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** As whom it runs, where that is not who runs the test. */
  readonly user?: ProcessUser | undefined;
  /** A line of stdout or stderr that says "ready", or a question asked until it answers true. Without it the process is ready at once. */
  readonly ready?: RegExp | (() => Promise<boolean>);
  /** How long it may take to become ready; 15 s by default. */
  readonly readyTimeoutMs?: number;
  /** How long it may take to end after SIGTERM before it is killed; 5 s by default. */
  readonly stopTimeoutMs?: number;
};

/** After its end, what a process printed last is still on its way to us. */
const outputGraceMs = 250;

export type ProcessExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type RunningProcess = AsyncDisposable & {
  readonly pid: number;
  /** Everything printed so far, both streams in the order in which it came. */
  readonly output: () => string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<ProcessExit>;
  /** The first match on any line so far or to come. Rejects at the deadline, or when the process ends without it. */
  readonly waitForLine: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpExecArray>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** SIGTERM, then SIGKILL at the deadline. */
  readonly stop: () => Promise<ProcessExit>;
};

/** `heddle …` of this clone, under the Node that runs the tests. */
export function startHeddle(args: readonly string[], options: Omit<ProcessOptions, 'command' | 'args'> = {}): Promise<RunningProcess> {
  const launcher = fileURLToPath(new URL('../../bin/heddle.js', import.meta.url));
  const env = { ...(options.user !== undefined && { ENVOY_BIN: envoyForEverybody() }), ...options.env };
  return startProcess({ ...options, env, command: process.execPath, args: [launcher, ...args] });
}

/** Resolves when the process is ready. Rejects, with all that it printed, when it ends before or takes too long; it is then stopped. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const child = spawn(options.command, options.args ?? [], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    ...options.user,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithUs(child);
  const output = captureOutput(child);
  const running = control(child, output, options);
  try {
    await becomeReady(running, options);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}

const running = new Set<ChildProcess>();

/** A test run that is cut short leaves nothing behind: what still runs when this process exits is killed. */
function endWithUs(child: ChildProcess): void {
  if (running.size === 0 && process.listeners('exit').every((listener) => listener !== killAll)) process.on('exit', killAll);
  running.add(child);
  child.once('exit', () => running.delete(child));
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

type Output = { all: string; stdout: string; stderr: string; readonly listeners: Set<() => void> };

function captureOutput(child: ChildProcess): Output {
  const output: Output = { all: '', stdout: '', stderr: '', listeners: new Set() };
  const keep = (stream: 'stdout' | 'stderr') => (text: string) => {
    output.all += text;
    output[stream] += text;
    for (const listener of output.listeners) listener();
  };
  child.stdout?.setEncoding('utf8').on('data', keep('stdout'));
  child.stderr?.setEncoding('utf8').on('data', keep('stderr'));
  return output;
}

function control(child: ChildProcess, output: Output, options: ProcessOptions): RunningProcess {
  const exited = new Promise<ProcessExit>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`cannot start ${options.command}`, { cause })));
    child.once('close', (code, signal) => resolve({ code, signal }));
    // What it started itself may outlive it and hold its output open: the end of the process is the end.
    child.once('exit', (code, signal) => void setTimeout(() => resolve({ code, signal }), outputGraceMs).unref());
  });
  exited.catch(() => {}); // who asks gets the rejection; nobody has to ask
  const stop = async (): Promise<ProcessExit> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), options.stopTimeoutMs ?? 5_000);
      await exited.catch(() => {}).finally(() => clearTimeout(killer));
    }
    return exited;
  };
  return {
    pid: child.pid ?? 0,
    output: () => output.all,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    exited,
    waitForLine: (pattern, timeoutMs = 10_000) => waitForLine(output, exited, pattern, timeoutMs),
    signal: (signal) => void child.kill(signal),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop().catch(() => {});
    },
  };
}

function waitForLine(output: Output, exited: Promise<ProcessExit>, pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = (): boolean => {
      const match = output.all.split('\n').reduce<RegExpExecArray | null>((found, line) => found ?? new RegExp(pattern).exec(line), null);
      if (match === null) return false;
      finish();
      resolve(match);
      return true;
    };
    const fail = (why: string) => {
      finish();
      reject(new Error(`${why} before ${pattern} was printed. Output:\n${output.all}`));
    };
    const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
    const finish = () => {
      clearTimeout(timer);
      output.listeners.delete(look);
    };
    if (look()) return;
    output.listeners.add(look);
    exited.then(
      ({ code, signal }) => void (look() || fail(`the process ended (${signal ?? `code ${code}`})`)),
      (error: Error) => fail(error.message),
    );
  });
}

async function becomeReady(running: RunningProcess, { ready, readyTimeoutMs = 15_000 }: ProcessOptions): Promise<void> {
  if (ready === undefined) return;
  if (ready instanceof RegExp) {
    await running.waitForLine(ready, readyTimeoutMs);
    return;
  }
  const ended = running.exited.then(({ code, signal }) => {
    throw new Error(`the process ended (${signal ?? `code ${code}`}) before it was ready. Output:\n${running.output()}`);
  });
  ended.catch(() => {}); // loses the race in the good case
  await Promise.race([waitUntil(`ready; its output:\n${running.output()}`, ready, { timeoutMs: readyTimeoutMs }), ended]);
}
