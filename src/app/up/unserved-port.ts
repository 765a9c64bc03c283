// The port of a pod to which a Service leads and on which nobody listens: callers get 503, and neither the program nor its caller says why. In: a pod that
// runs, and the Services. Out: a sentence, with what its containers listen on instead.
import type { KindMap } from '#api/kinds.ts';
import { listeningPorts } from '#runtime/listening-ports.ts';
import { answers } from '#runtime/listens-inside.ts';
import { selects, targetPort } from '#runtime/pod-ports.ts';
import type { PodRun } from '#runtime/pod-run.ts';

type Pod = {
  readonly plan: Pick<PodRun['plan'], 'pod'>;
  readonly network: PodRun['network'];
  readonly containers: readonly Pick<PodRun['containers'][number], 'name' | 'pid'>[];
};

export type UnservedPort = { readonly message: string; readonly hint: string };

/** The first such port; undefined where there is none. */
export async function unservedPort(run: Pod, services: Iterable<KindMap['Service']>): Promise<UnservedPort | undefined> {
  const { plan, network, containers } = run;
  const leading = [...services].filter((service) => selects(service, plan.pod));
  for (const [port, { app }] of Object.entries(network.ports.inbound)) {
    const service = leading.find(({ spec }) => (spec.ports ?? []).some((one) => targetPort(plan.pod, one) === Number(port)));
    const from = network.insideAddress ?? network.nodeAddress;
    if (app === undefined || service === undefined || (await answers(network.ports.address, app, from))) continue;
    const local = app === Number(port) ? `port ${port}` : `port ${app}, which stands for ${port} here`;
    const message = `nothing listens on ${local}, where Service ${service.metadata.name} leads: ${listening(containers)}`;
    return { message, hint: hintFor(network.choosesPorts, app) };
  }
  return undefined;
}

/** `container web listens on 8080, container agent on no port` */
export function listening(containers: Pod['containers']): string {
  const each = containers.map(({ name, pid }) => {
    const ports = pid === undefined ? [] : listeningPorts(pid);
    return `container ${name} listens on ${ports.length === 0 ? 'no port' : ports.join(', ')}`;
  });
  return each.length === 0 ? 'no container runs' : each.join('; ');
}

function hintFor(choosesPorts: boolean, app: number): string {
  return choosesPorts
    ? 'the program must take its port from the variable PORT'
    : `let the program listen on ${app}, or name its own port as targetPort of the Service`;
}
