// How pools and the TCP proxy get a connection to an endpoint: plain here, TLS in proxy/tls, both behind one function type.

import { connect as connectSocket, type Socket, type TcpNetConnectOpts } from 'node:net';
import { getSystemErrorMessage } from 'node:util';
import { connectFrom, type SocketNetwork } from '#base/socket-network.ts';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { isSocketPath } from '#decide/endpoints.ts';
import type { ResetReason } from '#proxy/http/stream.ts';
import { type ConnectionEnds, proxyHeader } from '#proxy/upstream/proxy-protocol.ts';
import { sourceOf } from '#proxy/upstream/source-address.ts';

/** Where a connector that can reads to: one buffer for many sockets, its bytes valid during the call only. False: stop reading. */
export type SocketInput = { readonly buffer: Uint8Array; readonly callback: (byteCount: number, buffer: Uint8Array) => boolean };

export type ConnectReceiver = {
  /** Wanted input; without it, and from connectors that cannot (TLS), bytes come as `data` events. */
  readonly input?: SocketInput;
  /** The client's connection, for clusters that announce it by the PROXY protocol; the connection's own ends where not given. */
  readonly announces?: ConnectionEnds;
  /** Connected, TLS handshake done. The socket is paused and carries only the connector's error listener. */
  readonly onConnect: (socket: Socket) => void;
  /** `detail` in the system's words. Never after `onConnect`. */
  readonly onConnectFailed: (reason: ResetReason, detail: string) => void;
};

/** An attempt under way: `cancel` ends it without a further call. */
export type Connecting = { readonly cancel: () => void };

/** Opens one connection within `cluster.connectTimeoutMs` (handshake included). Calls exactly one method of the receiver, never at once. */
export type Connect = (cluster: ClusterEntry, endpoint: EndpointEntry, receiver: ConnectReceiver) => Connecting;

/** Plaintext, by TCP or a Unix socket. Ignores `cluster.tls`: whoever wires the proxy chooses the connector by it. */
export const connectPlain: Connect = (cluster, endpoint, receiver) => {
  const { input } = receiver;
  const socket = connectSocket({
    ...placeOf(cluster, endpoint),
    allowHalfOpen: true,
    ...(input === undefined ? {} : { onread: input }),
  });
  return follow(socket, cluster, receiver);
};

/** The same from another network than the one that this process is in; Unix sockets are files, which are where they are. */
export function connectPlainFrom(network: SocketNetwork): Connect {
  return (cluster, endpoint, receiver) => {
    const place = placeOf(cluster, endpoint);
    if (!('host' in place)) return connectPlain(cluster, endpoint, receiver);
    const { input } = receiver;
    const socket = connectFrom(network, { ...place, allowHalfOpen: true, ...(input === undefined ? {} : { onread: input }) });
    if (socket.ok) return follow(socket.value, cluster, receiver);
    const { code } = socket.error;
    const soon = setImmediate(() => receiver.onConnectFailed('connect-failed', `no socket: ${code}`));
    return { cancel: () => clearImmediate(soon) };
  };
}

function follow(socket: Socket, cluster: ClusterEntry, receiver: ConnectReceiver): Connecting {
  let settled = false;
  const timer = setTimeout(() => fail('connect-timeout', 'connect timeout'), cluster.connectTimeoutMs);
  const fail = (reason: ResetReason, detail: string): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    socket.destroy();
    receiver.onConnectFailed(reason, detail);
  };
  socket.on('error', (error: NodeJS.ErrnoException) => fail('connect-failed', describeConnectError(error)));
  socket.once('connect', () => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    if (cluster.proxyProtocol !== undefined) socket.write(proxyHeader(cluster.proxyProtocol, receiver.announces ?? endsOf(socket)));
    receiver.onConnect(socket);
  });
  return {
    cancel: () => {
      settled = true;
      clearTimeout(timer);
      socket.destroy();
    },
  };
}

function endsOf({ localAddress = '', localPort = 0, remoteAddress = '', remotePort = 0 }: Socket): ConnectionEnds {
  return { sourceIp: localAddress, sourcePort: localPort, destinationIp: remoteAddress, destinationPort: remotePort };
}

type TcpPlace = TcpNetConnectOpts & { readonly host: string };

/** Linux's abstract socket names begin with a zero byte, which Envoy's API writes as @. */
function placeOf(cluster: ClusterEntry, { address, port }: EndpointEntry): TcpPlace | { readonly path: string } {
  if (isSocketPath(address)) return { path: address.startsWith('@') ? `\0${address.slice(1)}` : address };
  return {
    host: address,
    port,
    noDelay: true,
    ...sourceOf(cluster, address),
    ...(cluster.tcpKeepaliveMs > 0 ? { keepAlive: true, keepAliveInitialDelay: cluster.tcpKeepaliveMs } : {}),
  };
}

/** Envoy's words for what a connect ended with. */
export function describeConnectError(error: NodeJS.ErrnoException): string {
  const text = error.errno === undefined ? undefined : getSystemErrorMessage(error.errno);
  // The system's own text begins with a capital: `Connection refused`.
  return `delayed connect error: ${text === undefined ? (error.code ?? error.message) : text.charAt(0).toUpperCase() + text.slice(1)}`;
}
