// A connection that came to a socket elsewhere, led on to a port of this pod: where the proxy behind that port cannot take the connection itself.
import { connect, type Socket } from 'node:net';

/** Bytes both ways, each side's end passed on, until both have ended or one is gone. */
export function pipeToLocal(client: Socket, port: number): void {
  const local = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
  const joined = [client, local] as const;
  for (const [from, to] of [joined, [local, client]] as const) {
    from.on('error', () => to.destroy());
    from.once('close', () => {
      // What is on its way is delivered; nobody reads on after a reset.
      if (!from.readableEnded) to.destroy();
    });
  }
  local.once('connect', () => {
    client.pipe(local);
    local.pipe(client);
  });
}
