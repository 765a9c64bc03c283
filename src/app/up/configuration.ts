// What shall run, from files that change: the user's YAML, what was applied over it, the gateway that Heddle adds, the image maps, and the plan of it all.

import type { AnyResource, ResourcesByKind } from '#api/kinds.ts';
import { resourceKey } from '#api/resource.ts';
import { ClusterIps } from '#app/up/cluster-ips.ts';
import { missingGateway } from '#app/up/gateway.ts';
import { withGatewayPorts } from '#app/up/gateway-ports.ts';
import { imageMapFolders, readImageMaps, watchImageMaps } from '#app/up/images.ts';
import type { MeshPlace } from '#app/up/place.ts';
import { publisher } from '#app/up/publish.ts';
import { AppliedResources } from '#app/verbs/applied-resources.ts';
import { PodOverrides } from '#app/verbs/pod-overrides.ts';
import type { Clock } from '#base/clock.ts';
import { unmetFamilies } from '#runtime/ip-families.ts';
import { planPods, type RuntimePlan } from '#runtime/pod-plan.ts';
import { type FileSource, openFileSource } from '#sources/file/file-source.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { MergedSource } from '#sources/merged-source.ts';
import type { Snapshot, SnapshotSource } from '#sources/snapshot.ts';

/** The network, and from which range Services get addresses in it. */
type RunsIn = Pick<MeshPlace, 'kind' | 'serviceRanges'>;

export class UpConfiguration implements AsyncDisposable {
  /** The files, what was applied, the added gateway and the addresses of Services, without what runs. */
  readonly source: SnapshotSource;
  /** What lies over the files. */
  readonly applied: AppliedResources;
  /** What lies over both: numbers of replicas, marks of restarts. */
  readonly overrides: PodOverrides;
  /** What joins the mesh while it runs: Pods and Services that others run. */
  readonly runs = new MemorySource();
  readonly #files: FileSource;
  readonly #network: MeshPlace['kind'];
  readonly #serviceRanges: MeshPlace['serviceRanges'];
  readonly #folders: readonly string[];
  readonly #listeners = new Set<(changed: ReadonlySet<string>) => void>();
  readonly #ends: (() => void)[] = [];
  #plan: RuntimePlan;

  /** Reads everything once and then watches it. `appliedFolder`: where what was applied stands; `place`: where it is to run. */
  static async open(paths: readonly string[], clock: Clock, appliedFolder: string, place: RunsIn): Promise<UpConfiguration> {
    const files = await openFileSource({ paths, clock, watch: true });
    return new UpConfiguration(paths, files, new AppliedResources(appliedFolder), place);
  }

  private constructor(paths: readonly string[], files: FileSource, applied: AppliedResources, { kind, serviceRanges }: RunsIn) {
    this.#files = files;
    this.#network = kind;
    this.#serviceRanges = serviceRanges;
    this.applied = applied;
    const written = new MergedSource([files, applied.source, this.runs]);
    this.overrides = new PodOverrides(written);
    this.#ends.push(() => {
      void this.overrides[Symbol.asyncDispose]();
      void written[Symbol.asyncDispose]();
    });
    this.#folders = imageMapFolders(paths);
    const added = new MemorySource();
    const add = publisher(added);
    const beside = additions(serviceRanges === undefined ? undefined : new ClusterIps(serviceRanges));
    add(beside(this.overrides.current().resources));
    // Before the merged source hears of a change: what it needs beside the files is then there.
    this.#ends.push(this.overrides.onChange((snapshot) => add(beside(snapshot.resources))));
    this.source = new MergedSource([this.overrides, added]);
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

  /** What the files say by themselves. */
  fileResources(): readonly AnyResource[] {
    return Object.values(this.#files.current().resources).flatMap((ofKind): readonly AnyResource[] => [...ofKind.values()]);
  }

  /** What would run if these were the resources. */
  planOf(resources: ResourcesByKind): RuntimePlan {
    const plan = withGatewayPorts(planPods(resources, readImageMaps(this.#folders), this.#network), resources);
    if (this.#serviceRanges === undefined) return plan;
    const unmet = unmetFamilies(resources.Service.values(), this.#serviceRanges.IPv6 !== undefined);
    return unmet.length === 0 ? plan : { ...plan, diagnostics: [...plan.diagnostics, ...unmet] };
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
    return this.planOf(this.source.current().resources);
  }
}

/** What stands beside the files, or in place of what is in them: a gateway that they need, and Services with addresses. */
function additions(addresses: ClusterIps | undefined): (resources: ResourcesByKind) => readonly AnyResource[] {
  return (resources) => {
    const gateway = missingGateway(resources);
    if (addresses === undefined) return gateway;
    const services = gateway.filter((resource) => resource.kind === 'Service');
    const addressed = addresses.withAddresses([...resources.Service.values(), ...services]);
    const replaced = new Set(addressed.map(({ metadata }) => resourceKey(metadata)));
    return [...gateway.filter((one) => one.kind !== 'Service' || !replaced.has(resourceKey(one.metadata))), ...addressed];
  };
}
