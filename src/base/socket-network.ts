// Where the sockets of a server or a client come from, when that is not the network that its process is in.
import { isIP, Socket, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net';
import { ok, type Result } from '#base/result.ts';

/** The code of the system's error: EADDRINUSE, EMFILE. */
export type SocketFailure = { readonly code: string };

/** Sockets of one network, as file descriptors that are the caller's. */
export type SocketNetwork = {
  /** For TCP, not connected: for `new Socket({ fd })` and its `connect`. */
  readonly open: (family: 4 | 6) => Result<number, SocketFailure>;
  /** Bound to an address and port, for a server to listen on. */
  readonly bind: (transport: 'tcp' | 'udp', address: string, port: number) => Result<number, SocketFailure>;
};

/** As `connect` of node:net, from that network; `host` is an address. */
export function connectFrom(
  network: SocketNetwork,
  options: SocketConstructorOpts & TcpNetConnectOpts & { readonly host: string },
): Result<Socket, SocketFailure> {
  const opened = network.open(isIP(options.host) === 6 || options.family === 6 ? 6 : 4);
  if (!opened.ok) return opened;
  const socket = new Socket({ ...options, fd: opened.value, readable: true, writable: true });
  // A second address of a name would be tried on a socket that Node makes.
  return ok(socket.connect({ ...options, autoSelectFamily: false }));
}
