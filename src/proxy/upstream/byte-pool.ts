// Connections of bytes as requests: what a CONNECT asks for where the proxy itself is its end. Each request has a connection of its own; it is
// answered with 200 when that is there, and from then on bytes go both ways.
import type { Socket } from 'node:net';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { formatAddress } from '#proxy/downstream-connection.ts';
import type { HeaderList, ResetReason, ResponseReceiver, UpstreamPool } from '#proxy/http/stream.ts';
import type { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import type { Connect, Connecting } from '#proxy/upstream/connect.ts';
import type { PoolFactory } from '#proxy/upstream/pool-factory.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';
import { upstreamNamesOf } from '#proxy/upstream/upstream-names.ts';

export function bytePoolFactory(connect: Connect): PoolFactory {
  return (cluster, endpoint, usage, announces) => new BytePool(cluster, endpoint, usage, connect, announces);
}

class BytePool implements UpstreamPool {
  readonly #cluster: ClusterEntry;
  readonly #endpoint: EndpointEntry;
  readonly #usage: ClusterUsage;
  readonly #connect: Connect;
  readonly #announces: ConnectionEnds | undefined;
  readonly #streams = new Set<ByteStream>();

  constructor(cluster: ClusterEntry, endpoint: EndpointEntry, usage: ClusterUsage, connect: Connect, announces?: ConnectionEnds) {
    this.#announces = announces;
    this.#cluster = cluster;
    this.#endpoint = endpoint;
    this.#usage = usage;
    this.#connect = connect;
  }

  get activeRequests(): number {
    return this.#streams.size;
  }

  open(_head: unknown, _hasBody: boolean, receiver: ResponseReceiver): ByteStream {
    const usage = this.#usage;
    const stream: ByteStream = new ByteStream(receiver, () => {
      if (this.#streams.delete(stream)) usage.connections--;
    });
    if (usage.connections >= this.#cluster.maxConnections) {
      usage.counters.overflow('upstream_cx_overflow');
      queueMicrotask(() => stream.fail('overflow', ''));
      return stream;
    }
    usage.connections++;
    this.#streams.add(stream);
    stream.connecting = this.#connect(this.#cluster, this.#endpoint, {
      ...(this.#announces === undefined ? {} : { announces: this.#announces }),
      onConnect: (socket) => stream.connected(socket),
      onConnectFailed: (reason, detail) => stream.fail(reason, detail),
    });
    return stream;
  }

  /** A tunnel has no point at which it could be asked to end. */
  drain(): void {}

  destroy(): void {
    for (const stream of this.#streams) stream.fail('local-reset', '');
  }
}

/** Bytes kept before there is a connection; the sender is told to wait beyond. */
const keptBytes = 65_536;

class ByteStream {
  connecting: Connecting | undefined;
  readonly #receiver: ResponseReceiver;
  readonly #onOver: () => void;
  readonly #early: Uint8Array[] = [];
  #earlyLength = 0;
  #endsEarly = false;
  #socket: Socket | undefined;
  #isOver = false;

  constructor(receiver: ResponseReceiver, onOver: () => void) {
    this.#receiver = receiver;
    this.#onOver = onOver;
  }

  connected(socket: Socket): void {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receiver.onData(chunk));
    socket.on('drain', () => this.#receiver.onWritable());
    socket.once('end', () => {
      if (!this.#isOver) this.#receiver.onEnd(undefined);
    });
    socket.once('close', () => this.fail('connection-closed', ''));
    this.#receiver.onConnected(
      formatAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0),
      formatAddress(socket.localAddress ?? '', socket.localPort ?? 0),
      upstreamNamesOf(socket),
    );
    this.#receiver.onHead({ status: 200, headers: [] }, true);
    for (const chunk of this.#early.splice(0)) socket.write(chunk);
    if (this.#endsEarly) socket.end();
    else if (this.#earlyLength >= keptBytes && !socket.writableNeedDrain) this.#receiver.onWritable();
    socket.resume();
  }

  fail(reason: ResetReason, detail: string): void {
    if (this.#isOver) return;
    const ended = this.#socket?.readableEnded === true;
    this.#finish();
    if (!ended) this.#receiver.onReset(reason, detail);
  }

  sendData(chunk: Uint8Array): boolean {
    if (this.#socket !== undefined) return this.#socket.write(chunk);
    this.#early.push(chunk);
    this.#earlyLength += chunk.length;
    return this.#earlyLength < keptBytes;
  }

  sendEnd(_trailers?: HeaderList): void {
    if (this.#socket === undefined) this.#endsEarly = true;
    else this.#socket.end();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  reset(_reason: ResetReason): void {
    if (!this.#isOver) this.#finish();
  }

  /** It is one from the beginning. */
  becomeTunnel(): void {}

  #finish(): void {
    this.#isOver = true;
    this.connecting?.cancel();
    this.#socket?.destroy();
    this.#onOver();
  }
}
