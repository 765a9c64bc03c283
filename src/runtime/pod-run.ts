// One running pod: proxy first, then init containers one after the other, then the containers together; ready when all of them are;
// ended in the opposite order under one deadline: no endpoint any more, no new requests, the application, the proxy.

import type { ResourcesByKind } from '#api/kinds.ts';
import type { Probe } from '#api/kubernetes/container.ts';
import type { Clock } from '#base/clock.ts';
import type { ProcessSpec } from '#runtime/child-process.ts';
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
  /** Counts the replacements of the pod: 0 for the first. */
  readonly generation: number;
  readonly resources: Pick<ResourcesByKind, 'Service' | 'ServiceEntry' | 'ConfigMap'>;
  readonly domain: string;
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly nodeProgram: string;
  /** Log file of a container, or of the proxy (undefined). */
  readonly logFile: (container: string | undefined) => string;
  readonly startProxy: StartProxy;
  readonly watchdog: Watchdog;
  readonly clock: Clock;
  readonly emit: EmitEvent;
  readonly onChange: () => void;
};

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** What a client may still need from a pod that is about to end: its requests on their way. */
const longestDrainMs = 5_000;

export class PodRun {
  readonly plan: PodPlan;
  readonly network: PodNetwork;
  readonly generation: number;
  readonly startedMs: number;
  readonly #options: PodRunOptions;
  readonly #proxy: PodProxy;
  /** When it last began to be not ready. */
  #notReadySinceMs: number;
  #containers: readonly ContainerRun[] = [];
  #phase: PodPhase = 'Pending';
  #stopping = false;
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
    return serving && this.#proxy.ready && this.#containers.every((container) => container.ready);
  }

  /** Why the pod is not ready, in a few words. */
  get reason(): string {
    if (this.#stopping) return 'stopping';
    if (!this.#proxy.ready) return this.#phase === 'Pending' ? 'its proxy has no configuration yet' : 'its proxy is being started again';
    const waiting = this.#containers.find((container) => !container.ready);
    return waiting === undefined ? '' : `${waiting.name}: ${waiting.reason}`;
  }

  get proxy(): Pick<ProxyRun, 'pid' | 'admin' | 'ready' | 'restarts'> {
    return this.#proxy;
  }

  get containers(): readonly Pick<ContainerRun, 'name' | 'pid' | 'ready' | 'reason' | 'restarts' | 'state' | 'lastEnd' | 'beside'>[] {
    return this.#containers;
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
    await this.#proxy.drain(Math.min(longestDrainMs, left()));
    const forced = await Promise.all(this.#containers.map((container) => container.stop(left())));
    const proxyForced = await this.#proxy.stop(Math.max(left(), 500));
    return proxyForced || forced.includes(true);
  }

  /** At once, without a chance to say goodbye. */
  kill(): void {
    this.#stopping = true;
    for (const container of this.#containers) container.kill();
    this.#proxy.kill();
  }

  #startProxy({ plan, network, startProxy, logFile, clock, emit }: PodRunOptions): ProxyRun {
    const request = { plan, network, logFile: logFile(undefined) };
    return new ProxyRun({ workload: plan.key, request, startProxy, clock, emit, onChange: () => this.#changed() });
  }

  async #start(): Promise<void> {
    await this.#proxy.firstReady;
    for (const init of this.plan.initContainers) {
      if (this.#stopping) return;
      const run = this.#runContainer(init, { isInit: true });
      this.#containers = [run];
      const outcome = await run.finished;
      if (outcome === 'stopped') return;
      if (outcome === 'failed') return this.#complete(false);
    }
    if (this.#stopping) return;
    this.#containers = this.plan.containers.map((container) => this.#runContainer(container, { isInit: false }));
    this.#phase = 'Running';
    this.#changed();
    if (this.#containers.length === 0) return;
    const outcomes = await Promise.all(this.#containers.map((container) => container.finished));
    if (!outcomes.includes('stopped')) await this.#complete(!outcomes.includes('failed'));
  }

  /** All containers have ended for good: a Job's pod. Its proxy has nobody to serve any more. */
  async #complete(succeeded: boolean): Promise<void> {
    this.#phase = succeeded ? 'Succeeded' : 'Failed';
    this.#options.emit({ kind: 'completed', workload: this.plan.key, succeeded });
    this.#changed();
    await this.#proxy.stop(longestDrainMs);
  }

  #runContainer(container: ContainerPlan, { isInit }: { readonly isInit: boolean }): ContainerRun {
    const { plan, network } = this;
    const { resources, domain, inherited, nodeProgram, logFile, watchdog, clock, emit } = this.#options;
    const { name, readinessProbe, livenessProbe, startupProbe } = container.container;
    const { variables, problems } = containerEnvironment({ plan, container, network, resources, domain, inherited, nodeProgram });
    for (const problem of problems) emit({ kind: 'notice', workload: plan.key, message: `container ${name}: ${problem}` });
    const [command = '', ...args] = container.command.command.map((part) => expandVariables(part, variables));
    return new ContainerRun({
      workload: plan.key,
      name,
      process: { command, args, cwd: container.command.cwd, env: variables, logFile: logFile(name) },
      ...(!isInit && { readiness: readinessProbe ?? this.#impliedReadiness(container), liveness: livenessProbe, startup: startupProbe }),
      enter: (spec) => network.enter(spec, 'application', container.container),
      address: network.ports.address,
      localPort: (port) => this.#localPort(port),
      port: variables['PORT'] === undefined ? undefined : Number(variables['PORT']),
      isAlone: !network.choosesPorts,
      restartPolicy: isInit && plan.restartPolicy === 'Always' ? 'OnFailure' : plan.restartPolicy,
      mostFailures: plan.mostFailures,
      runs: isInit ? 1 : plan.runs,
      graceMs: plan.graceMs,
      clock,
      watchdog,
      emit,
      onChange: () => this.#changed(),
    });
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
