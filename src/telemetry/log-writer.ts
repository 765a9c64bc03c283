// Lines in, batches to one file descriptor out. The caller never waits: a batch is written by the thread pool when its 64 KB are full or
// 200 ms have passed; under pressure (4 MB waiting) lines are dropped and counted. Lines stay in order, and whole.
// They are copied into the batch at once: kept as strings, a batch of lines would outlive young garbage collections and fill the heap.
import { closeSync, openSync, write as writeAsync, writeSync } from 'node:fs';
import type { Clock } from '#base/clock.ts';
import { failed, ok, type Result } from '#base/result.ts';

const batchBytes = 64 * 1024;
const flushDelayMs = 200;
const maxWaitingBytes = 4 * 1024 * 1024;

export class LogWriter {
  readonly path: string;
  readonly #fd: number;
  readonly #clock: Clock;
  #batch: Buffer = Buffer.allocUnsafeSlow(batchBytes);
  #used = 0;
  /** Full batches behind the one being written. */
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing = false;
  /** A batch that was written and may be filled again. */
  #spare: Buffer | undefined = undefined;
  #cancelTimer: (() => void) | undefined = undefined;
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
    // A character is at most three bytes of UTF-8.
    if (this.#used + line.length * 3 > batchBytes) {
      this.#handOver();
      if (line.length * 3 > batchBytes) {
        this.#enqueue(Buffer.from(line));
        return;
      }
    }
    this.#used += this.#batch.write(line, this.#used, 'utf8');
    if (!this.#writing) this.#cancelTimer ??= this.#clock.after(flushDelayMs, () => this.#flush());
  }

  /** Resolves when all lines so far are with the operating system. */
  flush(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#idle.push(resolve));
    if (!this.#writing) this.#flush();
    return done;
  }

  /** Writes what is left at once (this does block, for the end of the process) and closes the file. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const rest = Buffer.concat([...this.#waiting.splice(0), this.#batch.subarray(0, this.#used)]);
    this.#used = 0;
    try {
      for (let at = 0; at < rest.length; ) at += writeSync(this.#fd, rest, at);
      if (this.#fd > 2) closeSync(this.#fd);
    } catch {
      this.#dropped++;
    }
  }

  /** The batch goes to the queue, and an empty one takes its place. */
  #handOver(): void {
    if (this.#used === 0) return;
    const full = this.#batch.subarray(0, this.#used);
    this.#batch = this.#spare ?? Buffer.allocUnsafeSlow(batchBytes);
    this.#spare = undefined;
    this.#used = 0;
    this.#enqueue(full);
  }

  #enqueue(bytes: Buffer): void {
    if (this.#waitingBytes > maxWaitingBytes) {
      this.#dropped += countLines(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#writing) this.#writeNext();
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#handOver();
    if (!this.#writing) this.#writeNext();
  }

  #writeNext(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      if (this.#used > 0 && this.#idle.length > 0) this.#flush();
      else if (this.#used > 0) this.#cancelTimer ??= this.#clock.after(flushDelayMs, () => this.#flush());
      else for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#waitingBytes -= next.length;
    this.#writing = true;
    this.#writeRest(next, 0);
  }

  #writeRest(bytes: Buffer, at: number): void {
    writeAsync(this.#fd, bytes, at, bytes.length - at, null, (error, written) => {
      if (error !== null) this.#dropped += countLines(bytes.subarray(at));
      else if (at + written < bytes.length) return this.#writeRest(bytes, at + written);
      if (bytes.buffer.byteLength === batchBytes) this.#spare = Buffer.from(bytes.buffer);
      this.#writing = false;
      this.#writeNext();
    });
  }
}

function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}
