// What shall run, from files that change: the user's YAML, the gateway that Heddle adds, the image maps, and the plan made of them.

import { missingGateway } from '#app/up/gateway.ts';
import { withGatewayPorts } from '#app/up/gateway-ports.ts';
import { imageMapFolders, readImageMaps, watchImageMaps } from '#app/up/images.ts';
import { publisher } from '#app/up/publish.ts';
import type { Clock } from '#base/clock.ts';
import { planPods, type RuntimePlan } from '#runtime/pod-plan.ts';
import { type FileSource, openFileSource } from '#sources/file/file-source.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { MergedSource } from '#sources/merged-source.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';

export class UpConfiguration implements AsyncDisposable {
  /** The files and the added gateway, without what runs. */
  readonly source: SnapshotSource;
  readonly #files: FileSource;
  readonly #folders: readonly string[];
  readonly #listeners = new Set<(changed: ReadonlySet<string>) => void>();
  readonly #ends: (() => void)[] = [];
  #plan: RuntimePlan;

  /** Reads everything once and then watches it. */
  static async open(paths: readonly string[], clock: Clock): Promise<UpConfiguration> {
    return new UpConfiguration(paths, await openFileSource({ paths, clock, watch: true }));
  }

  private constructor(paths: readonly string[], files: FileSource) {
    this.#files = files;
    this.#folders = imageMapFolders(paths);
    const added = new MemorySource();
    const add = publisher(added);
    add(missingGateway(files.current().resources));
    // Before the merged source hears of a change: what it needs beside the files is then there.
    this.#ends.push(files.onChange((snapshot) => add(missingGateway(snapshot.resources))));
    this.source = new MergedSource([files, added]);
    this.#plan = this.#makePlan();
    this.#ends.push(this.source.onChange((snapshot) => this.#changed(snapshot.changed)));
    this.#ends.push(watchImageMaps(this.#folders, () => this.#changed(new Set(['heddle.yaml']))));
  }

  get snapshot(): Snapshot {
    return this.source.current();
  }

  get plan(): RuntimePlan {
    return this.#plan;
  }

  /** Called after each change of files, when the plan has been made anew. `changed`: `VirtualService/default/hello`. */
  onChange(listener: (changed: ReadonlySet<string>) => void): void {
    this.#listeners.add(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) end();
    await this.source[Symbol.asyncDispose]();
    await this.#files[Symbol.asyncDispose]();
  }

  #changed(changed: ReadonlySet<string>): void {
    this.#plan = this.#makePlan();
    for (const listener of this.#listeners) listener(changed);
  }

  #makePlan(): RuntimePlan {
    const { resources } = this.source.current();
    return withGatewayPorts(planPods(resources, readImageMaps(this.#folders)), resources);
  }
}
