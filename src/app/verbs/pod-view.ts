// A pod as kubectl's users know it: how many containers are ready, one word for how it is, restarts, and the status of its containers; made of what runs.
import type { KindMap } from '#api/kinds.ts';
import { describeEnd, type ProcessEnd } from '#runtime/child-process.ts';
import { type ContainerState, endReason } from '#runtime/container-state.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import { sidecarContainer } from '#runtime/sidecar-container.ts';

export type PodSummary = { readonly ready: string; readonly status: string; readonly restarts: number };

/** The proxy counts as a container, as on a cluster. */
export function podSummary(run: PodRun): PodSummary {
  const { containers, plan, proxy, network } = run;
  const all = plan.containers.length + Number(network.hasProxy);
  const isInitializing = run.phase === 'Pending';
  const ready = Number(network.hasProxy && proxy.ready) + (isInitializing ? 0 : containers.filter((container) => container.ready).length);
  const restarts = containers.reduce((sum, container) => sum + container.restarts, proxy.restarts);
  return { ready: `${run.phase === 'Succeeded' ? 0 : ready}/${all}`, status: podStatus(run), restarts };
}

/** As `kubectl get pods` has it: `Running`, `Completed`, `CrashLoopBackOff`, `Init:0/1`, `Terminating`. */
function podStatus(run: PodRun): string {
  const { containers, plan, phase, stopping } = run;
  if (stopping) return 'Terminating';
  if (phase === 'Succeeded') return 'Completed';
  if (phase === 'Failed') return 'Error';
  const troubled = containers.find(({ state }) => state.kind !== 'running' && !isWellEnded(state));
  if (phase === 'Pending') {
    if (containers.length === 0) return plan.initContainers.length > 0 ? `Init:0/${plan.initContainers.length}` : 'PodInitializing';
    const current = containers[0];
    const done = plan.initContainers.findIndex(({ container }) => container.name === current?.name);
    return troubled === undefined ? `Init:${Math.max(0, done)}/${plan.initContainers.length}` : `Init:${wordFor(troubled.state)}`;
  }
  return troubled === undefined ? 'Running' : wordFor(troubled.state);
}

function isWellEnded(state: ContainerState): boolean {
  return state.kind === 'terminated' && endReason(state.end) === 'Completed';
}

function wordFor(state: ContainerState): string {
  if (state.kind === 'running') return 'Running';
  return state.kind === 'waiting' ? state.reason : endReason(state.end);
}

/** The Pod with what is known of its containers, for `-o yaml`. `pod`: as it was published. */
export function podWithContainers(pod: KindMap['Pod'], run: PodRun): KindMap['Pod'] {
  const ofApplication = run.containers.map(({ name, ready, restarts, state, lastEnd }) => ({
    name,
    ready,
    restartCount: restarts,
    started: state.kind === 'running',
    state: stateObject(state),
    ...(lastEnd !== undefined && lastEnd !== state && { lastState: stateObject(lastEnd) }),
  }));
  const proxy = { name: sidecarContainer, ready: run.proxy.ready, restartCount: run.proxy.restarts, state: proxyState(run) };
  const statuses = run.network.hasProxy ? [...ofApplication, proxy] : ofApplication;
  const isInitializing = run.phase === 'Pending';
  return {
    ...pod,
    status: {
      ...pod.status,
      startTime: time(run.startedMs),
      ...(isInitializing
        ? { initContainerStatuses: ofApplication, containerStatuses: run.network.hasProxy ? [proxy] : [] }
        : { containerStatuses: statuses }),
    },
  };
}

function proxyState(run: PodRun): object {
  return run.proxy.pid === undefined ? { waiting: { reason: 'ContainerCreating' } } : { running: { startedAt: time(run.startedMs) } };
}

function stateObject(state: ContainerState): object {
  if (state.kind === 'running') return { running: { startedAt: time(state.sinceMs) } };
  if (state.kind === 'waiting') return { waiting: { reason: state.reason, ...(state.message !== undefined && { message: state.message }) } };
  return { terminated: { reason: endReason(state.end), message: describeEnd(state.end), finishedAt: time(state.atMs), ...exitCode(state.end) } };
}

function exitCode(end: ProcessEnd): object {
  return end.kind === 'exit' ? { exitCode: end.code } : {};
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
