// Runs one real Envoy for one workload: writes its bootstrap, starts it, says when it is ready, starts it again when it crashes
// (waiting longer each time), and drains it at the end. Its output goes to a file; nothing of it is ours to interpret.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAgentSocket } from '#agent/agent-socket.ts';
import { type EnvoyXdsMode, envoyBootstrap } from '#agent/bootstrap.ts';
import { envoyAdmin } from '#agent/envoy-admin.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import type { WorkloadSecrets } from '#ca/client/workload-secrets.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

export type EnvoyOptions = {
  readonly binary: string;
  readonly node: Node;
  /** `host:port` of the control plane. */
  readonly xdsTarget: string;
  /** Delta unless said otherwise. */
  readonly xdsMode?: EnvoyXdsMode;
  /** What it gets its secrets from, over a Unix socket below `workFolder`; undefined: it has no identity. Stays the caller's. */
  readonly secrets?: WorkloadSecrets;
  /** The control plane is reached by mutual TLS with those secrets, and must have this name. */
  readonly xdsServerName?: string;
  readonly adminPort: number;
  /** Where the bootstrap is written; made if missing. */
  readonly workFolder: string;
  /** Envoy's output is appended to this file; undefined: it goes where ours goes. */
  readonly logFile?: string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Worker threads, 1 unless set; 0 stands for all cores. */
  readonly concurrency?: number;
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How long requests under way may still take at the end, 5 s unless set. */
  readonly drainMs?: number;
  /** How long connections of a listener may go on that is changed or removed; `drainMs` unless set. */
  readonly listenerDrainMs?: number;
  /** What its connections are bound to where their cluster says nothing, at most one address of each family. */
  readonly sourceAddresses?: readonly string[];
  /** Who answers it questions for names, `address:port`; the system's name servers unless said. */
  readonly nameServer?: { readonly address: string; readonly port: number };
  /** It ends with our process group. Unless said it leads one of its own, so that Ctrl-C does not reach it. */
  readonly sharesGroup?: boolean;
  /** Called with the pid of each process that is started. */
  readonly onStart?: (pid: number) => void;
  /** Called after each end of a process that nobody asked for. */
  readonly onCrash?: (exit: EnvoyExit) => void;
};

/** How a process ended; `logTail` is the end of its output. */
export type EnvoyExit = { readonly code: number | null; readonly signal: string | null; readonly logTail: string };

export type RunningEnvoy = {
  /** Of the present process; another one after a crash. Undefined between two. */
  readonly pid: () => number | undefined;
  readonly adminPort: number;
  /** Resolves when Envoy first serves with clusters and listeners from the control plane. Rejects if it is stopped before. */
  readonly ready: Promise<void>;
  /** Resolves when Envoy has ended for good, which only `drain` and `kill` bring about. */
  readonly exited: Promise<void>;
  /** Lets requests under way end (up to `drainMs`), then stops. */
  readonly drain: () => Promise<void>;
  /** Stops at once. */
  readonly kill: () => Promise<void>;
};

const firstRestartMs = 100;
const longestRestartMs = 10_000;
/** A process that lived this long was fine: the next crash starts the back-off anew. */
const healthyAfterMs = 10_000;
const readyPollMs = 20;
const drainPollMs = 50;
const terminateDeadlineMs = 3_000;
const logTailBytes = 2_000;

/** Starts Envoy. Throws only where its bootstrap or log file cannot be written. */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  await mkdir(options.workFolder, { recursive: true });
  const bootstrap = join(options.workFolder, 'envoy.json');
  const sds = options.secrets === undefined ? undefined : await startAgentSocket(options.workFolder, options.secrets);
  const sdsPath = sds === undefined ? {} : { sdsPath: sds.path };
  await writeFile(bootstrap, JSON.stringify(envoyBootstrap({ ...options, ...sdsPath, xdsMode: options.xdsMode ?? 'delta' }), null, 2));
  const envoy = new SupervisedEnvoy(options, bootstrap);
  envoy.start();
  void envoy.exited.promise.then(() => sds?.[Symbol.asyncDispose]());
  return {
    pid: () => envoy.pid,
    adminPort: options.adminPort,
    ready: envoy.ready.promise,
    exited: envoy.exited.promise,
    drain: () => envoy.drain(),
    kill: () => envoy.kill(),
  };
}

class SupervisedEnvoy {
  readonly ready = Promise.withResolvers<void>();
  readonly exited = Promise.withResolvers<void>();
  readonly #options: EnvoyOptions;
  readonly #bootstrap: string;
  #child: ChildProcess | undefined;
  #startedMs = 0;
  #crashes = 0;
  #stopping = false;
  #cancelRestart: (() => void) | undefined;

  constructor(options: EnvoyOptions, bootstrap: string) {
    this.#options = options;
    this.#bootstrap = bootstrap;
    // Whoever stops an Envoy that was never ready may not be waiting for `ready`.
    this.ready.promise.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Not asynchronous, so that no stop can come between the decision to start and the process. */
  start(): void {
    const { binary, workFolder: cwd, environment, logFile } = this.#options;
    const log = logFile === undefined ? 'inherit' : openSync(logFile, 'a');
    const child = spawn(binary, this.#arguments(), {
      stdio: ['ignore', log, log],
      cwd,
      env: { ...process.env, ...environment },
      detached: this.#options.sharesGroup !== true,
    });
    if (log !== 'inherit') closeSync(log);
    this.#child = child;
    if (child.pid !== undefined) this.#options.onStart?.(child.pid);
    this.#startedMs = this.#options.clock.monotonicMs();
    child.once('error', (error) => void this.#ended(child, null, error.message));
    child.once('exit', (code, signal) => void this.#ended(child, code, signal));
    this.#awaitReady(child);
  }

  async drain(): Promise<void> {
    const child = this.#stop();
    if (child === undefined) return this.exited.promise;
    const { adminPort, clock } = this.#options;
    const admin = envoyAdmin({ host: '127.0.0.1', port: adminPort });
    const deadlineMs = clock.monotonicMs() + (this.#options.drainMs ?? 5_000);
    try {
      await admin.drainListeners();
      while (this.#child === child && clock.monotonicMs() < deadlineMs && (await admin.activeRequests()) > 0) await this.#pause(drainPollMs);
    } catch (error) {
      this.#options.logger.log('debug', 'Envoy cannot be drained', { node: this.#options.node.id, reason: String(error) });
    }
    return this.#terminate(child);
  }

  async kill(): Promise<void> {
    this.#stop();
    this.#child?.kill('SIGKILL');
    return this.exited.promise;
  }

  /** From now on the end of the process is the end. Gives the process, if there is one. */
  #stop(): ChildProcess | undefined {
    this.#stopping = true;
    this.#cancelRestart?.();
    if (this.#child === undefined) this.#gone();
    return this.#child;
  }

  #terminate(child: ChildProcess): Promise<void> {
    child.kill('SIGTERM');
    const cancel = this.#options.clock.after(terminateDeadlineMs, () => child.kill('SIGKILL'));
    return this.exited.promise.finally(cancel);
  }

  #arguments(): string[] {
    const { concurrency = 1, drainMs = 5_000, listenerDrainMs = drainMs } = this.#options;
    const drainSeconds = Math.max(1, Math.ceil(listenerDrainMs / 1000));
    return [
      ...['-c', this.#bootstrap],
      ...(concurrency === 0 ? [] : ['--concurrency', String(concurrency)]),
      ...['--log-level', 'warning', '--disable-hot-restart'],
      // Istio's own choice: `misc` warns of each deprecated field in each route, and Istio sets such fields (max_grpc_timeout).
      ...['--component-log-level', 'misc:error'],
      // Envoy's own 10 s would make a log that somebody follows lag behind.
      ...['--file-flush-interval-msec', '200'],
      ...['--drain-time-s', String(drainSeconds), '--drain-strategy', 'immediate'],
    ];
  }

  #awaitReady(child: ChildProcess): void {
    const admin = envoyAdmin({ host: '127.0.0.1', port: this.#options.adminPort });
    const ask = async (): Promise<void> => {
      if (this.#child !== child) return;
      if (await admin.ready().catch(() => false)) this.ready.resolve();
      else this.#options.clock.after(readyPollMs, () => void ask());
    };
    void ask();
  }

  async #ended(child: ChildProcess, code: number | null, signal: string | null): Promise<void> {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#stopping) {
      this.#gone();
      return;
    }
    const { clock, logger, node, logFile } = this.#options;
    this.#crashes = clock.monotonicMs() - this.#startedMs > healthyAfterMs ? 1 : this.#crashes + 1;
    const restartMs = Math.min(longestRestartMs, firstRestartMs * 2 ** (this.#crashes - 1));
    logger.log('error', 'Envoy ended unexpectedly', { node: node.id, code, signal, restartInMs: restartMs, log: logFile ?? '' });
    this.#cancelRestart = clock.after(restartMs, () => this.#restart());
    this.#options.onCrash?.({ code, signal, logTail: logFile === undefined ? '' : await endOf(logFile) });
  }

  #restart(): void {
    try {
      this.start();
    } catch (error) {
      this.#options.logger.log('error', 'Envoy cannot be started again', { node: this.#options.node.id, reason: String(error) });
      this.#cancelRestart = this.#options.clock.after(longestRestartMs, () => this.#restart());
    }
  }

  #gone(): void {
    this.ready.reject(new Error(`Envoy of ${this.#options.node.id} was stopped before it was ready`));
    this.exited.resolve();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(delayMs, resolve));
  }
}

function endOf(file: string): Promise<string> {
  return readFile(file).then(
    (bytes) => bytes.subarray(-logTailBytes).toString(),
    () => '',
  );
}
