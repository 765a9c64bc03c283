// Lines in, batches to one file descriptor out. The caller never waits: a batch is written by the thread pool when 64 KB are together or
// 200 ms have passed; under pressure (4 MB waiting) lines are dropped and counted. Lines are never reordered, and never torn between writers.
import { closeSync, openSync, write as writeAsync, writeSync } from 'node:fs';
import type { Clock } from '#base/clock.ts';
import { failed, ok, type Result } from '#base/result.ts';

const batchSize = 64 * 1024;
const flushDelayMs = 200;
const maxWaiting = 4 * 1024 * 1024;

export class LogWriter {
  readonly path: string;
  readonly #fd: number;
  readonly #clock: Clock;
  #batch = '';
  #writing: Buffer | undefined;
  #cancelTimer: (() => void) | undefined;
  #dropped = 0;
  #idle: (() => void)[] = [];

  private constructor(path: string, fd: number, clock: Clock) {
    this.path = path;
    this.#fd = fd;
    this.#clock = clock;
  }

  /** Opens `path` for appending; `/dev/stdout` and `/dev/stderr` are the process's own. The error says why it could not be opened. */
  static open(path: string, clock: Clock): Result<LogWriter, string> {
    if (path === '/dev/stdout') return ok(new LogWriter(path, 1, clock));
    if (path === '/dev/stderr') return ok(new LogWriter(path, 2, clock));
    try {
      return ok(new LogWriter(path, openSync(path, 'a'), clock));
    } catch (error) {
      return failed(`cannot open the log file ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Lines lost because the file took them too slowly. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds one line, its newline included. */
  write(line: string): void {
    if (this.#batch.length > maxWaiting) {
      this.#dropped++;
      return;
    }
    this.#batch += line;
    if (this.#writing !== undefined) return;
    if (this.#batch.length >= batchSize) this.#flush();
    else this.#cancelTimer ??= this.#clock.after(flushDelayMs, () => this.#flush());
  }

  /** Resolves when all lines so far are with the operating system. */
  flush(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#idle.push(resolve));
    if (this.#writing === undefined) this.#flush();
    return done;
  }

  /** Writes what is left at once (this does block, for the end of the process) and closes the file. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const rest = Buffer.from(this.#batch);
    this.#batch = '';
    try {
      if (rest.length > 0) writeSync(this.#fd, rest);
      if (this.#fd > 2) closeSync(this.#fd);
    } catch {
      this.#dropped++;
    }
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#batch === '') {
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#writing = Buffer.from(this.#batch);
    this.#batch = '';
    this.#writeRest(this.#writing);
  }

  #writeRest(bytes: Buffer): void {
    writeAsync(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
      if (error !== null) this.#dropped++;
      else if (written < bytes.length) return this.#writeRest(bytes.subarray(written));
      this.#writing = undefined;
      if (this.#batch.length >= batchSize || this.#idle.length > 0) this.#flush();
      else if (this.#batch !== '') this.#cancelTimer ??= this.#clock.after(flushDelayMs, () => this.#flush());
    });
  }
}
