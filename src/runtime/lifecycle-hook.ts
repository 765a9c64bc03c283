// What a container does after its start and before its end (Container.lifecycle): a command in it, a request to it, or a wait.
// https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
import type { LifecycleHandler } from '#api/kubernetes/container.ts';
import type { Clock } from '#base/clock.ts';
import { askHttp, type ProbeTarget, portOf } from '#runtime/probe.ts';

/** Resolves when the hook is done: undefined, or why it failed. Never rejects; `signal` ends it. */
export async function runHook(
  hook: LifecycleHandler,
  target: ProbeTarget,
  clock: Pick<Clock, 'after'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { exec, httpGet, sleep } = hook;
  try {
    if (exec !== undefined) {
      const code = await target.exec(exec.command ?? [], signal);
      return code === 0 ? undefined : `${(exec.command ?? []).join(' ')} ended with code ${code}`;
    }
    if (httpGet !== undefined) {
      const outcome = await askHttp(httpGet, target.host, portOf(httpGet.port, target), signal);
      return outcome.ok ? undefined : outcome.reason;
    }
    if (sleep !== undefined) await wait(sleep.seconds * 1000, clock, signal);
    // tcpSocket is in the schema and does nothing: Kubernetes keeps it for old files alone.
    return undefined;
  } catch (error) {
    if (signal.aborted) return 'it was not done in time';
    return error instanceof Error ? error.message : String(error);
  }
}

/** Also over when `signal` says so. */
export function wait(delayMs: number, clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal.addEventListener('abort', finish);
  });
}
