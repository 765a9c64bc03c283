// Why a pod does not become ready, where the machine can tell. The most usual causes: a program that listens on the port of its YAML instead of the one it
// was given, or, where its pod has an address of its own, on 127.0.0.1.
import { portHolder } from '#app/port-holder.ts';
import { listensInsideAlone } from '#runtime/listens-inside.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import { isPortFree } from '#runtime/port-allocator.ts';

/** One sentence, or undefined where nothing is found out. */
export async function hintForWaiting({ network, containers }: Pick<PodRun, 'network' | 'containers'>): Promise<string | undefined> {
  if (!network.choosesPorts) {
    const port = await listensInsideAlone(network);
    return port === undefined
      ? undefined
      : `it listens on 127.0.0.1:${port}, where nobody outside its pod reaches it: let the program listen on 0.0.0.0, as it must on Kubernetes`;
  }
  for (const [port, { app }] of Object.entries(network.ports.inbound)) {
    if (app === undefined || !(await isPortFree(app)) || (await isPortFree(Number(port)))) continue;
    const holder = portHolder(Number(port));
    const isOwn = containers.some(({ pid }) => pid !== undefined && holder?.endsWith(`(pid ${pid})`) === true);
    if (isOwn) return `nothing listens on port ${app}, and it listens on ${port}: the program must take its port from the variable PORT`;
  }
  return undefined;
}
