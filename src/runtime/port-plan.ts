// On which local ports a pod serves: every pod has the same address here, so each container port gets a port for the proxy to listen on
// and one for the application, and each service a port on which the pod's proxy takes the calls to it.
import type { CalledHost } from '#runtime/called-host.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';
import type { PortAllocator } from '#runtime/port-allocator.ts';

/** The port plan of one running pod; the same shape as the node metadata HEDDLE_LOOPBACK that its proxy carries. */
export type PodPorts = {
  readonly address: string;
  /** Where the proxy takes what others send, where that is not `address`. */
  readonly inboundAddress?: string;
  /** By container port. A gateway has no `app`. */
  readonly inbound: Readonly<Record<string, { readonly listen: number; readonly app?: number }>>;
  /** By `hostname:port` of a service. */
  readonly outbound: Readonly<Record<string, number>>;
  readonly httpProxy?: number;
};

export const loopbackAddress = '127.0.0.1';

/** Below it a port needs rights that a laptop's user does not have. */
const firstUnprivileged = 1024;

/**
 * Chooses free ports for a pod and what its app calls: `fixed` are those that the user asked for, by container port (a gateway's 8080). Other ports of such a gateway
 * are opened as they are, where they are free.
 */
export async function choosePorts(
  plan: PodPlan,
  calls: readonly CalledHost[],
  allocator: PortAllocator,
  fixed: Readonly<Record<string, number>> = {},
): Promise<PodPorts> {
  const inbound: Record<string, { listen: number; app?: number }> = {};
  for (const port of plan.inbound) {
    const asItIs = plan.isGateway && port >= firstUnprivileged && Object.keys(fixed).length > 0;
    const listen = fixed[port] ?? (asItIs && (await allocator.claim(port)) ? port : await allocator.take());
    inbound[port] = plan.isGateway ? { listen } : { listen, app: await allocator.take() };
  }
  if (plan.isGateway) return { address: loopbackAddress, inbound, outbound: {} };
  const outbound: Record<string, number> = {};
  for (const { hostname, ports } of calls) {
    for (const { number } of ports) outbound[outboundKey(hostname, number)] ??= await allocator.take();
  }
  return { address: loopbackAddress, inbound, outbound, httpProxy: await allocator.take() };
}

/** For a pod whose application everybody reaches directly, and which reaches others likewise. */
export async function choosePortsWithoutProxy({ inbound: wanted }: PodPlan, allocator: PortAllocator): Promise<PodPorts> {
  const inbound: Record<string, { listen: number; app: number }> = {};
  for (const port of wanted) {
    const local = await allocator.take();
    inbound[port] = { listen: local, app: local };
  }
  return { address: loopbackAddress, inbound, outbound: {} };
}

/** `hello.default.svc.cluster.local:80`. */
export function outboundKey(hostname: string, port: number): string {
  return `${hostname}:${port}`;
}

/** Every local port of the plan, to give back when the pod has ended. */
export function allPorts(ports: PodPorts): readonly number[] {
  const inbound = Object.values(ports.inbound).flatMap(({ listen, app }) => (app === undefined ? [listen] : [listen, app]));
  return [...inbound, ...Object.values(ports.outbound), ...(ports.httpProxy === undefined ? [] : [ports.httpProxy])];
}
