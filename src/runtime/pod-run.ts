// One running pod: proxy first, then init containers one after the other, then the containers together; ready when all of them are;
// ended in the opposite order under one deadline: no endpoint any more, no new requests, the application, the proxy.

import { readDependencies } from '#api/depends-on.ts';
import type { ResourcesByKind } from '#api/kinds.ts';
import type { Probe } from '#api/kubernetes/container.ts';
import type { Clock } from '#base/clock.ts';
import type { ProcessSpec, StartProcess } from '#runtime/child-process.ts';
import type { ContainerLimits } from '#runtime/container-limits.ts';
import { ContainerRun } from '#runtime/container-run.ts';
import { containerEnvironment, expandVariables } from '#runtime/environment.ts';
import type { EmitEvent } from '#runtime/event.ts';
import type { PodNetwork } from '#runtime/network.ts';
import type { ContainerPlan, PodPlan } from '#runtime/pod-plan.ts';
import { namedPort } from '#runtime/pod-ports.ts';
import type { StartProxy } from '#runtime/proxy-process.ts';
import { noProxy, type PodProxy, ProxyRun } from '#runtime/proxy-run.ts';
import type { Watchdog } from '#runtime/watchdog.ts';

export type PodRunOptions = {
  readonly plan: PodPlan;
  readonly network: PodNetwork;
  readonly limits: ContainerLimits;
  /** Counts the replacements of the pod: 0 for the first. */
  readonly generation: number;
  readonly resources: Pick<ResourcesByKind, 'Service' | 'ServiceEntry' | 'ConfigMap'>;
  readonly domain: string;
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly nodeProgram: string;
  /** Log file of a container, or of the proxy (undefined). */
  readonly logFile: (container: string | undefined) => string;
  readonly startProxy: StartProxy;
  /** Who starts the application of a pod, where we do not. */
  readonly starter?: (plan: PodPlan) => StartProcess | undefined;
  readonly watchdog: Watchdog;
  readonly clock: Clock;
  readonly emit: EmitEvent;
  readonly onChange: () => void;
  /** Resolves when what the pod waits for is there, or nobody waits any more. Called only where it waits for something. */
  readonly dependencies: (run: PodRun) => Promise<void>;
};

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** What the proxy of a Job's pod that has ended may still have to do. */
const longestDrainMs = 5_000;
/** What is left to the application of a pod whose proxy waits for its last connection. */
const endReserveMs = 2_000;

export class PodRun {
  readonly plan: PodPlan;
  readonly network: PodNetwork;
  readonly generation: number;
  readonly startedMs: number;
  readonly #options: PodRunOptions;
  readonly #proxy: PodProxy;
  /** When it last began to be not ready. */
  #notReadySinceMs: number;
  /** Init containers that go on beside the others (restartPolicy: Always), in their order. */
  #sidecars: readonly ContainerRun[] = [];
  #containers: readonly ContainerRun[] = [];
  /** Those that did not end by themselves. */
  #killed: readonly string[] = [];
  #phase: PodPhase = 'Pending';
  #stopping = false;
  #waitsFor: string | undefined;
  #wasReady = false;

  constructor(options: PodRunOptions) {
    this.#options = options;
    this.plan = options.plan;
    this.network = options.network;
    this.generation = options.generation;
    this.startedMs = options.clock.nowMs();
    this.#notReadySinceMs = options.clock.monotonicMs();
    this.#proxy = this.network.hasProxy ? this.#startProxy(options) : noProxy;
    void this.#start();
  }

  get ports(): PodNetwork['ports'] {
    return this.network.ports;
  }

  get phase(): PodPhase {
    return this.#phase;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  get ready(): boolean {
    const serving = this.#phase === 'Running' && !this.#stopping;
    return serving && this.#proxy.ready && this.#all.every((container) => container.ready);
  }

  /** Why the pod is not ready, in a few words. */
  get reason(): string {
    if (this.#stopping) return 'stopping';
    if (!this.#proxy.ready) return this.#phase === 'Pending' ? 'its proxy has no configuration yet' : 'its proxy is being started again';
    if (this.#waitsFor !== undefined) return `it waits for ${this.#waitsFor}`;
    const waiting = this.#all.find((container) => !container.ready);
    return waiting === undefined ? '' : `${waiting.name}: ${waiting.reason}`;
  }

  get proxy(): Pick<ProxyRun, 'pid' | 'admin' | 'metrics' | 'ready' | 'restarts'> {
    return this.#proxy;
  }

  get containers(): readonly Pick<ContainerRun, 'name' | 'pid' | 'ready' | 'reason' | 'restarts' | 'state' | 'lastEnd' | 'beside'>[] {
    return this.#all;
  }

  get #all(): readonly ContainerRun[] {
    return [...this.#sidecars, ...this.#containers];
  }

  /** Containers that did not end in time when the pod was stopped. */
  get killed(): readonly string[] {
    return this.#killed;
  }

  /** A command where the pod's proxy is, with the variables of `heddle up`. */
  besideProxy(command: string, args: readonly string[]): ProcessSpec {
    const { inherited, logFile } = this.#options;
    const env = Object.fromEntries(Object.entries(inherited).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    return this.network.enter({ command, args, cwd: process.cwd(), env, logFile: logFile(undefined) }, 'proxy');
  }

  /** Takes the pod out of every load balancing: it is not ready from now on. The first half of an end. */
  retire(): void {
    this.#stopping = true;
    this.#changed();
  }

  /** The second half: drains and ends everything. `graceMs` bounds it. Resolves with whether something had to be killed. */
  async stop(graceMs: number): Promise<boolean> {
    this.#stopping = true;
    const { clock } = this.#options;
    const deadline = clock.monotonicMs() + graceMs;
    const left = (): number => Math.max(0, deadline - clock.monotonicMs());
    await Promise.all([this.#proxy.drain(this.#drainMs(left())), ...this.#containers.map((container) => container.prepareStop(left()))]);
    const end = async (container: ContainerRun): Promise<void> => {
      if (await container.stop(left())) this.#killed = [...this.#killed, container.name];
    };
    await Promise.all(this.#containers.map(end));
    // What was started first is needed longest.
    for (const sidecar of this.#sidecars.toReversed()) await end(sidecar);
    const proxyForced = await this.#proxy.stop(Math.max(left(), 500));
    return proxyForced || this.#killed.length > 0;
  }

  /** As ProxyConfig has it; with EXIT_ON_ZERO_ACTIVE_CONNECTIONS until the last connection ends, as far as the pod's own time lets it. */
  #drainMs(leftMs: number): number {
    const { environment, terminationDrainMs } = this.plan.proxy;
    const waitsForLast = environment['EXIT_ON_ZERO_ACTIVE_CONNECTIONS'] === 'true';
    return waitsForLast ? Math.max(leftMs / 2, leftMs - endReserveMs) : Math.min(terminationDrainMs, leftMs);
  }

  /** At once, without a chance to say goodbye. */
  kill(): void {
    this.#stopping = true;
    for (const container of this.#all) container.kill();
    this.#proxy.kill();
  }

  #startProxy({ plan, network, startProxy, logFile, clock, emit }: PodRunOptions): ProxyRun {
    const request = { plan, network, logFile: logFile(undefined) };
    return new ProxyRun({ workload: plan.key, request, startProxy, clock, emit, onChange: () => this.#changed() });
  }

  async #start(): Promise<void> {
    if (this.plan.proxy.holdsApplication) await this.#proxy.firstReady;
    await this.#awaitDependencies();
    for (const init of this.plan.initContainers) {
      if (this.#stopping) return;
      if (init.container.restartPolicy === 'Always') {
        const sidecar = this.#runContainer(init, { kind: 'sidecar' });
        this.#sidecars = [...this.#sidecars, sidecar];
        this.#changed();
        await Promise.race([sidecar.started, sidecar.finished]);
        continue;
      }
      const run = this.#runContainer(init, { kind: 'init' });
      this.#containers = [run];
      const outcome = await run.finished;
      if (outcome === 'stopped') return;
      if (outcome === 'failed') return this.#complete(false);
    }
    if (this.#stopping) return;
    this.#containers = this.plan.containers.map((container) => this.#runContainer(container, { kind: 'application' }));
    this.#phase = 'Running';
    this.#changed();
    if (this.#containers.length === 0) return;
    const outcomes = await Promise.all(this.#containers.map((container) => container.finished));
    if (!outcomes.includes('stopped')) await this.#complete(!outcomes.includes('failed'));
  }

  async #awaitDependencies(): Promise<void> {
    const dependencies = readDependencies(this.plan.pod.metadata.annotations);
    if (dependencies.length === 0) return;
    this.#waitsFor = dependencies.map(({ name, until }) => `${name} to be ${until}`).join(', ');
    await this.#options.dependencies(this);
    this.#waitsFor = undefined;
  }

  /** All containers have ended for good: a Job's pod. Its proxy has nobody to serve any more. */
  async #complete(succeeded: boolean): Promise<void> {
    this.#phase = succeeded ? 'Succeeded' : 'Failed';
    this.#options.emit({ kind: 'completed', workload: this.plan.key, succeeded });
    this.#changed();
    for (const sidecar of this.#sidecars.toReversed()) await sidecar.stop(this.plan.graceMs);
    await this.#proxy.stop(longestDrainMs);
  }

  #runContainer(container: ContainerPlan, { kind }: { readonly kind: 'init' | 'sidecar' | 'application' }): ContainerRun {
    const { plan, network } = this;
    const { resources, domain, inherited, nodeProgram, logFile, watchdog, clock, emit } = this.#options;
    const { name, readinessProbe, livenessProbe, startupProbe } = container.container;
    const { variables, problems } = containerEnvironment({ plan, container, network, resources, domain, inherited, nodeProgram });
    for (const problem of problems) emit({ kind: 'notice', workload: plan.key, message: `container ${name}: ${problem}` });
    const [command = '', ...args] = container.command.command.map((part) => expandVariables(part, variables));
    const group = this.#options.limits.groupOf(container.container, plan.key, this.generation);
    const run = new ContainerRun({
      workload: plan.key,
      name,
      process: { command, args, cwd: container.command.cwd, env: variables, logFile: logFile(name) },
      ...(kind !== 'init' && {
        probes: { readiness: readinessProbe ?? this.#impliedReadiness(container), liveness: livenessProbe, startup: startupProbe },
        lifecycle: container.container.lifecycle,
      }),
      enter: (spec) => {
        const entered = network.enter(spec, 'application', container.container);
        return group === undefined ? entered : group.enter(entered);
      },
      start: this.#options.starter?.(plan),
      ...(group !== undefined && { outOfMemory: group.outOfMemory }),
      address: network.ports.address,
      localPort: (port) => this.#localPort(port),
      port: variables['PORT'] === undefined ? undefined : Number(variables['PORT']),
      isAlone: !network.choosesPorts,
      restartPolicy: kind === 'sidecar' ? 'Always' : kind === 'init' && plan.restartPolicy === 'Always' ? 'OnFailure' : plan.restartPolicy,
      mostFailures: kind === 'sidecar' ? undefined : plan.mostFailures,
      runs: kind === 'application' ? plan.runs : 1,
      graceMs: plan.graceMs,
      clock,
      watchdog,
      emit,
      onChange: () => this.#changed(),
    });
    if (group !== undefined) void run.finished.then(group.remove);
    return run;
  }

  /**
   * Without a readiness probe a container that declares a port counts as ready once it listens there. Differs from Kubernetes, where it
   * counts as ready at once and the first requests fail.
   */
  #impliedReadiness({ container }: ContainerPlan): Probe | undefined {
    const port = container.ports?.find(({ protocol }) => (protocol ?? 'TCP') === 'TCP')?.containerPort;
    return port === undefined ? undefined : { tcpSocket: { port }, periodSeconds: 10 };
  }

  #localPort(port: number | string): number | undefined {
    const number = namedPort(this.plan.pod, port);
    return number === undefined ? undefined : (this.ports.inbound[number]?.app ?? number);
  }

  #changed(): void {
    const { emit, clock, onChange } = this.#options;
    const { ready } = this;
    if (ready !== this.#wasReady) {
      this.#wasReady = ready;
      if (!ready) this.#notReadySinceMs = clock.monotonicMs();
      if (ready) emit({ kind: 'ready', workload: this.plan.key, afterMs: Math.round(clock.monotonicMs() - this.#notReadySinceMs) });
      else if (!this.#stopping) emit({ kind: 'unready', workload: this.plan.key, reason: this.reason });
    }
    onChange();
  }
}
