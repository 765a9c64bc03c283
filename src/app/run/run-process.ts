// The application of a pod that somebody else starts: asked for by a message, known by what the caller says of it, ended by messages, or by ourselves
// when the caller has gone. To the pod it looks like any process.
import { appendFileSync } from 'node:fs';
import type { CallerMessage, MeshMessage, RunRequest } from '#admin/client/run-messages.ts';
import { markedProcesses, runMark, signalProcess } from '#app/run/marked-processes.ts';
import type { Clock } from '#base/clock.ts';
import type { LocalProcess, ProcessEnd, ProcessSpec } from '#runtime/child-process.ts';

export type RunProcessOptions = {
  readonly request: RunRequest;
  /** What its descendants are known by. */
  readonly mark: string;
  /** The variables of this process, which are not the mesh's to give. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly clock: Pick<Clock, 'after'>;
  readonly tell: (message: MeshMessage) => void;
};

/** How often it is looked whether what was signalled has ended. */
const lookMs = 100;

export class RunProcess implements LocalProcess {
  readonly ended: Promise<ProcessEnd>;
  readonly #options: RunProcessOptions;
  #resolve: (end: ProcessEnd) => void = () => {};
  #pid = 0;
  /** How the command ended, where it has. */
  #end: ProcessEnd | undefined;
  #isAlone = false;
  #isOver = false;
  #isAsked = false;
  #looks = false;
  /** What it was told last, and whether what it left behind was told, too. */
  #signal: NodeJS.Signals = 'SIGTERM';
  #hasToldRest = false;

  constructor(options: RunProcessOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#resolve = resolve));
  }

  get pid(): number {
    return this.#pid;
  }

  /** Asks the caller to start it, once: what ended is not started again. */
  start(spec: ProcessSpec, enter: (spec: ProcessSpec) => ProcessSpec): void {
    if (this.#isAsked || this.#isAlone) return;
    this.#isAsked = true;
    const { request, inherited, mark, tell } = this.#options;
    const [command = '', ...args] = request.command;
    const entered = enter({ ...spec, command, args, cwd: request.cwd });
    appendFileSync(spec.logFile, `(the output of ${command} goes where heddle run was started)\n`, { mode: 0o600 });
    const variables = { ...addedVariables(spec.env, inherited), [runMark]: mark };
    tell({ kind: 'start', command: entered.command, args: entered.args, cwd: request.cwd, variables, mesh: process.pid });
  }

  take(message: Exclude<CallerMessage, { readonly kind: 'leave' }>): void {
    if (message.kind === 'started') this.#pid = message.pid;
    else this.#end ??= message.signal === undefined ? { kind: 'exit', code: message.code ?? 1 } : { kind: 'signal', signal: message.signal };
  }

  /** The caller is not there any more: what is left is ours to end. */
  abandon(): void {
    this.#isAlone = true;
  }

  /**
   * Ends it, and what it has left behind. Until then it counts as running, also after its own end: first the others are to know that it takes no more
   * requests.
   */
  signal(signal: NodeJS.Signals): void {
    if (this.#isOver) return;
    this.#signal = signal;
    this.#hasToldRest = false;
    if (!this.#isAlone && this.#end === undefined) this.#options.tell({ kind: 'signal', signal });
    if (!this.#looks) this.#look();
  }

  /** Its output is the caller's. */
  lastLines(): readonly string[] {
    return [];
  }

  #left(): readonly number[] {
    return markedProcesses(this.#options.mark, this.#pid === 0 ? undefined : this.#pid);
  }

  #look(): void {
    this.#looks = true;
    const isEnded = this.#end !== undefined || this.#isAlone;
    if (isEnded) {
      const left = this.#left();
      if (left.length === 0) {
        this.#isOver = true;
        this.#resolve(this.#end ?? { kind: 'signal', signal: 'SIGKILL' });
        return;
      }
      if (!this.#hasToldRest) for (const pid of left) signalProcess(pid, this.#signal);
      this.#hasToldRest = true;
    }
    this.#options.clock.after(lookMs, () => this.#look());
  }
}

/** What the mesh adds to the variables of whoever starts it; PATH stays the caller's. */
export function addedVariables(
  all: Readonly<Record<string, string>>,
  inherited: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => name !== 'PATH' && inherited[name] !== value));
}
