// Keeps the running pods like the plan: starts what is new, ends what is gone, replaces what has changed (the new one is ready before the
// old one leaves), and publishes what runs. One plan is applied after the other.
import { readDependencies } from '#api/depends-on.ts';
import type { AnyResource, ResourcesByKind } from '#api/kinds.ts';
import { calledHosts } from '#runtime/called-host.ts';
import { ContainerLimits } from '#runtime/container-limits.ts';
import type { MeshNetwork } from '#runtime/network.ts';
import type { PodPlan, RuntimePlan } from '#runtime/pod-plan.ts';
import { PodRun, type PodRunOptions } from '#runtime/pod-run.ts';
import { publishedResources } from '#runtime/published.ts';

export type SupervisorOptions = Omit<
  PodRunOptions,
  'plan' | 'network' | 'limits' | 'generation' | 'resources' | 'onChange' | 'logFile' | 'dependencies'
> & {
  readonly network: MeshNetwork;
  /** Ports that the user asked for, by container port: a gateway's. */
  readonly fixedPorts: (plan: PodPlan) => Readonly<Record<string, number>>;
  readonly logFile: (plan: PodPlan, container: string | undefined) => string;
  /** Takes what is published now; called again with all of it after each change. */
  readonly publish: (resources: readonly AnyResource[]) => void;
  /** Resolves when every proxy has what was published last (or some time has passed). */
  readonly settled: () => Promise<void>;
  /** After each change of any pod's state. */
  readonly onChange: () => void;
};

/** One pod of the plan: the run that serves, the one that shall take its place, and what is wanted there when it is its turn. */
type Slot = { current: PodRun; next?: PodRun; wanted?: PodPlan /** The old one went first, and the new one is not ready yet. */; renewing?: PodRun };

const emptyServices: Pick<ResourcesByKind, 'Service' | 'ServiceEntry' | 'ConfigMap'> = {
  Service: new Map(),
  ServiceEntry: new Map(),
  ConfigMap: new Map(),
};

/** When a pod for which there was no place is tried again. */
const retryMs = 5_000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #limits: ContainerLimits;
  readonly #slots = new Map<string, Slot>();
  readonly #leaving = new Map<PodRun, Promise<void>>();
  readonly #generations = new Map<string, number>();
  #resources: Pick<ResourcesByKind, 'Service' | 'ServiceEntry' | 'ConfigMap'> = emptyServices;
  #plan: RuntimePlan | undefined;
  #applying: Promise<void> = Promise.resolve();
  #retryPlanned = false;
  /** Pods that wait for others look again after each change. */
  readonly #waiting = new Set<() => void>();
  /** Why there was no place for a pod. */
  readonly #refused = new Map<string, string>();
  #publishPlanned = false;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#limits = new ContainerLimits(options.emit);
  }

  /** Every run there is: those that serve, those that are to follow, those that are leaving. */
  runs(): readonly PodRun[] {
    return [...this.#slots.values()]
      .flatMap(({ current, next }) => (next === undefined ? [current] : [current, next]))
      .concat(...this.#leaving.keys());
  }

  /** The runs that the user's plan asks for, without those that are leaving or not yet ready to follow. */
  current(): readonly PodRun[] {
    return [...this.#slots.values()].map(({ current }) => current);
  }

  /** Makes the running pods like `plan`. Resolves when every start and end has been begun, not when they are done. */
  apply(plan: RuntimePlan, resources: Pick<ResourcesByKind, 'Service' | 'ServiceEntry' | 'ConfigMap'>): Promise<void> {
    return this.#serially(() => this.#apply(plan, resources));
  }

  /** Gateways first, so that requests on their way still find their pods; then everything else. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await this.#applying;
    const runs = this.runs();
    const end = async (run: PodRun): Promise<void> => {
      this.#options.emit({ kind: 'stopping', workload: run.plan.key });
      const forced = await run.stop(Math.min(graceMs, run.plan.graceMs));
      await run.network.detach();
      this.#options.emit({ kind: 'stopped', workload: run.plan.key, forced, ...(forced && { killed: run.killed }) });
    };
    await Promise.all(runs.filter(({ plan }) => plan.isGateway).map(end));
    await Promise.all(runs.filter(({ plan }) => !plan.isGateway).map(end));
    await Promise.all(this.#leaving.values());
    this.#limits[Symbol.dispose]();
  }

  kill(): void {
    this.#stopping = true;
    for (const run of this.runs()) run.kill();
  }

  async #apply(plan: RuntimePlan, resources: Pick<ResourcesByKind, 'Service' | 'ServiceEntry' | 'ConfigMap'>): Promise<void> {
    if (this.#stopping) return;
    this.#plan = plan;
    this.#resources = resources;
    for (const [key, slot] of this.#slots) {
      if (plan.pods.has(key) || plan.unplanned.has(key)) continue;
      this.#slots.delete(key);
      void this.#leave(slot.current);
      if (slot.next !== undefined) void this.#leave(slot.next);
    }
    await this.#startFresh([...plan.pods.values()].filter(({ key }) => !this.#slots.has(key)));
    for (const pod of plan.pods.values()) {
      const slot = this.#slots.get(pod.key);
      if (slot !== undefined) await this.#want(slot, pod);
      // In the order of the plan, whichever was first to start.
      if (slot !== undefined && this.#slots.delete(pod.key)) this.#slots.set(pod.key, slot);
    }
    await this.#advance();
    this.#publish();
  }

  async #startFresh(plans: readonly PodPlan[]): Promise<void> {
    await Promise.all(
      plans.map(async (plan) => {
        const current = await this.#start(plan);
        if (current !== undefined) this.#slots.set(plan.key, { current });
      }),
    );
  }

  /** What the slot has or is to have becomes like the plan, now or when it is its turn. */
  async #want(slot: Slot, plan: PodPlan): Promise<void> {
    if (slot.current.plan.fingerprint === plan.fingerprint) {
      delete slot.wanted;
      this.#dropNext(slot);
      return;
    }
    if ((slot.next?.plan ?? slot.wanted)?.fingerprint === plan.fingerprint) return;
    this.#options.emit({ kind: 'replacing', workload: plan.key, reason: 'its definition has changed' });
    this.#dropNext(slot);
    if (slot.current.ready && !this.#hasFixedPorts(plan)) slot.wanted = plan;
    else await this.#exchange(slot, plan, this.#hasFixedPorts(plan));
  }

  #dropNext(slot: Slot): void {
    if (slot.next !== undefined) void this.#leave(slot.next);
    delete slot.next;
  }

  #hasFixedPorts(plan: PodPlan): boolean {
    return Object.keys(this.#options.fixedPorts(plan)).length > 0;
  }

  /** The old one leaves and the new one comes; `inTurn`: both cannot be there at once. */
  async #exchange(slot: Slot, plan: PodPlan, inTurn: boolean): Promise<void> {
    delete slot.wanted;
    const left = this.#leave(slot.current);
    if (inTurn) await left;
    const current = await this.#start(plan);
    if (current === undefined) this.#slots.delete(plan.key);
    else slot.current = current;
  }

  /** Begins with the pods that are to be replaced and whose turn it is. */
  async #advance(): Promise<void> {
    if (this.#stopping) return;
    const underWay = new Map<string, number>();
    for (const { current, next, renewing } of this.#slots.values()) {
      if (next === undefined && renewing !== current) continue;
      const { group } = current.plan.rollout;
      underWay.set(group, (underWay.get(group) ?? 0) + 1);
    }
    // From the highest number down, as StatefulSets go.
    for (const slot of [...this.#slots.values()].reverse()) {
      const { wanted } = slot;
      if (wanted === undefined) continue;
      const { group, first, most } = wanted.rollout;
      const count = underWay.get(group) ?? 0;
      if (count >= most) continue;
      underWay.set(group, count + 1);
      delete slot.wanted;
      if (first === 'new') {
        const next = await this.#start(wanted);
        if (next !== undefined) slot.next = next;
      } else {
        // The others of its group go at the same time; whoever waits for their end must not hold up the rest of the plan.
        void this.#renew(slot, wanted);
      }
    }
  }

  async #renew(slot: Slot, wanted: PodPlan): Promise<void> {
    const old = slot.current;
    slot.renewing = old;
    await this.#leave(old);
    await this.#serially(async () => {
      // Meanwhile the pod may have gone, or another one come.
      if (this.#stopping || this.#slots.get(wanted.key) !== slot || slot.current !== old) return;
      const current = await this.#start(wanted);
      if (current === undefined) {
        this.#slots.delete(wanted.key);
        return;
      }
      slot.current = current;
      slot.renewing = current;
    });
  }

  #serially(work: () => Promise<void>): Promise<void> {
    this.#applying = this.#applying.then(work);
    return this.#applying;
  }

  /** Ends the pod and starts it anew, as when it was deleted and its controller makes another one. */
  replace(key: string, reason: string): Promise<void> {
    return this.#serially(async () => {
      const slot = this.#slots.get(key);
      if (slot === undefined || this.#stopping) return;
      this.#options.emit({ kind: 'replacing', workload: key, reason });
      const plan = slot.wanted ?? slot.next?.plan ?? slot.current.plan;
      this.#dropNext(slot);
      await this.#exchange(slot, plan, this.#hasFixedPorts(plan));
      this.#publish();
    });
  }

  /** Undefined where the network has no place for it: that is told, and tried again. */
  async #start(plan: PodPlan): Promise<PodRun | undefined> {
    const { network, domain, fixedPorts, logFile, emit } = this.#options;
    const calls = calledHosts(plan.pod.metadata.namespace, this.#resources, domain);
    const attached = await network.attach(plan, calls, fixedPorts(plan));
    if (!attached.ok) {
      // Once, however often it is tried.
      if (this.#refused.get(plan.key) !== attached.error.message) emit({ kind: 'diagnostics', diagnostics: [attached.error] });
      this.#refused.set(plan.key, attached.error.message);
      this.#planRetry();
      return undefined;
    }
    this.#refused.delete(plan.key);
    const generation = this.#generations.get(plan.key) ?? 0;
    this.#generations.set(plan.key, generation + 1);
    return new PodRun({
      ...this.#options,
      plan,
      network: attached.value,
      limits: this.#limits,
      generation,
      resources: this.#resources,
      logFile: (container) => logFile(plan, container),
      onChange: () => this.#changed(),
      dependencies: (run) => this.#awaitDependencies(run),
    });
  }

  #planRetry(): void {
    if (this.#retryPlanned) return;
    this.#retryPlanned = true;
    this.#options.clock.after(retryMs, () => {
      this.#retryPlanned = false;
      if (!this.#stopping && this.#plan !== undefined) void this.apply(this.#plan, this.#resources);
    });
  }

  /** Out of load balancing, then (when every proxy knows) drained and ended. */
  #leave(run: PodRun): Promise<void> {
    const known = this.#leaving.get(run);
    if (known !== undefined) return known;
    const left = Promise.withResolvers<void>();
    // On the list before anything is told: whoever looks meanwhile must find it.
    this.#leaving.set(run, left.promise);
    void this.#end(run).then(left.resolve, left.reject);
    return left.promise;
  }

  async #end(run: PodRun): Promise<void> {
    const { emit, settled } = this.#options;
    emit({ kind: 'stopping', workload: run.plan.key });
    run.retire();
    this.#publish();
    await settled();
    const forced = await run.stop(run.plan.graceMs);
    await run.network.detach();
    this.#leaving.delete(run);
    emit({ kind: 'stopped', workload: run.plan.key, forced, ...(forced && { killed: run.killed }) });
    this.#changed();
  }

  #awaitDependencies(run: PodRun): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!run.stopping && !this.#hasDependencies(run)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      // Not before the pods that are made in the same turn are known.
      setImmediate(look);
    });
  }

  /** One that is not in the plan at all is not waited for. */
  #hasDependencies({ plan: { pod } }: PodRun): boolean {
    return readDependencies(pod.metadata.annotations).every(({ name, until }) => {
      const isOfIt = ({ owner, pod: other }: PodPlan): boolean => owner?.name === name && other.metadata.namespace === pod.metadata.namespace;
      if (![...(this.#plan?.pods.values() ?? [])].some(isOfIt)) return true;
      const runs = this.runs().filter(({ plan, stopping }) => isOfIt(plan) && !stopping);
      if (runs.length === 0) return false;
      if (until === 'completed') return runs.every(({ phase }) => phase === 'Succeeded');
      return until === 'ready' ? runs.every(({ ready }) => ready) : runs.every(({ phase }) => phase !== 'Pending');
    });
  }

  #changed(): void {
    for (const look of this.#waiting) look();
    let hasRoom = false;
    for (const slot of this.#slots.values()) {
      if (slot.renewing === slot.current && slot.current.ready) {
        delete slot.renewing;
        hasRoom = true;
      }
      if (slot.next?.ready !== true) continue;
      const old = slot.current;
      slot.current = slot.next;
      delete slot.next;
      hasRoom = true;
      void this.#leave(old);
    }
    if (hasRoom && [...this.#slots.values()].some(({ wanted }) => wanted !== undefined)) void this.#serially(() => this.#advance());
    if (!this.#publishPlanned) {
      this.#publishPlanned = true;
      setImmediate(() => {
        this.#publishPlanned = false;
        this.#publish();
      });
    }
    this.#options.onChange();
  }

  #publish(): void {
    if (this.#stopping) return;
    const published = publishedResources(this.runs(), this.#resources.Service.values());
    this.#options.network.serve([...this.#resources.Service.values(), ...published]);
    this.#options.publish(published);
  }
}
