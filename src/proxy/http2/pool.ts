// The HTTP/2 pool of one endpoint: as few sessions as the endpoint's limit on concurrent streams allows, usually one.
// A session that got GOAWAY or reached its number of requests takes no more and ends with its last stream.
import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { systemClock } from '#base/clock.ts';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import { formatAddress, plainAddress } from '#proxy/downstream-connection.ts';
import type { ClientStream, RequestHead, ResetReason, ResponseReceiver, UpstreamPool } from '#proxy/http/stream.ts';
import { Http2ClientStream } from '#proxy/http2/client-stream.ts';
import type { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import type { Connect, Connecting } from '#proxy/upstream/connect.ts';
import type { PoolFactory } from '#proxy/upstream/pool-factory.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';
import { type UpstreamNames, upstreamNamesOf } from '#proxy/upstream/upstream-names.ts';

const streamWindowBytes = 256 * 1024;
const sessionWindowBytes = 1024 * 1024;
/** A session with requests under way that does not answer a ping within this is given up. */
const pingIntervalMs = 30_000;
const pingTimeoutMs = 10_000;
/** Until the endpoint's SETTINGS come: the least that RFC 9113 section 6.5.2 recommends to allow. */
const assumedStreams = 100;

type Lane = {
  readonly session: ClientHttp2Session;
  readonly localAddress: string;
  readonly names: UpstreamNames;
  active: number;
  opened: number;
  retired: boolean;
};

/** Sessions over whatever `connect` gives: plain TCP, or TLS that negotiated h2. */
export function http2PoolFactory(connect: Connect): PoolFactory {
  return (cluster, endpoint, usage, announces) => new Http2Pool(cluster, endpoint, usage, connect, announces);
}

class Http2Pool implements UpstreamPool {
  readonly #cluster: ClusterEntry;
  readonly #endpoint: EndpointEntry;
  readonly #usage: ClusterUsage;
  readonly #connect: Connect;
  readonly #lanes = new Set<Lane>();
  readonly #waiting: Http2ClientStream[] = [];
  readonly #announces: ConnectionEnds | undefined;
  #connecting: Connecting | undefined;
  #active = 0;
  #draining = false;

  constructor(cluster: ClusterEntry, endpoint: EndpointEntry, usage: ClusterUsage, connect: Connect, announces?: ConnectionEnds) {
    this.#cluster = cluster;
    this.#endpoint = endpoint;
    this.#usage = usage;
    this.#connect = connect;
    this.#announces = announces;
  }

  get activeRequests(): number {
    return this.#active;
  }

  open(head: RequestHead, hasBody: boolean, receiver: ResponseReceiver): ClientStream {
    this.#active++;
    const stream: Http2ClientStream = new Http2ClientStream(head, hasBody, receiver, (started) => {
      this.#active--;
      if (started) this.#usage.requests--;
    });
    const lane = this.#freeLane();
    if (lane !== undefined) this.#start(stream, lane);
    else if (this.#usage.pendingRequests >= this.#cluster.maxPendingRequests) this.#overflow(stream);
    else {
      this.#usage.pendingRequests++;
      this.#waiting.push(stream);
      this.#connectMore();
    }
    return stream;
  }

  drain(): void {
    this.#draining = true;
    for (const lane of this.#lanes) this.#retire(lane);
  }

  destroy(): void {
    this.#draining = true;
    if (this.#connecting !== undefined) {
      this.#connecting.cancel();
      this.#connecting = undefined;
      this.#usage.connections--;
    }
    this.#failWaiting('connection-closed', 'the pool is gone');
    for (const lane of this.#lanes) lane.session.destroy();
  }

  /** Failed in a later turn, so that no receiver is called before it has its stream. */
  #overflow(stream: Http2ClientStream): void {
    this.#usage.counters.overflow('upstream_rq_pending_overflow');
    queueMicrotask(() => stream.fail('overflow', ''));
  }

  /** A request counts as one of the cluster's from the moment it has a connection. */
  #start(stream: Http2ClientStream, lane: Lane): void {
    if (this.#usage.requests >= this.#cluster.maxRequests) {
      this.#overflow(stream);
      return;
    }
    this.#usage.requests++;
    lane.active++;
    lane.opened++;
    const limit = this.#cluster.maxRequestsPerConnection;
    if (limit > 0 && lane.opened >= limit) lane.retired = true;
    stream.start(lane.session, this.#endpoint.key, lane.localAddress, lane.names, () => this.#onStreamClosed(lane));
  }

  #onStreamClosed(lane: Lane): void {
    lane.active--;
    if (lane.retired && lane.active === 0 && !lane.session.destroyed) lane.session.close();
    if (this.#waiting.length > 0) this.#startWaiting();
  }

  #freeLane(): Lane | undefined {
    for (const lane of this.#lanes) {
      if (lane.retired || lane.session.closed || lane.session.destroyed) continue;
      if (lane.active < this.#streamLimit(lane)) return lane;
    }
    return undefined;
  }

  /** The less of what the endpoint and what the cluster's options allow. */
  #streamLimit({ session }: Lane): number {
    const { maxConcurrentStreams } = this.#cluster.http2;
    const allowed = session.remoteSettings?.maxConcurrentStreams ?? assumedStreams;
    return maxConcurrentStreams === 0 ? allowed : Math.min(allowed, maxConcurrentStreams);
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0) {
      const lane = this.#freeLane();
      if (lane === undefined) break;
      const next = this.#waiting.shift();
      this.#usage.pendingRequests--;
      if (next !== undefined && !next.done) this.#start(next, lane);
    }
    if (this.#waiting.length > 0) this.#connectMore();
  }

  #connectMore(): void {
    if (this.#connecting !== undefined) return;
    // An endpoint may always have one connection, as with Envoy's circuit breaker.
    if (this.#usage.connections >= this.#cluster.maxConnections) {
      this.#usage.counters.overflow('upstream_cx_overflow');
      if (this.#lanes.size > 0) return;
    }
    this.#usage.connections++;
    this.#connecting = this.#connect(this.#cluster, this.#endpoint, {
      ...(this.#announces === undefined ? {} : { announces: this.#announces }),
      onConnect: (socket) => {
        this.#connecting = undefined;
        this.#addLane(socket);
        this.#startWaiting();
      },
      onConnectFailed: (reason, detail) => {
        this.#connecting = undefined;
        this.#usage.connections--;
        this.#failWaiting(reason, detail);
      },
    });
  }

  #failWaiting(reason: ResetReason, detail: string): void {
    this.#usage.pendingRequests -= this.#waiting.length;
    for (const stream of this.#waiting.splice(0)) stream.fail(reason, detail);
  }

  #addLane(socket: Socket): void {
    // The authority only matters to callers that name none; every request of ours does.
    const session = process.getBuiltinModule('node:http2').connect('http://upstream', {
      createConnection: () => socket,
      settings: { initialWindowSize: streamWindowBytes, enablePush: false, maxHeaderListSize: 64 * 1024 },
      maxHeaderListPairs: 200,
    });
    const localAddress = formatAddress(plainAddress(socket.localAddress), socket.localPort ?? 0);
    const lane: Lane = { session, localAddress, names: upstreamNamesOf(socket), active: 0, opened: 0, retired: this.#draining };
    this.#lanes.add(lane);
    session.once('connect', () => session.setLocalWindowSize(sessionWindowBytes));
    session.on('error', ignoreError);
    session.on('goaway', () => this.#retire(lane));
    session.on('remoteSettings', () => this.#startWaiting());
    if (this.#cluster.idleTimeoutMs > 0) {
      session.setTimeout(this.#cluster.idleTimeoutMs, () => {
        if (lane.active === 0) this.#retire(lane);
      });
    }
    const stopPings = keepAlive(lane, this.#cluster);
    const stopLife = limitLife(this.#cluster.maxConnectionDurationMs, () => this.#retire(lane));
    session.once('close', () => {
      stopPings();
      stopLife();
      this.#lanes.delete(lane);
      this.#usage.connections--;
      if (this.#waiting.length > 0) this.#startWaiting();
    });
  }

  #retire(lane: Lane): void {
    lane.retired = true;
    if (lane.active === 0 && !lane.session.destroyed) lane.session.close();
  }
}

/** Pings while requests are under way, so that a peer that vanished is noticed. Returns what ends it. */
function keepAlive(lane: Lane, { http2 }: ClusterEntry): () => void {
  const intervalMs = http2.keepaliveIntervalMs > 0 ? http2.keepaliveIntervalMs : pingIntervalMs;
  const timeoutMs = http2.keepaliveTimeoutMs > 0 ? http2.keepaliveTimeoutMs : pingTimeoutMs;
  // A keepalive of the configuration also watches connections without requests.
  const always = http2.keepaliveIntervalMs > 0;
  let late: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    if ((lane.active === 0 && !always) || lane.session.destroyed || late !== undefined) return;
    late = setTimeout(() => lane.session.destroy(new Error('ping timeout')), timeoutMs).unref();
    lane.session.ping(() => {
      clearTimeout(late);
      late = undefined;
    });
  }, intervalMs).unref();
  return () => {
    clearInterval(timer);
    clearTimeout(late);
  };
}

/** Calls `retire` after so long; 0: never. Returns what calls it off. */
function limitLife(lifeMs: number, retire: () => void): () => void {
  if (lifeMs <= 0) return () => {};
  return systemClock.after(lifeMs, retire);
}

function ignoreError(): void {
  // Every stream of the session gets its own 'close'.
}
