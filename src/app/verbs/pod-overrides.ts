// What `heddle scale` and `heddle rollout restart` say beside the files, laid over a source: another number of replicas, a mark in the template that makes
// pods be replaced. Of the running mesh alone: it is forgotten when the mesh ends, and a number when its file says another one.
import type { KindMap } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { SnapshotListeners } from '#sources/listeners.ts';
import { nextSnapshot } from '#sources/next-snapshot.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';

/** Kinds that have a template of pods that can be marked. */
export const restartable = ['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet'] as const;
export type Restartable = (typeof restartable)[number];
export type Scalable = Exclude<Restartable, 'DaemonSet'>;

type Override = {
  readonly scale?: { readonly replicas: number /** What the file said then. */; readonly instead: number };
  readonly restartedAt?: string;
};

/** What kubectl writes into a template: whoever looks at pods knows it. */
const restartAnnotation = 'kubectl.kubernetes.io/restartedAt';

export class PodOverrides implements SnapshotSource {
  readonly #base: SnapshotSource;
  readonly #listeners = new SnapshotListeners();
  readonly #overrides = new Map<string, Override>();
  readonly #made = new WeakMap<KindMap[Restartable], { readonly by: Override; readonly resource: KindMap[Restartable] }>();
  readonly #unsubscribe: () => void;
  #snapshot: Snapshot;

  /** `base` stays the caller's. */
  constructor(base: SnapshotSource) {
    this.#base = base;
    this.#snapshot = base.current();
    this.#unsubscribe = base.onChange(() => this.#update());
  }

  current(): Snapshot {
    return this.#snapshot;
  }

  onChange(listener: (snapshot: Snapshot) => void): () => void {
    return this.#listeners.add(listener);
  }

  scale({ kind, metadata, spec }: KindMap[Scalable], replicas: number): void {
    const id = `${kind}/${resourceKey(metadata)}`;
    const known = this.#overrides.get(id);
    const instead = this.#writtenReplicas(kind, resourceKey(metadata)) ?? spec.replicas ?? 1;
    const { scale: _scale, ...rest } = known ?? {};
    this.#overrides.set(id, replicas === instead ? rest : { ...rest, scale: { replicas, instead } });
    this.#update();
  }

  /** `at`: RFC 3339. */
  restart({ kind, metadata }: KindMap[Restartable], at: string): void {
    const id = `${kind}/${resourceKey(metadata)}`;
    this.#overrides.set(id, { ...this.#overrides.get(id), restartedAt: at });
    this.#update();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    this.#listeners.clear();
  }

  #writtenReplicas(kind: Scalable, key: string): number | undefined {
    const written = this.#base.current().resources[kind].get(key);
    return written === undefined ? undefined : (written.spec.replicas ?? 1);
  }

  #update(): void {
    const base = this.#base.current();
    const snapshot = this.#overrides.size === 0 ? base : this.#overridden(base);
    if (snapshot === this.#snapshot || (snapshot.changed.size === 0 && snapshot.diagnostics === this.#snapshot.diagnostics)) return;
    this.#snapshot = snapshot;
    this.#listeners.tell(snapshot);
  }

  #overridden({ resources, diagnostics }: Snapshot): Snapshot {
    const all = Object.values(resources).flatMap((ofKind) => [...ofKind.values()]);
    return nextSnapshot(
      this.#snapshot,
      all.map((resource) => (isRestartable(resource) ? this.#apply(resource) : resource)),
      diagnostics,
    );
  }

  #apply(resource: KindMap[Restartable]): KindMap[Restartable] {
    const id = `${resource.kind}/${resourceKey(resource.metadata)}`;
    let by = this.#overrides.get(id);
    if (by === undefined) return resource;
    if (by.scale !== undefined && resource.kind !== 'DaemonSet' && (resource.spec.replicas ?? 1) !== by.scale.instead) {
      // The file has another number than it had: that is the newer word.
      const { scale: _scale, ...rest } = by;
      by = rest;
      this.#overrides.set(id, rest);
    }
    const known = this.#made.get(resource);
    if (known?.by === by) return known.resource;
    const made = overridden(resource, by);
    this.#made.set(resource, { by, resource: made });
    return made;
  }
}

function isRestartable(resource: { readonly kind: string }): resource is KindMap[Restartable] {
  return restartable.some((kind) => kind === resource.kind);
}

function overridden(resource: KindMap[Restartable], { scale, restartedAt }: Override): KindMap[Restartable] {
  const { template } = resource.spec;
  const annotations = { ...template.metadata?.annotations, ...(restartedAt !== undefined && { [restartAnnotation]: restartedAt }) };
  const spec = {
    ...resource.spec,
    template: restartedAt === undefined ? template : { ...template, metadata: { ...template.metadata, annotations } },
    ...(scale !== undefined && { replicas: scale.replicas }),
  };
  // Only fields that all of these kinds have were replaced.
  return { ...resource, spec } as KindMap[Restartable];
}
