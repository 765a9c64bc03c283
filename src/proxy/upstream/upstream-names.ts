// Who is at both ends of a connection to an endpoint, by their certificates. Kept beside the socket by whoever did the handshake, read by the pools.
import type { Socket } from 'node:net';

/** URI SANs, joined by ','; '' where there are none, as on plaintext. */
export type UpstreamNames = { readonly theirs: string; readonly ours: string };

export const noNames: UpstreamNames = { theirs: '', ours: '' };

const known = new WeakMap<Socket, UpstreamNames>();

export function setUpstreamNames(socket: Socket, names: UpstreamNames): void {
  known.set(socket, names);
}

export function upstreamNamesOf(socket: Socket): UpstreamNames {
  return known.get(socket) ?? noNames;
}
