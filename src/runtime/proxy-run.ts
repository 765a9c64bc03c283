// A pod's proxy: started, awaited, started again on the same ports when it ends by itself, drained and stopped on request.
import type { Clock } from '#base/clock.ts';
import { BackOff } from '#runtime/back-off.ts';
import { describeEnd } from '#runtime/child-process.ts';
import { endProcess } from '#runtime/container-run.ts';
import type { EmitEvent } from '#runtime/event.ts';
import type { ProxyProcess, ProxyRequest, StartProxy } from '#runtime/proxy-process.ts';
import { sidecarContainer } from '#runtime/sidecar-container.ts';

export type ProxyRunOptions = {
  readonly workload: string;
  readonly request: ProxyRequest;
  readonly startProxy: StartProxy;
  readonly clock: Clock;
  readonly emit: EmitEvent;
  readonly onChange: () => void;
};

const lastLinesShown = 10;

/** What a pod asks of its proxy. */
export type PodProxy = Pick<ProxyRun, 'firstReady' | 'ready' | 'pid' | 'admin' | 'metrics' | 'restarts' | 'drain' | 'stop' | 'kill'>;

/** In place of one in a pod that has none: never in the way. */
export const noProxy: PodProxy = {
  firstReady: Promise.resolve(),
  ready: true,
  pid: undefined,
  admin: undefined,
  metrics: undefined,
  restarts: 0,
  drain: async () => {},
  stop: async () => false,
  kill: () => {},
};

export class ProxyRun {
  /** Resolves when the proxy serves for the first time. */
  readonly firstReady: Promise<void>;
  readonly #options: ProxyRunOptions;
  readonly #backOff = new BackOff();
  #process: ProxyProcess | undefined;
  #ready = false;
  #stopping = false;
  #restarts = 0;
  #tellFirstReady = (): void => {};

  constructor(options: ProxyRunOptions) {
    this.#options = options;
    this.firstReady = new Promise((resolve) => (this.#tellFirstReady = resolve));
    void this.#run();
  }

  get ready(): boolean {
    return this.#ready;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get admin(): string | undefined {
    return this.#process?.admin;
  }

  get metrics(): string | undefined {
    return this.#process?.metrics;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** No new requests; those on their way may finish until the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    const running = this.#process;
    if (running !== undefined) await Promise.race([running.drain(deadlineMs), running.ended]);
  }

  async stop(graceMs: number): Promise<boolean> {
    this.#stopping = true;
    const running = this.#process;
    return running === undefined ? false : endProcess(running, graceMs, this.#options.clock);
  }

  kill(): void {
    this.#stopping = true;
    this.#process?.signal('SIGKILL');
  }

  async #run(): Promise<void> {
    const { workload, request, startProxy, clock, emit } = this.#options;
    while (!this.#stopping) {
      const startedMs = clock.monotonicMs();
      const running = await startProxy(request);
      this.#process = running;
      // Stopped while it was being started: nobody else knows this process yet.
      if (this.#isStopping()) running.signal('SIGTERM');
      void running.ready.then(() => {
        if (this.#process === running) this.#setReady(true);
      });
      const end = await running.ended;
      this.#process = undefined;
      this.#setReady(false);
      if (this.#isStopping()) return;
      const lastLines = running.lastLines(lastLinesShown);
      emit({ kind: 'exited', workload, container: sidecarContainer, how: describeEnd(end), lastLines, logFile: request.logFile });
      const inMs = this.#backOff.next(clock.monotonicMs() - startedMs);
      this.#restarts += 1;
      emit({ kind: 'restarting', workload, container: sidecarContainer, inMs, restarts: this.#restarts });
      await new Promise<void>((resolve) => void clock.after(inMs, resolve));
    }
  }

  /** Behind a call, since the compiler takes a field that was false before an await to be false after it. */
  #isStopping(): boolean {
    return this.#stopping;
  }

  #setReady(ready: boolean): void {
    if (ready) this.#tellFirstReady();
    if (this.#ready === ready) return;
    this.#ready = ready;
    this.#options.onChange();
  }
}
