// Outlier detection of one cluster: what its hosts answered in, ejections out. A host that fails too often in a row, or far more often than the others,
// is taken out of balancing for a while; each further time takes longer. Told time and randomness; who keeps it calls `onInterval` by the clock.
import type { EjectionType, OutlierEntry } from '#decide/outlier-entry.ts';
import { isInRanges } from '#decide/status-ranges.ts';

/** What the detector knows of one host. */
export class OutlierHost {
  ejected = false;
  /** In a row. */
  consecutive5xx = 0;
  consecutiveGatewayFailure = 0;
  consecutiveLocalOriginFailure = 0;
  /** How many times the base ejection time the next ejection lasts, less one. */
  backOff = 0;
  ejectedAtMs = 0;
  jitterMs = 0;
  /** Of this interval: answers, and failures to reach it. */
  readonly external = new Tally();
  readonly local = new Tally();
}

class Tally {
  total = 0;
  successes = 0;

  count(isSuccess: boolean): void {
    this.total++;
    if (isSuccess) this.successes++;
  }

  /** Percent of successes, undefined below the volume; starts anew. */
  take(): { readonly volume: number; readonly successPercent: number } | undefined {
    const { total, successes } = this;
    this.total = 0;
    this.successes = 0;
    return total === 0 ? undefined : { volume: total, successPercent: (successes * 100) / total };
  }
}

/** What can happen between the proxy and a host besides an answer. `connected` alone is no final word, for a protocol with answers of its own. */
export type LocalResult = 'connect-failed' | 'timeout' | 'connected' | 'connected-for-good';

export type OutlierEvents = {
  /** Hosts were ejected or have come back: balancing must change at once. */
  readonly onChange: () => void;
  /** For counters: `overflow` where the limit on ejected hosts forbade it. */
  readonly onDetected: (type: EjectionType, outcome: 'ejected' | 'not-enforced' | 'overflow') => void;
};

export class OutlierDetector {
  readonly entry: OutlierEntry;
  readonly #hosts = new Set<OutlierHost>();
  readonly #random: () => number;
  readonly #nowMs: () => number;
  readonly #events: OutlierEvents;

  /** `nowMs` is monotonic, `random` in [0, 1). */
  constructor(entry: OutlierEntry, random: () => number, nowMs: () => number, events: OutlierEvents) {
    this.entry = entry;
    this.#random = random;
    this.#nowMs = nowMs;
    this.#events = events;
  }

  add(host: OutlierHost): void {
    this.#hosts.add(host);
  }

  remove(host: OutlierHost): void {
    this.#hosts.delete(host);
  }

  get ejectedCount(): number {
    let count = 0;
    for (const { ejected } of this.#hosts) if (ejected) count++;
    return count;
  }

  /** The status of an HTTP answer. Where the cluster has errors of its own, the others are successes. */
  onAnswer(host: OutlierHost, status: number): void {
    const { errorStatuses } = this.entry;
    if (errorStatuses === undefined) this.onStatus(host, status);
    else this.onStatus(host, isInRanges(status, errorStatuses) ? Math.max(status, 500) : 200);
  }

  /** What anything but an HTTP answer counts as, above all a gRPC status. */
  onStatus(host: OutlierHost, status: number): void {
    host.external.count(status < 500);
    if (status < 500) {
      host.consecutive5xx = 0;
      host.consecutiveGatewayFailure = 0;
      return;
    }
    if (status < 502 || status > 504) host.consecutiveGatewayFailure = 0;
    else if (++host.consecutiveGatewayFailure === this.entry.consecutiveGatewayFailure) this.#onConsecutive(host, 'consecutive_gateway_failure');
    if (++host.consecutive5xx === this.entry.consecutive5xx) this.#onConsecutive(host, 'consecutive_5xx');
  }

  /** Without the split a failure to connect counts as 503 and a timeout as 504 (Envoy: putResultNoLocalExternalSplit). */
  onLocal(host: OutlierHost, result: LocalResult): void {
    const isFailure = result === 'connect-failed' || result === 'timeout';
    if (!this.entry.splitsLocalOrigin) {
      if (result !== 'connected') this.onStatus(host, result === 'connect-failed' ? 503 : result === 'timeout' ? 504 : 200);
      return;
    }
    host.local.count(!isFailure);
    if (!isFailure) host.consecutiveLocalOriginFailure = 0;
    else if (++host.consecutiveLocalOriginFailure === this.entry.consecutiveLocalOriginFailure)
      this.#onConsecutive(host, 'consecutive_local_origin_failure');
  }

  #onConsecutive(host: OutlierHost, type: EjectionType): void {
    if (host.ejected) return;
    this.#eject(host, type);
    if (type === 'consecutive_5xx') host.consecutive5xx = 0;
    else if (type === 'consecutive_gateway_failure') host.consecutiveGatewayFailure = 0;
    else host.consecutiveLocalOriginFailure = 0;
  }

  #eject(host: OutlierHost, type: EjectionType): void {
    const { entry } = this;
    const ejected = this.ejectedCount;
    const percent = (100 * (ejected + 1)) / this.#hosts.size;
    if (percent > entry.maxEjectionPercent && !(entry.alwaysEjectOne && ejected === 0)) {
      this.#events.onDetected(type, 'overflow');
      return;
    }
    if (this.#random() * 100 >= entry.enforcing[type]) {
      this.#events.onDetected(type, 'not-enforced');
      return;
    }
    host.ejected = true;
    host.ejectedAtMs = this.#nowMs();
    host.jitterMs = Math.floor(this.#random() * (entry.maxJitterMs + 1));
    if (host.backOff * entry.baseEjectionMs < entry.maxEjectionMs + entry.baseEjectionMs) host.backOff++;
    this.#events.onDetected(type, 'ejected');
    this.#events.onChange();
  }

  /** Every `entry.intervalMs`: hosts whose time is over come back, and rates of success are compared. */
  onInterval(): void {
    let changed = false;
    for (const host of this.#hosts) if (host.ejected && this.#isOver(host)) changed = this.#readmit(host);
    if (changed) this.#events.onChange();
    this.#compare('external', 'success_rate', 'failure_percentage');
    this.#compare('local', 'local_origin_success_rate', 'local_origin_failure_percentage');
    for (const host of this.#hosts) if (!host.ejected && host.backOff > 0) host.backOff--;
  }

  #isOver({ backOff, jitterMs, ejectedAtMs }: OutlierHost): boolean {
    return Math.min(this.entry.baseEjectionMs * backOff, this.entry.maxEjectionMs) + jitterMs <= this.#nowMs() - ejectedAtMs;
  }

  #readmit(host: OutlierHost): true {
    host.ejected = false;
    host.consecutive5xx = 0;
    host.consecutiveGatewayFailure = 0;
    host.consecutiveLocalOriginFailure = 0;
    return true;
  }

  /** Success far below the others' (mean less some standard deviations), or failures above a fixed share. */
  #compare(origin: 'external' | 'local', rateType: EjectionType, percentageType: EjectionType): void {
    const { successRate, failurePercentage } = this.entry;
    const counted = [...this.#hosts].flatMap((host) => {
      const found = host[origin].take();
      return found === undefined || host.ejected ? [] : [{ host, ...found }];
    });
    const rated = counted.filter(({ volume }) => volume >= successRate.requestVolume);
    if (rated.length > 0 && rated.length >= successRate.minimumHosts) {
      const mean = rated.reduce((sum, { successPercent }) => sum + successPercent, 0) / rated.length;
      const variance = rated.reduce((sum, { successPercent }) => sum + (successPercent - mean) ** 2, 0) / rated.length;
      const least = mean - (successRate.deviations / 1000) * Math.sqrt(variance);
      for (const { host, successPercent } of rated) if (successPercent < least && !host.ejected) this.#eject(host, rateType);
    }
    const measured = counted.filter(({ volume }) => volume >= failurePercentage.requestVolume);
    if (measured.length === 0 || measured.length < failurePercentage.minimumHosts) return;
    for (const { host, successPercent } of measured) {
      if (100 - successPercent >= failurePercentage.threshold && !host.ejected) this.#eject(host, percentageType);
    }
  }
}
