// Hosts that share one load: whose turn it is among them, by the cluster's policy. Made once per change of endpoints or of their health; drawing a host
// allocates nothing.
import type { BalancingEntry } from '#decide/balancing-entry.ts';
import { EdfSchedule } from '#decide/edf-schedule.ts';
import type { BalancedHost } from '#decide/priority-load.ts';
import { slowStartShare } from '#decide/slow-start.ts';

/** What draws depend on besides the hosts. `random` gives a new number in [0, 1) at each call. */
export type Chance = { readonly random: () => number; readonly nowMs: () => number };

export class HostGroup<Host extends BalancedHost> {
  readonly hosts: readonly Host[];
  readonly #settings: BalancingEntry;
  readonly #random: () => number;
  /** Undefined where all weights are equal. */
  readonly #schedule: EdfSchedule | undefined;
  #next: number;

  constructor(hosts: readonly Host[], settings: BalancingEntry, chance: Chance) {
    this.hosts = hosts;
    this.#settings = settings;
    this.#random = chance.random;
    const start = hosts.length > 1 ? chance.random() : 0;
    this.#next = Math.floor(start * hosts.length);
    this.#schedule = needsSchedule(hosts, settings, chance.nowMs()) ? scheduleOf(hosts, settings, chance.nowMs, start) : undefined;
  }

  /** Undefined only where there are no hosts. */
  draw(): Host | undefined {
    if (this.hosts.length <= 1) return this.hosts[0];
    switch (this.#settings.balancing) {
      case 'random':
        return this.#atRandom();
      case 'least-request':
        if (this.#schedule !== undefined) return this.hosts[this.#schedule.next()];
        return this.#settings.fullScan ? this.#leastOfAll() : this.#leastOfDrawn();
      default:
        return this.hosts[this.#schedule === undefined ? this.#inTurn() : this.#schedule.next()];
    }
  }

  #inTurn(): number {
    const index = this.#next;
    this.#next = index + 1 >= this.hosts.length ? 0 : index + 1;
    return index;
  }

  #atRandom(): Host | undefined {
    return this.hosts[Math.min(this.hosts.length - 1, Math.floor(this.#random() * this.hosts.length))];
  }

  /** Power of `choiceCount`: hosts drawn at random, with the same one possibly drawn twice; the first with the fewest requests wins. */
  #leastOfDrawn(): Host | undefined {
    let best = this.#atRandom();
    for (let draw = 1; draw < this.#settings.choiceCount; draw++) {
      const other = this.#atRandom();
      if (best !== undefined && other !== undefined && other.activeRequests < best.activeRequests) best = other;
    }
    return best;
  }

  /** Of several with the fewest requests each is as likely as the others. */
  #leastOfAll(): Host | undefined {
    let best = this.hosts[0];
    let equals = 1;
    for (const host of this.hosts) {
      if (best === undefined || host === best) continue;
      if (host.activeRequests < best.activeRequests) {
        best = host;
        equals = 1;
      } else if (host.activeRequests === best.activeRequests && this.#random() * ++equals < 1) best = host;
    }
    return best;
  }
}

function needsSchedule(hosts: readonly BalancedHost[], { balancing, slowStart }: BalancingEntry, nowMs: number): boolean {
  // Envoy's random balancer does not look at weights.
  if (hosts.length <= 1 || balancing === 'random') return false;
  if (slowStart !== undefined && hosts.some(({ addedMs }) => nowMs - addedMs <= slowStart.windowMs)) return true;
  return hosts.some(({ entry }) => entry.weight !== hosts[0]?.entry.weight);
}

/** Least request divides weights by (requests + 1) ^ bias (Envoy's weighted least request). */
function scheduleOf(hosts: readonly BalancedHost[], settings: BalancingEntry, nowMs: () => number, start: number): EdfSchedule {
  const { slowStart, activeRequestBias: bias } = settings;
  const counts = settings.balancing === 'least-request' && bias !== 0;
  const weightOf = (index: number): number => {
    const host = hosts[index];
    if (host === undefined) return 1;
    const { weight } = host.entry;
    const shared = counts ? weight / (bias === 1 ? host.activeRequests + 1 : (host.activeRequests + 1) ** bias) : weight;
    return slowStart === undefined ? shared : shared * slowStartShare(slowStart, nowMs() - host.addedMs);
  };
  return new EdfSchedule(hosts.length, weightOf, start);
}
