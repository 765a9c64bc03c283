// One container as a local process: started, probed, started again with a growing wait when it ends, stopped on request.
// Whoever owns it is told of each change and asks for the state; nothing here knows of pods or the mesh.
import { spawn } from 'node:child_process';
import type { Probe } from '#api/kubernetes/container.ts';
import type { Clock } from '#base/clock.ts';
import { BackOff } from '#runtime/back-off.ts';
import { describeEnd, type LocalProcess, type ProcessEnd, type ProcessSpec, startLocalProcess } from '#runtime/child-process.ts';
import type { ContainerState } from '#runtime/container-state.ts';
import { hintForEnd } from '#runtime/end-hint.ts';
import type { EmitEvent } from '#runtime/event.ts';
import { askProbe } from '#runtime/probe.ts';
import { startProbeLoop } from '#runtime/probe-loop.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

export type ContainerRunOptions = {
  readonly workload: string;
  readonly name: string;
  readonly process: ProcessSpec;
  readonly readiness?: Probe | undefined;
  readonly liveness?: Probe | undefined;
  readonly startup?: Probe | undefined;
  /** The process as it is started where the pod is; an exec probe, too. */
  readonly enter: (spec: ProcessSpec) => ProcessSpec;
  /** Where the application listens, for probes: the address, and the port there for one that a probe names. */
  readonly address: string;
  readonly localPort: (port: number | string) => number | undefined;
  /** The local port that the application was told to listen on, for hints. */
  readonly port?: number | undefined;
  /** Its pod has an address of its own, for hints. */
  readonly isAlone?: boolean;
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
  /** A Job gives up after so many failures (spec.backoffLimit). */
  readonly mostFailures?: number | undefined;
  /** How often the program must end well before the container is done (Jobs with more completions than pods). */
  readonly runs: number;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly watchdog: Watchdog;
  readonly emit: EmitEvent;
  /** Any change of `ready`, `pid` or the outcome. */
  readonly onChange: () => void;
};

const lastLinesShown = 20;

export class ContainerRun {
  readonly name: string;
  /** Resolves when the container will not run again: it ended for good, or was stopped. */
  readonly finished: Promise<'succeeded' | 'failed' | 'stopped'>;
  readonly #options: ContainerRunOptions;
  readonly #backOff = new BackOff();
  readonly #stop = new AbortController();
  #process: LocalProcess | undefined;
  #endProbes = (): void => {};
  #ready = false;
  #reason = 'starting';
  #lastLines: readonly string[] = [];
  #restarts = 0;
  #state: ContainerState = { kind: 'waiting', reason: 'ContainerCreating' };
  #lastEnd: Extract<ContainerState, { readonly kind: 'terminated' }> | undefined;

  constructor(options: ContainerRunOptions) {
    this.#options = options;
    this.name = options.name;
    this.finished = this.#run();
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Why it is not ready. */
  get reason(): string {
    return this.#reason;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get state(): ContainerState {
    return this.#state;
  }

  /** How it ended the last time, where it was started again since, or is to be. */
  get lastEnd(): Extract<ContainerState, { readonly kind: 'terminated' }> | undefined {
    return this.#lastEnd;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Another command with its environment and folder, in the pod. */
  beside(command: string, args: readonly string[]): ProcessSpec {
    const { process: spec, enter } = this.#options;
    return enter({ ...spec, command, args });
  }

  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it has ended, with whether it had to be killed. */
  async stop(graceMs: number): Promise<boolean> {
    this.#stop.abort();
    const running = this.#process;
    if (running === undefined) return false;
    return endProcess(running, graceMs, this.#options.clock);
  }

  kill(): void {
    this.#stop.abort();
    this.#process?.signal('SIGKILL');
  }

  async #run(): Promise<'succeeded' | 'failed' | 'stopped'> {
    const { emit, workload, name, clock, restartPolicy, runs, mostFailures } = this.#options;
    let runsLeft = runs;
    let failures = 0;
    for (;;) {
      const startedMs = clock.monotonicMs();
      const end = await this.#runOnce();
      if (this.#stop.signal.aborted) return 'stopped';
      const succeeded = end.kind === 'exit' && end.code === 0;
      if (succeeded) runsLeft -= 1;
      else failures += 1;
      const isDone = succeeded && runsLeft <= 0 && restartPolicy !== 'Always';
      if (isDone) return 'succeeded';
      if (!succeeded || restartPolicy === 'Always') this.#tellEnd(end);
      const givesUp = !succeeded && (restartPolicy === 'Never' || (mostFailures !== undefined && failures > mostFailures));
      if (givesUp) return 'failed';
      const inMs = succeeded && restartPolicy !== 'Always' ? 0 : this.#backOff.next(clock.monotonicMs() - startedMs);
      this.#restarts += 1;
      if (inMs > 0) this.#state = { kind: 'waiting', reason: 'CrashLoopBackOff', message: describeEnd(end) };
      emit({ kind: 'restarting', workload, container: name, inMs, restarts: this.#restarts });
      await pause(inMs, clock, this.#stop.signal);
      if (this.#stop.signal.aborted) return 'stopped';
    }
  }

  async #runOnce(): Promise<ProcessEnd> {
    const { emit, workload, name, process: spec, watchdog, enter } = this.#options;
    emit({ kind: 'starting', workload, container: name, command: [spec.command, ...spec.args].join(' ') });
    const running = startLocalProcess(enter(spec), watchdog);
    this.#process = running;
    this.#state = { kind: 'running', sinceMs: this.#options.clock.nowMs() };
    this.#startProbes(running);
    const end = await running.ended;
    this.#endProbes();
    this.#lastEnd = { kind: 'terminated', end, atMs: this.#options.clock.nowMs() };
    this.#state = this.#lastEnd;
    this.#lastLines = running.lastLines(lastLinesShown);
    this.#process = undefined;
    this.#setReady(false, describeEnd(end));
    return end;
  }

  /** The start-up probe first, where there is one; then readiness and liveness. Without a readiness probe: ready at once. */
  #startProbes(running: LocalProcess): void {
    const { startup, clock } = this.#options;
    const ends: (() => void)[] = [];
    this.#endProbes = () => {
      for (const end of ends.splice(0)) end();
    };
    const begin = (): void => {
      const { readiness, liveness } = this.#options;
      if (readiness === undefined) this.#setReady(true, '');
      else ends.push(this.#loop(readiness, false, (well, reason) => this.#setReady(well, reason)));
      if (liveness !== undefined) ends.push(this.#loop(liveness, true, (_, reason) => this.#restart(running, `liveness: ${reason}`)));
    };
    if (startup === undefined) {
      begin();
      return;
    }
    const budgetMs = ((startup.initialDelaySeconds ?? 0) + (startup.periodSeconds ?? 10) * (startup.failureThreshold ?? 3)) * 1000;
    const cancel = clock.after(budgetMs, () => this.#restart(running, `start-up: no success within ${budgetMs / 1000} s`));
    ends.push(cancel);
    ends.push(
      this.#loop(startup, false, (well) => {
        if (!well) return;
        for (const end of ends.splice(0)) end();
        begin();
      }),
    );
  }

  #loop(probe: Probe, startsWell: boolean, onChange: (well: boolean, reason: string) => void): () => void {
    const { clock, address, localPort, process: spec, enter } = this.#options;
    return startProbeLoop({
      probe,
      ask: () =>
        askProbe(probe, { host: address, localPort, exec: ([command = '', ...args], signal) => runOnce(enter({ ...spec, command, args }), signal) }),
      clock,
      startsWell,
      onChange,
    });
  }

  #restart(running: LocalProcess, reason: string): void {
    const { emit, workload, name, graceMs, clock } = this.#options;
    this.#endProbes();
    emit({ kind: 'unlive', workload, container: name, reason });
    this.#setReady(false, reason);
    void endProcess(running, graceMs, clock);
  }

  #setReady(ready: boolean, reason: string): void {
    this.#reason = reason;
    if (this.#ready === ready) return;
    this.#ready = ready;
    this.#options.onChange();
  }

  #tellEnd(end: ProcessEnd): void {
    const { emit, workload, name, process: spec, port, isAlone } = this.#options;
    const hint = hintForEnd(this.#lastLines, port, isAlone);
    emit({
      kind: 'exited',
      workload,
      container: name,
      how: describeEnd(end),
      lastLines: this.#lastLines,
      logFile: spec.logFile,
      ...(hint !== undefined && { hint }),
    });
  }
}

/** SIGTERM, then SIGKILL after `graceMs`. Resolves at the end with whether it was killed. */
export async function endProcess(running: Pick<LocalProcess, 'signal' | 'ended'>, graceMs: number, clock: Clock): Promise<boolean> {
  let forced = false;
  running.signal('SIGTERM');
  const cancel = clock.after(graceMs, () => {
    forced = true;
    running.signal('SIGKILL');
  });
  await running.ended;
  cancel();
  return forced;
}

function pause(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const cancel = clock.after(delayMs, resolve);
    signal.addEventListener('abort', () => {
      cancel();
      resolve();
    });
  });
}

/** An exec probe: the command in the container's folder and environment; its output is not kept. */
function runOnce({ command, args, cwd, env }: ProcessSpec, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: 'ignore', signal, killSignal: 'SIGKILL' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
