// A mesh that runs on this machine: control plane, proxies and pods, kept in step with the files, its state written down for others, and
// ended in order.
import { join } from 'node:path';
import { analyze, beyondAnalyzers } from '#analyze/analyze.ts';
import { writtenId } from '#api/resource-name.ts';
import { doorWithToken } from '#app/admin-token.ts';
import { type ControlPlane, startControlPlane } from '#app/control-plane.ts';
import { fileLogger } from '#app/file-logger.ts';
import { Runs } from '#app/run/runs.ts';
import { proxiesSettled } from '#app/settled.ts';
import type { UpConfiguration } from '#app/up/configuration.ts';
import { UpCredentials } from '#app/up/credentials.ts';
import { DenialWatch } from '#app/up/denials.ts';
import { type Findings, findingNews, findingsByText } from '#app/up/finding-news.ts';
import { gatewayPorts } from '#app/up/gateway-ports.ts';
import { openGatewayPorts } from '#app/up/gateway-table.ts';
import type { UpOptions } from '#app/up/options.ts';
import type { OpenPlace } from '#app/up/place.ts';
import { meshProxies } from '#app/up/proxies.ts';
import { publisher } from '#app/up/publish.ts';
import { servedWatch } from '#app/up/served-watch.ts';
import { meshState, tryLine } from '#app/up/state.ts';
import { hintForWaiting } from '#app/up/waiting.ts';
import { workloadSecurity } from '#app/up/workload-security.ts';
import { appliedEvents } from '#app/verbs/applied-events.ts';
import { RunningMesh } from '#app/verbs/running-mesh.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Logger } from '#base/logger.ts';
import { ok, type Result } from '#base/result.ts';
import type { Authority } from '#ca/folder/authority.ts';
import { readMeshSettings } from '#model/build/mesh-settings.ts';
import { podAddresses } from '#runtime/network.ts';
import type { PodPlan, RuntimePlan } from '#runtime/pod-plan.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import { PortAllocator } from '#runtime/port-allocator.ts';
import type { StartProxy } from '#runtime/proxy-process.ts';
import { type MeshState, removeState, writeState } from '#runtime/state.ts';
import { Supervisor } from '#runtime/supervisor.ts';
import { Watchdog } from '#runtime/watchdog.ts';
import { MemorySource } from '#sources/memory/memory-source.ts';
import { MergedSource } from '#sources/merged-source.ts';

export type UpMeshOptions = UpOptions & { readonly configuration: UpConfiguration; readonly envoyBinary?: string };

const domain = 'cluster.local';
/** How long a change may take to reach every proxy before a pod leaves all the same. */
const settleMs = 5_000;
/** When pods that are not ready are named. */
const patienceMs = 5_000;

export class UpMesh {
  readonly #options: UpMeshOptions;
  readonly #watchdog = new Watchdog();
  readonly #allocator: PortAllocator;
  readonly #running = new MemorySource();
  #place: OpenPlace | undefined;
  #source: MergedSource | undefined;
  #controlPlane: ControlPlane | undefined;
  #supervisor: Supervisor | undefined;
  #authority: Authority | undefined;
  #credentials: UpCredentials | undefined;
  #denials: DenialWatch | undefined;
  #runningMesh: RunningMesh | undefined;
  #forgetToken = (): void => {};
  #phase: MeshState['phase'] = 'starting';
  #controlPlaneDiagnostics: readonly Diagnostic[] = [];
  #told: Findings = new Map();
  #stateTimer: NodeJS.Immediate | undefined;
  #announcing = false;

  constructor(options: UpMeshOptions) {
    this.#options = options;
    this.#allocator = new PortAllocator({ random: options.random });
  }

  /** Begins everything. The failure is a port that was free a moment ago. */
  async start(): Promise<Result<undefined, Diagnostic>> {
    const { configuration, clock, stateFolder, logLevel } = this.#options;
    const logger = fileLogger(join(stateFolder, 'logs', 'control-plane.log'), logLevel);
    this.#source = new MergedSource([configuration.source, this.#running]);
    const { openAuthority } = await import('#ca/folder/authority.ts');
    const authority = openAuthority({ folder: join(stateFolder, 'ca'), clock, logger });
    if (!authority.ok) return authority;
    this.#authority = authority.value;
    const place = await this.#openPlace(logger);
    if (!place.ok) return place;
    const { network, ports, dial } = place.value;
    const adminSocket = await place.value.adminSocket(this.#options.adminDoor.address, this.#options.adminPort);
    if (!adminSocket.ok) return adminSocket;
    const runs = new Runs({ source: configuration.runs, network: network.kind, inherited: this.#options.environment, clock });
    const plan = (): RuntimePlan => this.#planned();
    const running = new RunningMesh({ configuration, source: this.#source, plan, runs, watchdog: this.#watchdog, clock });
    this.#runningMesh = running;
    const { door, forget } = doorWithToken(this.#options.adminDoor, stateFolder);
    this.#forgetToken = forget;
    const started = await startControlPlane({
      source: this.#source,
      address: network.nodeAddress,
      port: ports.plain,
      secure: { port: ports.secure, authority: authority.value },
      adminPort: this.#options.adminPort,
      ...(adminSocket.value !== undefined && { adminSocket: adminSocket.value }),
      adminDoor: door,
      adminVerbs: running.verbs,
      dial,
      logger,
      clock,
      onDiagnostics: (diagnostics) => {
        this.#controlPlaneDiagnostics = diagnostics;
        this.#tellDiagnostics();
      },
    });
    if (!started.ok) return started;
    this.#controlPlane = started.value;
    const mesh = () => started.value.mesh();
    this.#denials = new DenialWatch({
      folder: join(stateFolder, 'logs'),
      dataPlane: this.#options.dataPlane,
      mesh,
      clock,
      emit: this.#options.onEvent,
    });
    const named = await place.value.serveNames(started.value.names);
    if (!named.ok) return named;
    this.#credentials = new UpCredentials({
      folder: join(stateFolder, 'identities'),
      authority: authority.value,
      trustDomain: () => this.#trustDomain,
      clock,
      logger,
    });
    this.#tellDiagnostics();
    const services = () => configuration.snapshot.resources.Service.values();
    const watchServed = servedWatch({ current: () => this.#supervisor?.current() ?? [], services, clock, emit: this.#options.onEvent });
    const isHttpsFree = (await this.#options.place.whyTaken(8443)) === undefined;
    this.#supervisor = new Supervisor({
      domain,
      inherited: this.#options.environment,
      nodeProgram: this.#options.nodeProgram,
      startProxy: await this.#proxies(`${network.nodeAddress}:${ports.secure}`, this.#credentials, logger),
      starter: runs.starter,
      watchdog: this.#watchdog,
      clock,
      emit: (event) => {
        running.note(event);
        watchServed(event);
        this.#options.onEvent(event);
      },
      network,
      fixedPorts: (plan) => gatewayPorts(plan, configuration.plan, { http: this.#options.gatewayPort, isHttpsFree }),
      logFile: (plan, container) => this.#logFile(plan, container),
      publish: publisher(this.#running),
      settled: () => this.#settled(),
      onChange: () => this.#changed(),
    });
    running.open(started.value, this.#supervisor);
    for (const event of appliedEvents(configuration)) this.#options.onEvent(event);
    configuration.onChange((changed) => void this.#reconfigure(changed));
    await this.#supervisor.apply(this.#planned(), configuration.snapshot.resources);
    this.#writeState();
    clock.after(patienceMs, () => void this.#tellWaiting());
    return ok(undefined);
  }

  state(): MeshState {
    const runs = this.#supervisor?.runs() ?? [];
    const security = this.#controlPlane === undefined ? () => ({}) : workloadSecurity(this.#controlPlane.mesh());
    return meshState({
      phase: this.#phase,
      dataPlane: this.#options.dataPlane,
      network: this.#options.place.kind,
      paths: this.#options.paths,
      runs,
      current: this.#supervisor?.current() ?? [],
      logFiles: ({ plan }) => [...plan.containers.map(({ container }) => this.#logFile(plan, container.name)), this.#logFile(plan, undefined)],
      security: ({ plan }) => security(plan),
      gatewayPorts: this.#controlPlane === undefined ? [] : openGatewayPorts(this.#controlPlane.mesh(), this.#supervisor?.current() ?? []),
      adminUrl: this.#controlPlane?.adminUrl,
      xdsAddress: this.#controlPlane === undefined ? undefined : this.#place?.plainAddress,
      pid: this.#options.place.pid,
      others: [...this.#options.place.others, ...(this.#watchdog.pid === undefined ? [] : [{ pid: this.#watchdog.pid, name: 'watchdog' }])],
    });
  }

  /** Drains and ends everything, gateways first. `graceMs` bounds each pod's end. */
  async stop(graceMs: number): Promise<void> {
    this.#phase = 'stopping';
    this.#writeState();
    await this.#options.configuration[Symbol.asyncDispose]();
    await this.#supervisor?.stop(graceMs);
    await this.#close();
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    this.#phase = 'stopping';
    this.#supervisor?.kill();
    this.#forget();
    await this.#watchdog[Symbol.asyncDispose]();
    await this.#place?.[Symbol.asyncDispose]();
    clearImmediate(this.#stateTimer);
    removeState(this.#options.stateFolder);
  }

  async #openPlace(logger: Logger): Promise<Result<OpenPlace, Diagnostic>> {
    const { place, stateFolder, clock, random, onEvent: emit } = this.#options;
    const opened = await place.open({
      domain,
      stateFolder,
      allocator: this.#allocator,
      clock,
      random,
      logger,
      podAt: (address) => this.#podAt(address),
      emit,
    });
    if (opened.ok) this.#place = opened.value;
    return opened;
  }

  /** `reviews-v1.default` */
  #podAt(address: string): string | undefined {
    const pod = this.#supervisor?.runs().find(({ network }) => podAddresses(network).includes(address))?.plan.pod;
    return pod === undefined ? undefined : `${pod.metadata.name}.${pod.metadata.namespace}`;
  }

  #forget(): void {
    this.#forgetToken();
    this.#denials?.[Symbol.dispose]();
    this.#credentials?.[Symbol.dispose]();
    this.#authority?.[Symbol.dispose]();
    this.#allocator[Symbol.dispose]();
  }

  async #close(): Promise<void> {
    await this.#controlPlane?.close();
    this.#forget();
    await this.#source?.[Symbol.asyncDispose]();
    await this.#watchdog[Symbol.asyncDispose]();
    await this.#place?.[Symbol.asyncDispose]();
    clearImmediate(this.#stateTimer);
    removeState(this.#options.stateFolder);
  }

  #proxies(xdsTarget: string, issuer: UpCredentials, logger: Logger): Promise<StartProxy> {
    const credentials = (plan: PodPlan) => issuer.issue(plan);
    return meshProxies({ ...this.#options, xdsTarget, credentials, domain, logger, watchdog: this.#watchdog, allocator: this.#allocator });
  }

  /** `hello-v1.log`, `hello-v1.proxy.log`; with the namespace where it is not `default`, with the container where there are several. */
  #logFile({ pod, containers }: PodPlan, container: string | undefined): string {
    const { name, namespace } = pod.metadata;
    const workload = namespace === 'default' ? name : `${name}.${namespace}`;
    const isOnly = containers.length === 1 && containers[0]?.container.name === container;
    const part = container === undefined ? '.proxy' : isOnly ? '' : `.${container}`;
    return join(this.#options.stateFolder, 'logs', `${workload}${part}.log`);
  }

  #settled(): Promise<void> {
    return this.#controlPlane === undefined ? Promise.resolve() : proxiesSettled(this.#controlPlane.ledger, this.#options.clock, settleMs);
  }

  get #trustDomain(): string {
    const { ConfigMap } = this.#options.configuration.snapshot.resources;
    return readMeshSettings(ConfigMap.get('istio-system/istio')).settings.trustDomain;
  }

  /** Pods are replaced when the name of the trust domain changes: who they are has it in it. */
  #planned(): RuntimePlan {
    const { plan } = this.#options.configuration;
    const pods = [...plan.pods].map(([key, pod]): [string, PodPlan] => [key, { ...pod, fingerprint: `${pod.fingerprint} ${this.#trustDomain}` }]);
    return { ...plan, pods: new Map(pods) };
  }

  async #reconfigure(changed: ReadonlySet<string>): Promise<void> {
    const { configuration, onEvent } = this.#options;
    if (this.#phase === 'stopping') return;
    if (changed.size > 0) onEvent({ kind: 'configuration', changed: [...changed].map(writtenId).sort() });
    this.#tellDiagnostics();
    await this.#supervisor?.apply(this.#planned(), configuration.snapshot.resources);
    this.#changed();
  }

  /** Tells what is new among the findings, and what is gone. */
  #tellDiagnostics(): void {
    // What goes because the mesh does is not mended.
    if (this.#controlPlane === undefined || this.#phase === 'stopping') return;
    const { configuration, onEvent } = this.#options;
    const ofMesh = beyondAnalyzers(this.#controlPlaneDiagnostics);
    const advice = analyze(this.#controlPlane.mesh(), configuration.snapshot.resources);
    const now = findingsByText([...ofMesh, ...configuration.plan.diagnostics, ...advice]);
    const { fresh, gone } = findingNews(this.#told, now);
    this.#told = now;
    if (fresh.length > 0) onEvent({ kind: 'diagnostics', diagnostics: fresh });
    if (gone.length > 0) onEvent({ kind: 'diagnostics gone', diagnostics: gone });
  }

  #changed(): void {
    this.#runningMesh?.changed();
    this.#stateTimer ??= setImmediate(() => {
      this.#stateTimer = undefined;
      this.#writeState();
    });
    if (this.#phase === 'starting' && !this.#announcing && this.#waiting().length === 0) void this.#announce();
  }

  #waiting(): readonly PodRun[] {
    const current = this.#supervisor?.current() ?? [];
    return current.filter(({ ready, phase }) => !ready && phase !== 'Succeeded' && phase !== 'Failed');
  }

  /** Every pod is ready: so is the mesh, once every proxy knows it. */
  async #announce(): Promise<void> {
    const wanted = this.#options.configuration.plan.pods.size;
    if ((this.#supervisor?.current().length ?? 0) < wanted) return;
    this.#announcing = true;
    await new Promise((resolve) => setImmediate(resolve));
    await this.#settled();
    if (this.#phase !== 'starting') return;
    this.#phase = 'ready';
    this.#writeState();
    const state = this.state();
    const afterMs = Math.round(this.#options.clock.monotonicMs() - this.#options.startedMs);
    const line = tryLine(this.#options.configuration.snapshot.resources, state.gatewayUrl, state.gatewayPorts);
    this.#options.onEvent({ kind: 'mesh ready', state, afterMs, ...(line !== undefined && { tryLine: line }) });
  }

  async #tellWaiting(): Promise<void> {
    const waiting = this.#waiting();
    if (this.#phase !== 'starting' || waiting.length === 0) return;
    const waitingFor = await Promise.all(
      waiting.map(async (run) => {
        const hint = await hintForWaiting(run);
        return { workload: run.plan.key, reason: run.reason, ...(hint !== undefined && { hint }) };
      }),
    );
    this.#options.onEvent({ kind: 'mesh waits', state: this.state(), waitingFor });
  }

  #writeState(): void {
    if (this.#phase !== 'stopping' || this.#controlPlane !== undefined) writeState(this.#options.stateFolder, this.state());
  }
}
