// What a load came to, as people read it: counts, a table of latencies, and what is to be known before the figures are believed.
import type { LoadPlan } from '#app/load/load-plan.ts';
import type { LoadReport, Percentiles } from '#app/load/tally.ts';
import type { Paint } from '#cli/style.ts';
import { textTable } from '#cli/text-table.ts';

/** `errorRate` 0 to 1. */
export type Thresholds = { readonly maxErrorRate?: number; readonly maxP99Ms?: number };

/** `http://127.0.0.1:8080/ as shop.example: 100 requests/s for 30 s, HTTP/1.1, 64 connections` */
export function loadTitle(plan: LoadPlan, to: string): string {
  const connections = `${plan.connections} connection${plan.connections === 1 ? '' : 's'}`;
  const protocol = plan.protocol === 'http1' ? 'HTTP/1.1' : 'HTTP/2';
  return `${to}: ${plan.ratePerSecond} requests/s for ${seconds(plan.durationMs)}, ${protocol}, ${connections}`;
}

/** `4.5 s  450 answers  0 errors  p50 1.2 ms  p99 4 ms`: a line that is written over. */
export function progressLine(report: LoadReport, plan: LoadPlan): string {
  const { elapsedMs, answered, errors, latencyMs } = report;
  const open = report.due - answered - sum(report.failures);
  const waiting = open > 0 ? `  ${open} under way` : '';
  const times = `p50 ${milliseconds(latencyMs.p50)}  p99 ${milliseconds(latencyMs.p99)}`;
  return `${seconds(elapsedMs)} of ${seconds(plan.durationMs)}  ${answered} answers  ${errors} errors  ${times}${waiting}`;
}

/** Lines without a newline at the end. */
export function reportLines(report: LoadReport, missed: readonly string[], paint: Paint): string {
  const { due, sent, answered, answersPerSecond, bytes, errors, errorRate, unfinished } = report;
  const rate = errorRate === null ? '' : ` (${percent(errorRate)})`;
  const lines = [
    `requests  ${due} due, ${sent} sent, ${answered} answered, ${answersPerSecond.toFixed(1)}/s, ${size(bytes)}${unfinished === 0 ? '' : `, ${unfinished} unfinished`}`,
    ...countLines('answers', report.statuses),
    ...countLines('failures', report.failures),
    `errors    ${errors === 0 ? '0' : paint.bad(`${errors}${rate}`)}`,
    '',
    latencyTable(report),
    ...notes(report).map((note) => paint.warn(`note: ${note}`)),
    ...missed.map((one) => paint.bad(`missed: ${one}`)),
  ];
  return lines.join('\n');
}

function countLines(title: string, counts: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(counts).map(([name, count], index) => `${(index === 0 ? title : '').padEnd(10)}${name}: ${count}`);
}

function latencyTable({ latencyMs, serviceMs }: LoadReport): string {
  const row = (title: string, { p50, p90, p99, p999, max }: Percentiles, from: string) => [
    title,
    ...[p50, p90, p99, p999, max].map(milliseconds),
    from,
  ];
  return textTable([
    ['', 'p50', 'p90', 'p99', 'p99.9', 'max', ''],
    row('latency', latencyMs, 'from the planned time of sending'),
    row('service', serviceMs, 'from the sending'),
  ]);
}

function notes({ waited, lagMs, isKeptUp, sent }: LoadReport): readonly string[] {
  const late = `the generator was late (p99 ${milliseconds(lagMs.p99)}): this machine is too busy for the rate, and that is part of the latencies`;
  const waiting = `${waited} of ${sent} requests waited for a connection: the answers are too slow for the rate, or --connections too few`;
  return [...(isKeptUp ? [] : [late]), ...(waited > sent / 100 ? [waiting] : [])];
}

/** What was asked of the load and is not so. */
export function missedThresholds({ errorRate, latencyMs, answered }: LoadReport, { maxErrorRate, maxP99Ms }: Thresholds): readonly string[] {
  const hasNothing = answered === 0 ? ['no request was answered'] : [];
  const errors =
    maxErrorRate !== undefined && errorRate !== null && errorRate > maxErrorRate
      ? [`${percent(errorRate)} of errors; --max-error-rate is ${percent(maxErrorRate)}`]
      : [];
  const slow =
    maxP99Ms !== undefined && latencyMs.p99 !== null && latencyMs.p99 > maxP99Ms
      ? [`p99 is ${milliseconds(latencyMs.p99)}; --max-p99 is ${milliseconds(maxP99Ms)}`]
      : [];
  return [...hasNothing, ...errors, ...slow];
}

/** `0.42 ms`, `4.2 ms`, `42 ms`, `1.24 s`. */
export function milliseconds(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`;
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toFixed(2))} %`;
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, one) => total + one, 0);
}
