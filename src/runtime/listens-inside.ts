// Whether a program listens on its pod's localhost alone, where nobody outside the pod reaches it.
import { connect } from 'node:net';
import type { PodNetwork } from '#runtime/network.ts';

/** The first of the pod's ports that answers from inside and not from outside; undefined where there is none, or where pods have no inside. */
export async function listensInsideAlone({ ports, insideAddress, nodeAddress }: PodNetwork): Promise<number | undefined> {
  if (insideAddress === undefined) return undefined;
  for (const [port, { app }] of Object.entries(ports.inbound)) {
    if (app === undefined || (await answers(ports.address, Number(port), nodeAddress))) continue;
    if (await answers(ports.address, Number(port), insideAddress)) return Number(port);
  }
  return undefined;
}

/** Whether a connection from that address is taken within half a second. */
export function answers(host: string, port: number, localAddress: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress, timeout: 500 });
    const end = (well: boolean) => () => {
      socket.destroy();
      resolve(well);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });
}
