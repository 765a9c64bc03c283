// One container as a local process: started, probed, started again with a growing wait when it ends, stopped on request.
// Whoever owns it is told of each change and asks for the state; nothing here knows of pods or the mesh.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Container, LifecycleHandler, Probe } from '#api/kubernetes/container.ts';
import type { Clock } from '#base/clock.ts';
import { BackOff } from '#runtime/back-off.ts';
import { describeEnd, type LocalProcess, type ProcessEnd, type ProcessSpec, type StartProcess, startLocalProcess } from '#runtime/child-process.ts';
import { type ContainerProbes, type ProbeName, startContainerProbes } from '#runtime/container-probes.ts';
import type { ContainerState } from '#runtime/container-state.ts';
import { hintForEnd } from '#runtime/end-hint.ts';
import type { EmitEvent } from '#runtime/event.ts';
import { runHook, wait } from '#runtime/lifecycle-hook.ts';
import { listeningPorts } from '#runtime/listening-ports.ts';
import { askProbe, type ProbeTarget } from '#runtime/probe.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

export type ContainerRunOptions = {
  readonly workload: string;
  readonly name: string;
  readonly process: ProcessSpec;
  readonly probes?: ContainerProbes;
  /** What it does after its start and before its end, and the signal that ends it. */
  readonly lifecycle?: Container['lifecycle'] | undefined;
  /** The process as it is started where the pod is; an exec probe, too. */
  readonly enter: (spec: ProcessSpec) => ProcessSpec;
  /** Who starts it, where we do not. */
  readonly start?: StartProcess | undefined;
  /** Where the application listens, for probes: the address, and the port there for one that a probe names. */
  readonly address: string;
  readonly localPort: (port: number | string) => number | undefined;
  /** The local port that the application was told to listen on, for hints. */
  readonly port?: number | undefined;
  /** Its pod has an address of its own, for hints. */
  readonly isAlone?: boolean;
  /** How often the kernel has ended it for want of memory, for hints. */
  readonly outOfMemory?: () => number;
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
  /** Resolves when it has started for the first time: its postStart hook is done and its start-up probe has succeeded, where it has them. */
  readonly started: Promise<void>;
  readonly #options: ContainerRunOptions;
  readonly #backOff = new BackOff();
  readonly #stop = new AbortController();
  #process: LocalProcess | undefined;
  /** The preStop hook has run, or does. */
  #isPrepared = false;
  #tellStarted: () => void = () => {};
  #endProbes = (): void => {};
  #ready = false;
  #reason = 'starting';
  #lastLines: readonly string[] = [];
  #restarts = 0;
  #outOfMemory = 0;
  #state: ContainerState = { kind: 'waiting', reason: 'ContainerCreating' };
  #lastEnd: Extract<ContainerState, { readonly kind: 'terminated' }> | undefined;

  constructor(options: ContainerRunOptions) {
    this.#options = options;
    this.name = options.name;
    this.started = new Promise((resolve) => (this.#tellStarted = resolve));
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

  /** It is about to end: it is not started again, and its preStop hook runs, for at most `graceMs`. `stop` follows. */
  async prepareStop(graceMs: number): Promise<void> {
    this.#stop.abort();
    const running = this.#process;
    if (running === undefined || this.#isPrepared) return;
    this.#isPrepared = true;
    await this.#tellPreStop(running, graceMs);
  }

  /** Its preStop hook, then SIGTERM, and SIGKILL when `graceMs` are over in all. Resolves when it has ended, with whether it had to be killed. */
  async stop(graceMs: number): Promise<boolean> {
    this.#stop.abort();
    const running = this.#process;
    return running === undefined ? false : this.#end(running, graceMs);
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
      await wait(inMs, clock, this.#stop.signal);
      if (this.#stop.signal.aborted) return 'stopped';
    }
  }

  async #runOnce(): Promise<ProcessEnd> {
    const { emit, workload, name, process: spec, watchdog, enter, start } = this.#options;
    emit({ kind: 'starting', workload, container: name, command: [spec.command, ...spec.args].join(' ') });
    const running = start === undefined ? startLocalProcess(enter(spec), watchdog) : start(spec, enter);
    this.#process = running;
    this.#state = { kind: 'running', sinceMs: this.#options.clock.nowMs() };
    this.#reason = 'starting';
    // One of ours that cannot be started has ended already.
    if (start !== undefined || running.pid !== 0) void this.#begin(running);
    const end = await running.ended;
    this.#endProbes();
    this.#lastEnd = { kind: 'terminated', end, atMs: this.#options.clock.nowMs() };
    this.#state = this.#lastEnd;
    this.#lastLines = running.lastLines(lastLinesShown);
    this.#process = undefined;
    this.#setReady(false, describeEnd(end));
    return end;
  }

  /** The postStart hook, then the probes. A hook that fails ends the container, as in Kubernetes. */
  async #begin(running: LocalProcess): Promise<void> {
    const { lifecycle, clock, graceMs, emit, workload, name } = this.#options;
    if (lifecycle?.postStart !== undefined) {
      const reason = await runHook(lifecycle.postStart, this.#target(), clock, this.#stop.signal);
      if (this.#process !== running || this.#stop.signal.aborted) return;
      if (reason !== undefined) {
        emit({ kind: 'notice', workload, message: `container ${name}: its postStart hook failed, so it is ended: ${reason}` });
        void endProcess(running, graceMs, clock);
        return;
      }
    }
    this.#endProbes = startContainerProbes({
      ...this.#options.probes,
      clock,
      ask: (probe) => askProbe(probe, this.#target()),
      onStarted: () => this.#tellStarted(),
      onReady: (ready, reason) => this.#setReady(ready, reason),
      onUnlive: (reason, ownGraceMs) => this.#restart(running, reason, ownGraceMs ?? graceMs),
      onFailing: (probeName, probe, reason) => this.#tellFailing(running, probeName, probe, reason),
    });
  }

  #target(): ProbeTarget {
    const { address, localPort, process: spec, enter } = this.#options;
    return { host: address, localPort, exec: ([command = '', ...args], signal) => runOnce(enter({ ...spec, command, args }), signal) };
  }

  #restart(running: LocalProcess, reason: string, graceMs: number): void {
    const { emit, workload, name } = this.#options;
    this.#endProbes();
    emit({ kind: 'unlive', workload, container: name, reason });
    this.#setReady(false, reason);
    void this.#end(running, graceMs);
  }

  async #end(running: LocalProcess, graceMs: number): Promise<boolean> {
    const { lifecycle, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    if (!this.#isPrepared) await this.#tellPreStop(running, graceMs);
    const leftMs = Math.max(0, graceMs - (clock.monotonicMs() - startedMs));
    return endProcess(running, leftMs, clock, signalOf(lifecycle?.stopSignal));
  }

  async #tellPreStop(running: LocalProcess, graceMs: number): Promise<void> {
    const { lifecycle, emit, workload, name } = this.#options;
    if (lifecycle?.preStop === undefined) return;
    this.#endProbes();
    const reason = await this.#runPreStop(lifecycle.preStop, running, graceMs);
    if (reason !== undefined) emit({ kind: 'notice', workload, message: `container ${name}: its preStop hook failed: ${reason}` });
  }

  /** Over when the container is, or the time. */
  async #runPreStop(hook: LifecycleHandler, running: LocalProcess, graceMs: number): Promise<string | undefined> {
    const over = new AbortController();
    const cancel = this.#options.clock.after(graceMs, () => over.abort());
    void running.ended.then(() => over.abort());
    const reason = await runHook(hook, this.#target(), this.#options.clock, over.signal);
    cancel();
    return reason;
  }

  /** Somebody waits for this pod: say why it is not ready, and where a port may be the wrong one. */
  #tellFailing(running: LocalProcess, probeName: ProbeName, probe: Probe, reason: string): void {
    const { emit, workload, name, localPort, onChange } = this.#options;
    const asked = probe.httpGet?.port ?? probe.tcpSocket?.port ?? probe.grpc?.port;
    const port = asked === undefined ? undefined : localPort(asked);
    const open = port === undefined ? [] : listeningPorts(running.pid);
    const hint =
      port === undefined || open.includes(port)
        ? undefined
        : `nothing of it listens on port ${port}; ${open.length === 0 ? 'it listens on no port yet' : `it listens on ${open.join(', ')}`}`;
    if (!this.#ready) this.#reason = hint ?? `its ${probeName} probe fails: ${reason}`;
    emit({ kind: 'notice', workload, message: `container ${name}: its ${probeName} probe fails: ${reason}`, ...(hint !== undefined && { hint }) });
    onChange();
  }

  #setReady(ready: boolean, reason: string): void {
    this.#reason = reason;
    if (this.#ready === ready) return;
    this.#ready = ready;
    this.#options.onChange();
  }

  #memoryHint(): string | undefined {
    const count = this.#options.outOfMemory?.() ?? 0;
    if (count <= this.#outOfMemory) return undefined;
    this.#outOfMemory = count;
    return 'it wanted more memory than resources.limits.memory of its container allows';
  }

  #tellEnd(end: ProcessEnd): void {
    const { emit, workload, name, process: spec, port, isAlone } = this.#options;
    const hint = this.#memoryHint() ?? hintForEnd(this.#lastLines, port, isAlone);
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

/** The signal of Container.lifecycle.stopSignal; SIGTERM for none, and for one that is none. */
function signalOf(name: string | undefined): NodeJS.Signals {
  return Object.keys(constants.signals).find((one): one is NodeJS.Signals => one === name) ?? 'SIGTERM';
}

/** SIGTERM, then SIGKILL after `graceMs`. Resolves at the end with whether it was killed. */
export async function endProcess(
  running: Pick<LocalProcess, 'signal' | 'ended'>,
  graceMs: number,
  clock: Clock,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<boolean> {
  let forced = false;
  running.signal(signal);
  const cancel = clock.after(graceMs, () => {
    forced = true;
    running.signal('SIGKILL');
  });
  await running.ended;
  cancel();
  return forced;
}

/** An exec probe: the command in the container's folder and environment; its output is not kept. */
function runOnce({ command, args, cwd, env }: ProcessSpec, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: 'ignore', signal, killSignal: 'SIGKILL' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
