// Which of a cluster's endpoints takes the next request. Built once per update; holds the rotation.
// Envoy: priorities are used in order, health is ignored below the panic threshold.
import type { ClusterEntry } from '#decide/cluster-entry.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';

export class EndpointPicker {
  readonly #cluster: ClusterEntry;
  readonly #random: () => number;
  readonly #hosts: readonly Endpoint[];
  /** Running sums of the weights; undefined while all are equal. */
  readonly #sums: readonly number[] | undefined;
  readonly #current: number[];
  #next: number;

  constructor(cluster: ClusterEntry, endpoints: readonly Endpoint[], random: () => number) {
    this.#cluster = cluster;
    this.#random = random;
    this.#hosts = usable(cluster, endpoints);
    this.#sums = runningSums(this.#hosts);
    this.#current = this.#hosts.map(() => 0);
    // As Envoy: proxies that start together do not all begin with the same endpoint.
    this.#next = Math.floor(random() * this.#hosts.length);
  }

  pick(): Endpoint | undefined {
    if (this.#hosts.length <= 1) return this.#hosts[0];
    switch (this.#cluster.balancing) {
      case 'random':
        return this.#draw();
      case 'least-request':
        return this.#leastRequest();
      default:
        return this.#sums === undefined ? this.#rotate() : this.#rotateWeighted();
    }
  }

  #rotate(): Endpoint | undefined {
    const index = this.#next;
    this.#next = index + 1 >= this.#hosts.length ? 0 : index + 1;
    return this.#hosts[index];
  }

  /** Smooth weighted round robin: every endpoint gains its weight, the richest is taken and pays the total. */
  #rotateWeighted(): Endpoint | undefined {
    let best = 0;
    let total = 0;
    for (const [index, host] of this.#hosts.entries()) {
      const { weight } = host.entry;
      total += weight;
      const credit = (this.#current[index] ?? 0) + weight;
      this.#current[index] = credit;
      if (credit > (this.#current[best] ?? 0) || index === 0) best = index;
    }
    this.#current[best] = (this.#current[best] ?? 0) - total;
    return this.#hosts[best];
  }

  #draw(): Endpoint | undefined {
    if (this.#sums === undefined) return this.#hosts[Math.floor(this.#random() * this.#hosts.length)];
    const point = this.#random() * (this.#sums.at(-1) ?? 0);
    return this.#hosts[this.#sums.findIndex((sum) => point < sum)];
  }

  /** The less busy of `choiceCount` drawn ones; with unequal weights busy is relative to weight. */
  #leastRequest(): Endpoint | undefined {
    let best = this.#draw();
    for (let draw = 1; draw < this.#cluster.choiceCount; draw++) {
      const other = this.#draw();
      if (other !== undefined && (best === undefined || other.activeRequests < best.activeRequests)) best = other;
    }
    return best;
  }
}

/** The endpoints of the first priority that is healthy enough; all of them in panic. */
function usable(cluster: ClusterEntry, endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const priorities = [...new Set(endpoints.map(({ entry }) => entry.priority))].toSorted((a, b) => a - b);
  for (const priority of priorities) {
    const healthy = endpoints.filter(({ entry }) => entry.priority === priority && entry.healthy);
    if (healthy.length > 0 && (priorities.length > 1 || !inPanic(cluster, healthy.length, endpoints.length))) return healthy;
  }
  return endpoints.length > 0 && inPanic(cluster, 0, endpoints.length) && !cluster.failTrafficOnPanic ? endpoints : [];
}

function inPanic(cluster: ClusterEntry, healthy: number, all: number): boolean {
  return (healthy * 100) / all < cluster.panicThresholdPercent;
}

function runningSums(hosts: readonly Endpoint[]): readonly number[] | undefined {
  const first = hosts[0]?.entry.weight;
  if (hosts.every(({ entry }) => entry.weight === first)) return undefined;
  let sum = 0;
  return hosts.map(({ entry }) => {
    sum += entry.weight;
    return sum;
  });
}
