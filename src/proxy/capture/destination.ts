// Where a client wanted to connect to, where that is not where its connection was accepted.
import type { Socket } from 'node:net';

/** `restored`: the connection was redirected, so that its client knows nothing of this proxy (Envoy: local address restored). */
export type Destination = { readonly address: string; readonly port: number; readonly restored: boolean };

/** Undefined: the connection is for the address that it was accepted on. */
export type ReadDestination = (socket: Socket) => Destination | undefined;
