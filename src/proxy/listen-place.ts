// Where a listener is bound: an address and port, or a Unix socket, which is a file (or, with `@`, a name of the kernel's own). A file that a process
// left behind when it ended is removed; one that somebody answers on is theirs.
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { failed, ok, type Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import type { ListenerEntry } from '#decide/listener-entry.ts';
import { formatAddress, isSocketAddress } from '#proxy/downstream-connection.ts';

type Place = Pick<ListenerEntry, 'address' | 'port' | 'socketMode'>;

/** The error names the place and says whether somebody else has it. `network`: where addresses are, if not where this process is. */
export async function listenAt(server: Server, place: Place, network?: SocketNetwork): Promise<Result<void, string>> {
  const { address, port } = place;
  if (!isSocketAddress(address))
    return network === undefined ? listen(server, place, { host: address, port, ipv6Only: true }) : listenIn(network, server, place);
  if (address.startsWith('@')) return listen(server, place, { path: `\0${address.slice(1)}` });
  await removeLeftover(address);
  // Made for its owner alone, and opened to others only by what is asked for.
  const before = process.umask(0o177);
  const listening = listen(server, place, { path: address });
  process.umask(before);
  const bound = await listening;
  if (bound.ok) chmodSync(address, place.socketMode ?? 0o777 & ~before);
  return bound;
}

async function listenIn(network: SocketNetwork, server: Server, place: Place): Promise<Result<void, string>> {
  const bound = network.bind('tcp', place.address, place.port);
  return bound.ok ? listen(server, place, { fd: bound.value }) : failed(describe(place, bound.error.code, bound.error.code));
}

/** `ipv6Only`: `::` is no address of IPv4, as in Envoy. */
type Where = { readonly host: string; readonly port: number; readonly ipv6Only: true } | { readonly path: string } | { readonly fd: number };

function listen(server: Server, place: Place, where: Where): Promise<Result<void, string>> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException): void => resolve(failed(describe(place, error.code, error.message)));
    server.once('error', onError);
    server.listen({ ...where, backlog: 4096 }, () => {
      server.off('error', onError);
      // Running out of file descriptors while accepting must not end the process.
      server.on('error', () => {});
      resolve(ok(undefined));
    });
  });
}

function describe({ address, port }: Place, code: string | undefined, message: string): string {
  return `${formatAddress(address, port)} ${code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be bound: ${message}`}`;
}

/** Only a socket, and only where nobody listens on it. What cannot be looked at or removed is found out by binding. */
async function removeLeftover(path: string): Promise<void> {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true || (await isServed(path))) return;
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
