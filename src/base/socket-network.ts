// Where the sockets of a server or a client come from, when that is not the network that its process is in.
import type { Result } from '#base/result.ts';

/** The code of the system's error: EADDRINUSE, EMFILE. */
export type SocketFailure = { readonly code: string };

/** Sockets of one network, as file descriptors that are the caller's. */
export type SocketNetwork = {
  /** For TCP, not connected: for `new Socket({ fd })` and its `connect`. */
  readonly open: (family: 4 | 6) => Result<number, SocketFailure>;
  /** Bound to an address and port, for a server to listen on. */
  readonly bind: (transport: 'tcp' | 'udp', address: string, port: number) => Result<number, SocketFailure>;
};
