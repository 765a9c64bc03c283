// Why a pod does not become ready, where the machine can tell: the most usual cause is a program that listens on the port of its YAML
// instead of the one it was given.
import { portHolder } from '#app/port-holder.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import { isPortFree } from '#runtime/port-allocator.ts';

/** One sentence, or undefined where nothing is found out. */
export async function hintForWaiting({ ports, containers }: Pick<PodRun, 'ports' | 'containers'>): Promise<string | undefined> {
  for (const [port, { app }] of Object.entries(ports.inbound)) {
    if (app === undefined || !(await isPortFree(app)) || (await isPortFree(Number(port)))) continue;
    const holder = portHolder(Number(port));
    const isOwn = containers.some(({ pid }) => pid !== undefined && holder?.endsWith(`(pid ${pid})`) === true);
    if (isOwn) return `nothing listens on port ${app}, and it listens on ${port}: the program must take its port from the variable PORT`;
  }
  return undefined;
}
