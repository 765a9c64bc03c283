// The control plane's port with TLS once more, on an address that other machines reach: connections are accepted here and handed to the server behind,
// which asks of each call who makes it. In: where to listen, or a socket that listens already; out: the door, open until it is closed.
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ListeningSocket } from '#admin/server.ts';
import { failed, ok, type Result } from '#base/result.ts';

export type OutsideDoorOptions = {
  /** An address of this machine, which the control plane's certificate names. */
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** A socket of another network that listens there already, to be accepted on in place of one of its own. */
  readonly socket?: ListeningSocket | undefined;
};

export type OutsideDoor = { readonly address: string; readonly port: number; readonly close: () => Promise<void> };

/** Strangers may come in any number; a mesh of a few machines needs a few. */
const mostConnections = 1_000;

/** The failure is a port that cannot be had. */
export function openOutsideDoor(
  { address, port, socket }: OutsideDoorOptions,
  take: (connection: Duplex) => void,
): Promise<Result<OutsideDoor, { readonly inUse: boolean; readonly reason: string }>> {
  const open = new Set<Socket>();
  const server = createServer((connection) => {
    open.add(connection);
    connection.on('error', () => connection.destroy());
    connection.once('close', () => open.delete(connection));
    connection.setNoDelay(true);
    take(connection);
  });
  server.maxConnections = mostConnections;
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(failed({ inUse: error.code === 'EADDRINUSE', reason: error.message })));
    const listening = (): void => {
      const bound = server.address();
      const boundPort = socket?.port ?? (typeof bound === 'object' && bound !== null ? bound.port : port);
      resolve(ok({ address, port: boundPort, close: () => close(server, open) }));
    };
    if (socket === undefined) server.listen({ host: address, port, exclusive: true }, listening);
    else server.listen(socket.handle, listening);
  });
}

async function close(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of open) connection.destroy();
  await closed;
}
