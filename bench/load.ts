// Load on a URL, by wrk: one thread, 32 connections with keep-alive.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '#bench/programs.ts';

export type LoadResult = {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx and 3xx, and socket errors: a run with any is no measurement. */
  readonly failed: number;
};

export async function applyLoad(port: number, seconds: number, connections = 32): Promise<LoadResult> {
  const wrk = findProgram('wrk');
  if (wrk === undefined) throw new Error('the load comes from wrk, which is not installed (Debian: apt-get install wrk)');
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', `http://127.0.0.1:${port}/`];
  const { stdout } = await promisify(execFile)(wrk, args, { encoding: 'utf8' });
  return readReport(stdout);
}

/** Reads what wrk prints with `--latency`. */
export function readReport(report: string): LoadResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? 0);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report)?.slice(1) ?? [];
  return {
    requests: number(/(\d+) requests in/),
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: milliseconds(/\n\s+50%\s+(\S+)/.exec(report)?.[1]),
    p99Ms: milliseconds(/\n\s+99%\s+(\S+)/.exec(report)?.[1]),
    failed: number(/Non-2xx or 3xx responses: (\d+)/) + sockets.reduce((sum, count) => sum + Number(count), 0),
  };
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

function milliseconds(text: string | undefined): number {
  const match = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '');
  return match === null ? Number.NaN : Number(match[1]) * (unitMs[match[2] ?? ''] ?? Number.NaN);
}
