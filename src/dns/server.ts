// The name server's sockets: UDP and TCP on one address and port. Answers leave as they are ready, several of one connection in any order.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { failed, ok, type Result } from '#base/result.ts';
import type { SocketNetwork } from '#base/socket-network.ts';
import type { Resolver } from '#dns/resolver.ts';
import { TcpFrames, tcpFrame } from '#dns/tcp-frame.ts';
import type { ServerAddress } from '#dns/upstream-answer.ts';

export type DnsServer = { readonly address: ServerAddress; readonly close: () => Promise<void> };

/** Connections at a time, questions under way on one of them, and how long one may be silent. */
const mostConnections = 256;
const mostOnConnection = 100;
const idleMs = 10_000;

/**
 * Port 0 takes a free one, the same for both. The error names the address and says why it cannot be had. `network`: where the address is, if not where
 * this process is.
 */
export async function serveDns(listen: ServerAddress, resolver: Resolver, network?: SocketNetwork): Promise<Result<DnsServer, string>> {
  const tcp = tcpServer(resolver);
  const tcpBound = await listenTcp(tcp, listen, network);
  if (!tcpBound.ok) return tcpBound;
  const address = { address: listen.address, port: tcpBound.value };
  const udp = udpSocket(resolver, address);
  const udpBound = await bindUdp(udp, address, network);
  if (!udpBound.ok) {
    tcp.server.close();
    return udpBound;
  }
  const close = async (): Promise<void> => {
    for (const socket of tcp.open) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => void tcp.server.close(() => resolve())),
      new Promise<void>((resolve) => void udp.close(() => resolve())),
    ]);
  };
  return ok({ address, close });
}

function udpSocket(resolver: Resolver, { address }: ServerAddress): UdpSocket {
  // Clients are addresses: nobody needs to be asked where they are.
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', lookup: (host, _, done) => done(null, host, 0) });
  const send = (bytes: Buffer, port: number, host: string): void => {
    try {
      // Whoever does not listen any more, or cannot be reached, asks again if he still wants to know.
      socket.send(bytes, port, host, () => {});
    } catch {
      // Closed meanwhile.
    }
  };
  socket.on('message', (message, { port, address: host }) => {
    const answered = resolver.resolve(message, 'udp');
    if (answered instanceof Promise) void answered.then((bytes) => bytes !== undefined && send(bytes, port, host));
    else if (answered !== undefined) send(answered, port, host);
  });
  return socket;
}

type TcpSide = { readonly server: Server; readonly open: ReadonlySet<Socket> };

function tcpServer(resolver: Resolver): TcpSide {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (open.size >= mostConnections) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    serveConnection(socket, resolver);
  });
  return { server, open };
}

function serveConnection(socket: Socket, resolver: Resolver): void {
  const frames = new TcpFrames();
  let underWay = 0;
  let ended = false;
  const write = (bytes: Buffer | undefined): void => {
    if (bytes !== undefined && socket.writable && !socket.write(tcpFrame(bytes))) socket.pause();
  };
  /** Neither who does not read its answers nor who has too many questions under way is read from; either may end before the other. */
  const readOn = (): void => {
    if (underWay < mostOnConnection && !socket.writableNeedDrain) socket.resume();
  };
  const settled = (): void => {
    underWay--;
    readOn();
    if (ended && underWay === 0) socket.end();
  };
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('drain', readOn);
  socket.on('end', () => {
    ended = true;
    if (underWay === 0) socket.end();
  });
  socket.on('data', (chunk: Buffer) => {
    for (const message of frames.read(chunk)) {
      const answered = resolver.resolve(message, 'tcp');
      if (!(answered instanceof Promise)) {
        write(answered);
        continue;
      }
      underWay++;
      if (underWay >= mostOnConnection) socket.pause();
      void answered.then(write).then(settled);
    }
  });
}

function listenTcp({ server }: TcpSide, { address, port }: ServerAddress, network: SocketNetwork | undefined): Promise<Result<number, string>> {
  return new Promise((resolve) => {
    const fail = (error: Problem): void => resolve(failed(cannotListen({ address, port }, 'TCP', error)));
    server.once('error', fail);
    const there = network?.bind('tcp', address, port);
    if (there?.ok === false) return fail({ ...there.error, message: there.error.code });
    server.listen(there === undefined ? { host: address, port } : { fd: there.value }, () => {
      // Running out of file descriptors while accepting must not end the process.
      server.on('error', () => {});
      const bound = server.address();
      resolve(ok(typeof bound === 'object' && bound !== null ? bound.port : port));
    });
  });
}

function bindUdp(socket: UdpSocket, { address, port }: ServerAddress, network: SocketNetwork | undefined): Promise<Result<void, string>> {
  return new Promise((resolve) => {
    const fail = (error: Problem): void => {
      socket.close();
      resolve(failed(cannotListen({ address, port }, 'UDP', error)));
    };
    socket.once('error', fail);
    const there = network?.bind('udp', address, port);
    if (there?.ok === false) return fail({ ...there.error, message: there.error.code });
    socket.bind(there === undefined ? { address, port, exclusive: true } : { fd: there.value }, () => {
      socket.removeAllListeners('error');
      // Errors of single datagrams are nobody's.
      socket.on('error', () => {});
      resolve(ok(undefined));
    });
  });
}

type Problem = Pick<NodeJS.ErrnoException, 'code' | 'message'>;

function cannotListen({ address, port }: ServerAddress, transport: string, error: Problem): string {
  const where = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return error.code === 'EADDRINUSE'
    ? `DNS: ${where} (${transport}) is in use by another process`
    : error.code === 'EACCES'
      ? `DNS: ${where} (${transport}) may not be bound: ports below 1024 are for root, or net.ipv4.ip_unprivileged_port_start must be lower`
      : `DNS: ${where} (${transport}) cannot be bound: ${error.message}`;
}
