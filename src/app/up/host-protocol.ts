// What a mesh in a network of its own asks of the process that stayed in the host's, and is answered: one message each over the IPC channel of
// Node, with a socket where there is one. Only these pass the border.

import type { NetnsMeans } from '#runtime/netns/availability.ts';

export type HostRequest =
  /** A listening socket on an address of the host; port 0: any. */
  | { readonly kind: 'listen'; readonly id: number; readonly host: string; readonly port: number }
  /** A connection of the host to `host:port`, an address or a name that the host knows. */
  | { readonly kind: 'connect'; readonly id: number; readonly host: string; readonly port: number }
  /** A DNS message (RFC 1035 section 4) for the host's name servers, whose answer may be cut short for UDP. */
  | { readonly kind: 'resolve'; readonly id: number; readonly query: Uint8Array; readonly transport: 'udp' | 'tcp' };

export type HostAnswer =
  /** Comes with the raw handle of the socket, which nobody has accepted from yet. */
  | { readonly kind: 'listening'; readonly id: number; readonly port: number }
  /** Comes with the socket, from which nothing was read. */
  | { readonly kind: 'connected'; readonly id: number }
  | { readonly kind: 'resolved'; readonly id: number; readonly answer: Uint8Array }
  /** `code`: of the system (`EADDRINUSE`), or `EGRESS` where nothing may leave the mesh. `holder`: who has the port. */
  | { readonly kind: 'failed'; readonly id: number; readonly code: string; readonly reason: string; readonly holder?: string };

/** What the host's side says unasked. `interrupted`: Ctrl-C or the like, counted by whoever hears it. */
export type HostNotice = { readonly kind: 'interrupted' };

export type HostMessage = HostAnswer | HostNotice;

/** Whether the mesh may reach out of its network. */
export type Egress = 'none' | 'host';

/** What the host's side found out before it began the other one, as the option --inside carries it. */
export type InnerSettings = {
  readonly means: NetnsMeans;
  /** Who typed the command. */
  readonly user: { readonly uid: number; readonly gid: number };
  readonly egress: Egress;
  /** When the command began, in milliseconds since the epoch. */
  readonly startedAtMs: number;
};
