// A gateway's ways in from this machine: for each of its ports a listening socket on the host's 127.0.0.1, opened outside and handed in.
import type { Diagnostic } from '#base/diagnostic.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { HostSocket, HostSockets } from '#runtime/network.ts';
import type { PodPlan } from '#runtime/pod-plan.ts';

export type HostPorts = {
  readonly hostSockets: Readonly<Record<string, HostSocket>>;
  readonly hostAddresses: Readonly<Record<string, string>>;
  readonly close: () => void;
};

/** Below it a port needs rights that a laptop's user does not have. */
const firstUnprivileged = 1024;

/**
 * `fixed`: ports that the user asked for, by the gateway's own. With them, its other ports are opened as they are where they are free; without, at
 * any free port. Other pods have no way in.
 */
export async function openHostPorts(
  { isGateway, inbound }: Pick<PodPlan, 'isGateway' | 'inbound'>,
  fixed: Readonly<Record<string, number>>,
  { listen }: HostSockets,
): Promise<Result<HostPorts, Diagnostic>> {
  const sockets = new Map<number, HostSocket>();
  const close = (): void => {
    for (const socket of sockets.values()) socket.close();
  };
  for (const port of isGateway ? inbound : []) {
    const asked = fixed[port];
    const asItIs = port >= firstUnprivileged && Object.keys(fixed).length > 0;
    const first = await listen(asked ?? (asItIs ? port : 0));
    const socket = first.ok || asked !== undefined ? first : await listen(0);
    if (!socket.ok) {
      close();
      return failed(socket.error);
    }
    sockets.set(port, socket.value);
  }
  const all = [...sockets];
  return ok({
    hostSockets: Object.fromEntries(all),
    hostAddresses: Object.fromEntries(all.map(([port, socket]) => [port, `127.0.0.1:${socket.port}`])),
    close,
  });
}
