// `heddle port-forward`: one connection to a port of a pod, as if from inside it. Where the pod's port is, its network says; where it is not the pod's
// own 127.0.0.1 that is connected to, the address that leads there.
import { connect, type Socket } from 'node:net';
import type { ForwardRequest, VerbFailure } from '#admin/client/verbs.ts';
import { findPort, findRun } from '#app/verbs/find-pod.ts';
import type { LiveMesh } from '#app/verbs/live-mesh.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { PodRun } from '#runtime/pod-run.ts';

/** Where the admin interface of every proxy is on a cluster, and the metrics of its pod. */
const proxyAdminPort = 15000;
const podMetricsPort = 15020;
const patienceMs = 5_000;

export async function connectToPod(
  request: ForwardRequest,
  live: LiveMesh,
): Promise<Result<{ readonly socket: Socket; readonly to: string }, VerbFailure>> {
  const run = findRun(request, live);
  if (!run.ok) return run;
  const port = findPort(request, run.value, live);
  if (!port.ok) return port;
  const name = run.value.plan.pod.metadata.name;
  const to = `${name} port ${port.value}`;
  const target = placeOf(run.value, port.value);
  const socket = connect({ ...target, allowHalfOpen: true, timeout: patienceMs });
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(ok({ socket, to }));
    });
    const give = (reason: string): void => {
      socket.destroy();
      const hint = `nothing listens there? heddle describe pod ${name} -n ${run.value.plan.pod.metadata.namespace}`;
      resolve(failed({ status: 409, error: `${to} cannot be reached: ${reason}`, hint }));
    };
    socket.once('error', ({ message }) => give(message));
    socket.once('timeout', () => give(`no answer within ${patienceMs / 1000} s`));
  });
}

/** The application itself, behind its proxy; a gateway's ports, and the proxy's own admin interface and metrics, as they are. */
function placeOf({ ports, network, proxy }: PodRun, port: number): { readonly host: string; readonly port: number; readonly localAddress?: string } {
  const inside = network.insideAddress === undefined ? {} : { localAddress: network.insideAddress };
  const own = port === proxyAdminPort ? proxy.admin : port === podMetricsPort ? proxy.metrics : undefined;
  if (own !== undefined) {
    const [, host = ports.address, number = ''] = /^(.*):(\d+)$/.exec(own) ?? [];
    return { host, port: Number(number), ...inside };
  }
  const inbound = ports.inbound[port];
  return { host: ports.address, port: inbound?.app ?? inbound?.listen ?? port, ...inside };
}
