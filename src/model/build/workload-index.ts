// Workloads by namespace and label, so that a selector looks only at those that have its rarest label.
import { labelsMatch } from '#model/labels.ts';
import type { Workload } from '#model/workload.ts';

type Labels = Readonly<Record<string, string>>;

export class WorkloadIndex {
  readonly #byNamespace: ReadonlyMap<string, readonly Workload[]>;
  readonly #byLabel = new Map<string, Workload[]>();

  /** Selections keep the order that the workloads have here. */
  constructor(workloads: Iterable<Workload>) {
    this.#byNamespace = Map.groupBy(workloads, ({ namespace }) => namespace);
    for (const [namespace, members] of this.#byNamespace) {
      for (const workload of members) {
        for (const name in workload.labels) {
          const key = labelKey(namespace, name, workload.labels[name] ?? '');
          const known = this.#byLabel.get(key);
          if (known === undefined) this.#byLabel.set(key, [workload]);
          else known.push(workload);
        }
      }
    }
  }

  /** The workloads of a namespace that have all these labels; all of them where none is asked for. */
  select(namespace: string, labels: Labels): readonly Workload[] {
    let candidates = this.#byNamespace.get(namespace) ?? [];
    for (const name in labels) {
      const having = this.#byLabel.get(labelKey(namespace, name, labels[name] ?? '')) ?? [];
      if (having.length < candidates.length) candidates = having;
    }
    return candidates.filter((workload) => labelsMatch(labels, workload.labels));
  }
}

function labelKey(namespace: string, name: string, value: string): string {
  return `${namespace} ${name}=${value}`;
}
