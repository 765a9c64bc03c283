// What a load came to. In: when each request was planned, sent and answered, and how. Out: a report at any time. Times are kept in HDR histograms (Node's own,
// three figures, from a microsecond to an hour), so that the rarest are as exact as the most frequent and memory does not grow.
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** How a request ended: an answer to its end, or why there was none. */
export type Outcome =
  /** `label`: the status as it is counted, `200`, or `grpc-status 14`. */
  | { readonly kind: 'answer'; readonly label: string; readonly isGood: boolean; readonly bytes: number }
  /** `reason`: few and short, such as `connection refused`. */
  | { readonly kind: 'failure'; readonly reason: string };

export type Times = { readonly plannedMs: number; readonly sentMs: number; readonly endedMs: number };

/** Milliseconds; null where nothing was measured. */
export type Percentiles = {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
};

export type LoadReport = {
  /** Requests that were due by the end of the load, and those that were sent. */
  readonly due: number;
  readonly sent: number;
  /** With an answer, whatever its status. */
  readonly answered: number;
  /** Failures, and answers other than 2xx and 3xx (gRPC: other than 0). */
  readonly errors: number;
  /** Of what ended, 0 to 1; null where nothing did. */
  readonly errorRate: number | null;
  readonly statuses: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
  /** Due, but with no answer yet when the load was interrupted. Neither good nor bad. */
  readonly unfinished: number;
  readonly elapsedMs: number;
  readonly answersPerSecond: number;
  readonly bytes: number;
  /** From the planned time of sending to the end of the answer. */
  readonly latencyMs: Percentiles;
  /** From the sending itself. */
  readonly serviceMs: Percentiles;
  /** How late the generator itself was: from the planned time to its noticing. */
  readonly lagMs: Percentiles;
  /** Requests that waited for a connection, because all were busy. */
  readonly waited: number;
  /** False: the generator was too slow for the rate, and the figures are its own as much as the server's. */
  readonly isKeptUp: boolean;
};

/** What was due and not sent by the end. */
const unsentReason = 'not sent: all connections were busy';
/** A timer's step, and some. */
const waitingMs = 1;
/** Above this at p99 the generator says that it was late. */
const lateMs = 20;

export class LoadTally {
  readonly #latency = newHistogram();
  readonly #service = newHistogram();
  readonly #lag = newHistogram();
  readonly #statuses = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  #due = 0;
  #sent = 0;
  #answered = 0;
  #errors = 0;
  #waited = 0;
  #bytes = 0;

  /** A request is due, and the generator sees it so much after its planned time. */
  due(lagMs: number): void {
    this.#due += 1;
    record(this.#lag, lagMs);
  }

  /** `waitedMs`: since it was seen to be due. */
  sent(waitedMs: number): void {
    this.#sent += 1;
    if (waitedMs > waitingMs) this.#waited += 1;
  }

  ended({ plannedMs, sentMs, endedMs }: Times, outcome: Outcome): void {
    record(this.#latency, endedMs - plannedMs);
    record(this.#service, endedMs - sentMs);
    if (outcome.kind === 'failure') {
      this.#errors += 1;
      count(this.#failures, outcome.reason);
      return;
    }
    this.#answered += 1;
    this.#bytes += outcome.bytes;
    if (!outcome.isGood) this.#errors += 1;
    count(this.#statuses, outcome.label);
  }

  /** It was due and could not be sent by the end: its latency is at least that. */
  neverSent(plannedMs: number, endedMs: number): void {
    record(this.#latency, endedMs - plannedMs);
    this.#errors += 1;
    count(this.#failures, unsentReason);
  }

  report(elapsedMs: number): LoadReport {
    const failures = sum(this.#failures);
    const over = this.#answered + failures;
    const lagMs = percentiles(this.#lag);
    return {
      due: this.#due,
      sent: this.#sent,
      answered: this.#answered,
      errors: this.#errors,
      errorRate: over === 0 ? null : this.#errors / over,
      statuses: sorted(this.#statuses),
      failures: sorted(this.#failures),
      unfinished: this.#due - over,
      elapsedMs,
      answersPerSecond: elapsedMs <= 0 ? 0 : (this.#answered * 1000) / elapsedMs,
      bytes: this.#bytes,
      latencyMs: percentiles(this.#latency),
      serviceMs: percentiles(this.#service),
      lagMs,
      waited: this.#waited,
      isKeptUp: (lagMs.p99 ?? 0) <= lateMs,
    };
  }
}

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
}

/** In microseconds; the histogram has no zero. */
function record(into: RecordableHistogram, ms: number): void {
  into.record(Math.min(3_600_000_000, Math.max(1, Math.round(ms * 1000))));
}

function percentiles(of: RecordableHistogram): Percentiles {
  const at = (percentile: number): number | null => (of.count === 0 ? null : Math.min(of.percentile(percentile), of.max) / 1000);
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: of.count === 0 ? null : of.max / 1000 };
}

function count(into: Map<string, number>, key: string): void {
  into.set(key, (into.get(key) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, one) => total + one, 0);
}

function sorted(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
