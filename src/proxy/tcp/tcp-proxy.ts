// The TCP proxy: one downstream connection to one upstream connection, bytes both ways, each side's end passed on (half-close), the slower side
// setting the pace. Whatever happens is one access record at the end.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '#base/clock.ts';
import type { ConnectionDenial } from '#decide/connection-decision.ts';
import { hashAddress } from '#decide/hash-policy.ts';
import type { TcpProxyEntry, TunnelEntry } from '#decide/listener-entry.ts';
import type { Word64 } from '#decide/word64.ts';
import { formatAddress, plainAddress } from '#proxy/downstream-connection.ts';
import type { ServedConnection } from '#proxy/http/server-codec.ts';
import type { DownstreamConnection, ResetReason } from '#proxy/http/stream.ts';
import { openTunnel, Tunnel } from '#proxy/tcp/tunnel.ts';
import type { TimerWheel } from '#proxy/timer-wheel.ts';
import { announcedEnds } from '#proxy/upstream/announced-ends.ts';
import type { ClusterRuntime } from '#proxy/upstream/cluster-runtime.ts';
import type { Clusters } from '#proxy/upstream/clusters.ts';
import type { Connect, Connecting } from '#proxy/upstream/connect.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';
import { protocolFor } from '#proxy/upstream/pool-factory.ts';
import { upstreamNamesOf } from '#proxy/upstream/upstream-names.ts';
import type { AccessLog } from '#telemetry/access-log.ts';
import { type AccessRecord, newAccessRecord } from '#telemetry/access-record.ts';
import { logTypes } from '#telemetry/log-type.ts';

export type TcpParts = {
  readonly clusters: Clusters;
  /** Plain or TLS, by the cluster. */
  readonly connect: Connect;
  /** In [0, 1). */
  readonly random: () => number;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
};

/** Serves the connection until it ends. `denial`: a filter before the proxy said no, and this is what to log. */
export function serveTcp(
  socket: Socket,
  connection: DownstreamConnection,
  entry: TcpProxyEntry,
  log: AccessLog | undefined,
  parts: TcpParts,
  denial?: ConnectionDenial,
): ServedConnection {
  const session = new TcpSession(socket, connection, entry, log, parts);
  if (denial === undefined) session.start();
  else session.refuse(denial);
  return session;
}

class TcpSession implements ServedConnection {
  readonly #downstream: Socket;
  readonly #entry: TcpProxyEntry;
  readonly #log: AccessLog | undefined;
  readonly #parts: TcpParts;
  readonly #record: AccessRecord;
  readonly #startMs: number;
  #upstream: Socket | Tunnel | undefined;
  #usedCluster: ClusterRuntime | undefined;
  #connecting: Connecting | undefined;
  #usedEndpoint: Endpoint | undefined;
  readonly #hash: Word64 | undefined;
  #cancelLife: (() => void) | undefined;
  #attempts = 0;
  #finished = false;

  constructor(socket: Socket, connection: DownstreamConnection, entry: TcpProxyEntry, log: AccessLog | undefined, parts: TcpParts) {
    this.#downstream = socket;
    this.#entry = entry;
    this.#log = log;
    this.#parts = parts;
    this.#record = newAccessRecord(connection.facts, parts.clock.nowMs());
    this.#record.logType = logTypes.tcpConnectionEnd;
    this.#startMs = parts.clock.monotonicMs();
    this.#hash = entry.hashPolicy === undefined ? undefined : hashAddress(connection.facts.directRemoteIp);
  }

  get activeRequests(): number {
    return this.#finished ? 0 : 1;
  }

  /** A byte stream has no point at which it could be asked to end: it goes on until it does, or until the deadline. */
  drain(): void {}

  destroy(): void {
    this.#downstream.destroy();
    this.#upstream?.destroy();
  }

  refuse({ flag, details }: ConnectionDenial): void {
    if (flag === '') this.#record.connectionTerminationDetails = details;
    else {
      this.#record.responseFlags = flag;
      this.#record.responseCodeDetails = details;
    }
    if (this.#downstream.closed) {
      this.#finish();
      return;
    }
    this.#downstream.once('close', () => this.#finish());
    this.#downstream.destroy();
  }

  start(): void {
    this.#downstream.on('error', ignoreError);
    this.#downstream.once('close', () => {
      this.#connecting?.cancel();
      this.#upstream?.destroy();
      if (this.#upstream === undefined || this.#upstream.closed) this.#finish();
    });
    const lifeMs = this.#entry.maxConnectionDurationMs;
    if (lifeMs > 0) this.#cancelLife = this.#parts.clock.after(lifeMs, () => this.#end('DT'));
    const name = this.#pickCluster();
    const cluster = this.#parts.clusters.get(name);
    if (cluster === undefined) {
      this.#giveUp('NC');
      return;
    }
    this.#record.upstreamCluster = name;
    this.#record.clusterMetadata = cluster.entry.metadata;
    this.#connect(cluster);
  }

  #pickCluster(): string {
    const point = this.#parts.random() * this.#entry.totalWeight;
    return this.#entry.clusters.find(({ cumulativeWeight }) => point < cumulativeWeight)?.cluster ?? '';
  }

  #connect(cluster: ClusterRuntime): void {
    const endpoint =
      cluster.entry.discovery === 'original-dst' ? cluster.originalDestination(this.#record.connection) : cluster.choose(undefined, 1, this.#hash);
    if (endpoint === undefined) return this.#giveUp('UH');
    if (cluster.usage.connections >= cluster.entry.maxConnections) {
      cluster.usage.counters.overflow('upstream_cx_overflow');
      return this.#giveUp('UO');
    }
    this.#attempts++;
    this.#record.upstreamHost = endpoint.entry.key;
    this.#record.upstreamMetadata = endpoint.entry.metadata;
    this.#usedEndpoint = endpoint;
    if (this.#entry.tunnel !== undefined) return this.#openTunnel(cluster, endpoint, this.#entry.tunnel);
    cluster.usage.connections++;
    this.#usedCluster = cluster;
    endpoint.tcpConnections++;
    const announces = announcedEnds(endpoint.cluster, this.#record.connection);
    this.#connecting = this.#parts.connect(endpoint.cluster, endpoint.entry, {
      ...(announces === undefined ? {} : { announces }),
      onConnect: (socket) => this.#join(socket),
      onConnectFailed: (reason, detail) => this.#onConnectFailed(cluster, reason, detail),
    });
  }

  /** The pool counts its connections and requests itself. */
  #openTunnel(cluster: ClusterRuntime, endpoint: Endpoint, tunnel: TunnelEntry): void {
    const pool = endpoint.pool(protocolFor(cluster.entry, 'HTTP/1.1'), announcedEnds(endpoint.cluster, this.#record.connection));
    this.#connecting = openTunnel(tunnel, pool, {
      onConnect: (stream) => this.#join(stream),
      onConnectFailed: (reason, detail) => this.#onConnectFailed(cluster, reason, detail),
    });
  }

  #onConnectFailed(cluster: ClusterRuntime, reason: ResetReason, detail: string): void {
    this.#connecting = undefined;
    this.#usedEndpoint?.reportLocal(reason === 'connect-timeout' ? 'timeout' : 'connect-failed');
    this.#releaseCluster();
    if (this.#attempts < this.#entry.maxConnectAttempts && !this.#downstream.destroyed) return this.#connect(cluster);
    this.#record.upstreamTransportFailureReason = reason === 'tls-failed' ? detail : '';
    this.#giveUp('UF,URX');
  }

  /** The connection ends now, for this reason. */
  #end(flag: string): void {
    this.#record.responseFlags = flag;
    this.destroy();
  }

  #giveUp(flags: string): void {
    this.#record.responseFlags = flags;
    this.#downstream.destroy();
  }

  #join(upstream: Socket | Tunnel): void {
    this.#connecting = undefined;
    const downstream = this.#downstream;
    if (downstream.destroyed) {
      upstream.destroy();
      this.#finish();
      return;
    }
    this.#upstream = upstream;
    this.#usedEndpoint?.reportLocal('connected-for-good');
    this.#record.upstreamLocalAddress =
      upstream instanceof Tunnel ? upstream.localAddress : formatAddress(plainAddress(upstream.localAddress), upstream.localPort ?? 0);
    if (!(upstream instanceof Tunnel)) this.#nameEnds(upstream);
    if (this.#entry.logsConnected) this.#logConnected();
    upstream.on('error', ignoreError);
    upstream.once('close', () => {
      // What is still on its way downstream is delivered; a reset upstream ends it at once.
      if (upstream.errored !== null || !upstream.readableEnded) downstream.destroy();
      if (downstream.closed) this.#finish();
    });
    if (this.#entry.idleTimeoutMs > 0) {
      // All bytes of both directions pass the downstream socket, so its silence is the connection's.
      downstream.setTimeout(this.#entry.idleTimeoutMs, () => this.destroy());
    }
    this.#pump(downstream, upstream, (size) => {
      this.#record.bytesReceived += size;
    });
    this.#pump(upstream, downstream, (size) => {
      this.#record.bytesSent += size;
    });
  }

  #nameEnds(upstream: Socket): void {
    const { theirs, ours } = upstreamNamesOf(upstream);
    this.#record.upstreamPeer = theirs;
    this.#record.upstreamOwnName = ours;
  }

  #logConnected(): void {
    const record = this.#record;
    record.logType = logTypes.tcpUpstreamConnected;
    record.durationMs = this.#parts.clock.monotonicMs() - this.#startMs;
    this.#log?.write(record);
    record.logType = logTypes.tcpConnectionEnd;
  }

  #pump(from: Duplex, to: Duplex, count: (size: number) => void): void {
    from.on('data', (chunk: Buffer) => {
      count(chunk.length);
      if (to.destroyed) return;
      if (!to.write(chunk)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    });
    from.on('end', () => to.end());
    if (from.readableEnded) to.end();
    from.resume();
  }

  #releaseCluster(): void {
    if (this.#usedCluster !== undefined) {
      this.#usedCluster.usage.connections--;
      if (this.#usedEndpoint !== undefined) this.#usedEndpoint.tcpConnections--;
    }
    this.#usedCluster = undefined;
    this.#usedEndpoint = undefined;
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#cancelLife?.();
    this.#releaseCluster();
    this.#record.durationMs = this.#parts.clock.monotonicMs() - this.#startMs;
    this.#log?.write(this.#record);
  }
}

function ignoreError(): void {
  // 'close' follows.
}
