// What a container is doing, in Kubernetes' words for it (ContainerStatus.state): waiting to be started, running, or ended.
import { describeEnd, type ProcessEnd } from '#runtime/child-process.ts';

export type ContainerState =
  /** `CrashLoopBackOff` while it waits to be started again after it ended badly. */
  | { readonly kind: 'waiting'; readonly reason: 'PodInitializing' | 'ContainerCreating' | 'CrashLoopBackOff'; readonly message?: string }
  | { readonly kind: 'running'; readonly sinceMs: number }
  | { readonly kind: 'terminated'; readonly end: ProcessEnd; readonly atMs: number };

/** `Completed`, `Error`, `OOMKilled`'s kin: the reason of a terminated container, as Kubernetes prints it. */
export function endReason(end: ProcessEnd): string {
  if (end.kind === 'not started') return 'StartError';
  return end.kind === 'exit' && end.code === 0 ? 'Completed' : 'Error';
}

/** `Running`, `CrashLoopBackOff: exit code 1`, `Completed`. */
export function describeState(state: ContainerState): string {
  if (state.kind === 'running') return 'Running';
  if (state.kind === 'waiting') return state.message === undefined ? state.reason : `${state.reason}: ${state.message}`;
  return `${endReason(state.end)}: ${describeEnd(state.end)}`;
}
