// Why a pod does not become ready, where the machine can tell. The most usual causes: a program that listens on the port of its YAML instead of the one it
// was given, or, where its pod has an address of its own, on 127.0.0.1 or on another port than its YAML says.
import { portHolder } from '#app/port-holder.ts';
import { listening } from '#app/up/unserved-port.ts';
import { listeningPorts } from '#runtime/listening-ports.ts';
import { listensInsideAlone } from '#runtime/listens-inside.ts';
import type { PodRun } from '#runtime/pod-run.ts';
import { isPortFree } from '#runtime/port-allocator.ts';

/** One sentence, or undefined where nothing is found out. */
export async function hintForWaiting({ network, containers }: Pick<PodRun, 'network' | 'containers'>): Promise<string | undefined> {
  if (!network.choosesPorts) {
    const port = await listensInsideAlone(network);
    return port === undefined
      ? elsewhere(network, containers)
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

/** Where it listens, and on none of the ports that its pod is asked for: Linux alone tells that. */
function elsewhere({ ports }: PodRun['network'], containers: PodRun['containers']): string | undefined {
  const wanted = Object.values(ports.inbound).flatMap(({ app }) => app ?? []);
  const open = containers.flatMap(({ pid }) => (pid === undefined ? [] : listeningPorts(pid)));
  const missing = wanted.filter((port) => !open.includes(port));
  return missing.length === 0 || open.length === 0
    ? undefined
    : `nothing listens on port ${missing.join(', ')}: ${listening(containers)}. Let the program listen there, or change the port in its YAML`;
}
