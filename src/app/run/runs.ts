// The processes that others have started and that are pods of this mesh: a source of their Pods and Services, who starts the application of each, and
// a session for each connection. A workload is there as long as its connection is, and leaves in the order of every pod.
import { randomUUID } from 'node:crypto';
import type { CallerMessage, MeshMessage, RunRequest } from '#admin/client/run-messages.ts';
import type { RunSession, VerbFailure } from '#admin/client/verbs.ts';
import { RunProcess } from '#app/run/run-process.ts';
import { type RunResources, runResources } from '#app/run/run-resources.ts';
import { hintForWaiting } from '#app/up/waiting.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import type { Clock } from '#base/clock.ts';
import { ok, type Result } from '#base/result.ts';
import type { StartProcess } from '#runtime/child-process.ts';
import type { NetworkKind } from '#runtime/network-kind.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';
import { selects } from '#runtime/pod-ports.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import type { MemorySource } from '#sources/memory/memory-source.ts';
import { idOf } from '#sources/next-snapshot.ts';

export type RunsOptions = {
  /** Holds what the runs are. */
  readonly source: MemorySource;
  readonly network: NetworkKind;
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly clock: Pick<Clock, 'after'>;
};

type Run = {
  readonly pod: RunResources['pod'];
  /** What is new about its pod. */
  readonly look: () => void;
};

/** When a caller is told what it still waits for. */
const patienceMs = 5_000;

export class Runs {
  readonly #options: RunsOptions;
  readonly #runs = new Set<Run>();
  /** By what every copy of a pod shares. */
  readonly #processes = new WeakMap<object, RunProcess>();
  /** Services that were made for runs. */
  readonly #services = new Set<NonNullable<RunResources['service']>>();
  #live: LiveMesh | undefined;

  constructor(options: RunsOptions) {
    this.#options = options;
  }

  /** For the supervisor: the pods that are not ours to start. */
  readonly starter = ({ pod }: PodPlan): StartProcess | undefined => {
    const process = this.#processes.get(pod.origins);
    if (process === undefined) return undefined;
    return (spec, enter) => {
      process.start(spec, enter);
      return process;
    };
  };

  /** After each change of what runs. */
  changed(): void {
    for (const run of this.#runs) run.look();
  }

  /** What is wrong with the request is said at once; everything else to the session. */
  join(request: RunRequest, live: LiveMesh): Result<RunSession, VerbFailure> {
    this.#live = live;
    const { source, network, clock } = this.#options;
    const made = runResources(request, live.written(), takenNames(live), network);
    if (!made.ok) return made;
    const { pod, service } = made.value;
    const talk = new Talk();
    const process = new RunProcess({ ...this.#options, request, mark: randomUUID(), tell: (message) => talk.tell(message) });
    const left = Promise.withResolvers<void>();
    let isLeaving = false;
    let wasReady = false;
    const look = (): void => {
      const ofPod = this.#runsOf(pod);
      if (ofPod.length === 0 && isLeaving) {
        this.#runs.delete(run);
        left.resolve();
      } else if (!wasReady && ofPod.some(({ ready }) => ready)) {
        wasReady = true;
        talk.tell({ kind: 'ready', at: this.#places(pod) });
      }
    };
    const run: Run = { pod, look };
    const leave = (): void => {
      if (isLeaving) return;
      isLeaving = true;
      this.#remove(run);
      look();
    };
    this.#runs.add(run);
    this.#processes.set(pod.origins, process);
    if (service !== undefined) this.#services.add(service);
    source.upsert(pod, ...(service === undefined ? [] : [service]));
    const cancel = clock.after(patienceMs, () => void tellWaiting());
    const tellWaiting = async (): Promise<void> => {
      const [ofPod] = this.#runsOf(pod);
      const known = ofPod === undefined ? undefined : await hintForWaiting(ofPod);
      const hint = known ?? `heddle describe pod ${request.workload} -n ${request.namespace}`;
      if (!wasReady && !isLeaving) talk.tell({ kind: 'waiting', reason: whyNotReady(ofPod), hint });
    };
    void left.promise.then(cancel);
    return ok({
      listen: (tell) => talk.listen(tell),
      take: (message: CallerMessage) => {
        if (message.kind !== 'leave') process.take(message);
        if (message.kind !== 'started') leave();
      },
      gone: () => {
        process.abandon();
        leave();
      },
      left: left.promise,
    });
  }

  #runsOf({ origins }: RunResources['pod']): readonly PodRun[] {
    return (this.#live?.runs() ?? []).filter(({ plan }) => plan.pod.origins === origins);
  }

  /** By the Services that lead there. */
  #places(pod: RunResources['pod']): readonly string[] {
    const services = [...(this.#live?.written().Service.values() ?? [])].filter((service) => selects(service, pod));
    return services.flatMap(({ metadata, spec }) => (spec.ports ?? []).map(({ port }) => `${metadata.name}.${metadata.namespace}:${port}`));
  }

  /** A Service that was made goes with the last one that it leads to. */
  #remove(leaving: Run): void {
    const staying = [...this.#runs].filter((run) => run !== leaving);
    const idle = [...this.#services].filter((service) => !staying.some(({ pod }) => selects(service, pod)));
    for (const service of idle) this.#services.delete(service);
    this.#options.source.remove(idOf(leaving.pod), ...idle.map(idOf));
  }
}

function whyNotReady(run: PodRun | undefined): string {
  if (run === undefined) return 'there is no place for it in the network yet';
  const { proxy, ports, containers, reason } = run;
  const port = Object.values(ports.inbound)[0]?.app;
  const runs = containers.some(({ state }) => state.kind === 'running');
  return proxy.ready && runs && port !== undefined ? `the command does not listen on port ${port} yet` : reason;
}

function takenNames(live: LiveMesh): ReadonlySet<string> {
  const { Deployment, ReplicaSet, StatefulSet, DaemonSet, Job } = live.written();
  const runs = live.runs().flatMap(({ plan, stopping }) => (stopping ? [] : [plan.key]));
  return new Set([...live.plan().pods.keys(), ...runs, ...[Deployment, ReplicaSet, StatefulSet, DaemonSet, Job].flatMap((all) => [...all.keys()])]);
}

/** What is said before anybody listens is said then. */
class Talk {
  #early: MeshMessage[] = [];
  #tell: ((message: MeshMessage) => void) | undefined;

  listen(tell: (message: MeshMessage) => void): void {
    this.#tell = tell;
    for (const message of this.#early.splice(0)) tell(message);
  }

  tell(message: MeshMessage): void {
    if (this.#tell === undefined) this.#early.push(message);
    else this.#tell(message);
  }
}
