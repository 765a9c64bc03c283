// The HTTP/1.1 connections to one endpoint. The connection used last is used first, so that those no longer needed run into their idle timeout.
import type { Socket } from 'node:net';
import type { ClusterEntry, EndpointEntry } from '#decide/cluster-entry.ts';
import type { ClientStream, RequestHead, ResetReason, ResponseReceiver, UpstreamPool } from '#proxy/http/stream.ts';
import { ClientConnection, type ConnectionOwner, type Http1ClientOptions } from '#proxy/http1/client-connection.ts';
import type { ClusterUsage } from '#proxy/upstream/cluster-usage.ts';
import type { Connect, Connecting, ConnectReceiver, SocketInput } from '#proxy/upstream/connect.ts';
import { PooledRequest, type RequestPool } from '#proxy/upstream/http1-request.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';

export class Http1Pool implements UpstreamPool, ConnectionOwner, RequestPool {
  activeRequests = 0;
  readonly #cluster: ClusterEntry;
  readonly #endpoint: EndpointEntry;
  readonly #usage: ClusterUsage;
  readonly #connect: Connect;
  readonly #options: Http1ClientOptions;
  readonly #connections = new Set<ClientConnection>();
  readonly #connecting = new Set<Connecting>();
  readonly #announces: ConnectionEnds | undefined;
  #idle: ClientConnection[] = [];
  #waiting: PooledRequest[] = [];
  #draining = false;

  constructor(
    cluster: ClusterEntry,
    endpoint: EndpointEntry,
    usage: ClusterUsage,
    connect: Connect,
    options: Http1ClientOptions,
    announces?: ConnectionEnds,
  ) {
    this.#cluster = cluster;
    this.#endpoint = endpoint;
    this.#usage = usage;
    this.#connect = connect;
    this.#options = options;
    this.#announces = announces;
  }

  open(head: RequestHead, hasBody: boolean, receiver: ResponseReceiver): ClientStream {
    const request = new PooledRequest(this, head, hasBody, receiver);
    this.activeRequests++;
    const connection = this.#takeIdle();
    if (connection !== undefined) this.#bind(request, connection);
    else this.#wait(request);
    return request;
  }

  #takeIdle(): ClientConnection | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) if (connection.usable) return connection;
    return undefined;
  }

  /** A request counts as one of the cluster's from the moment it has a connection; beyond the limit it fails and the connection rests again. */
  #bind(request: PooledRequest, connection: ClientConnection): void {
    if (this.#usage.requests >= this.#cluster.maxRequests) {
      this.#overflow(request);
      this.onIdle(connection);
      return;
    }
    this.#usage.requests++;
    request.counted = true;
    request.bind(connection);
  }

  /** Later, so that the caller of open() has its stream by then. */
  #overflow(request: PooledRequest): void {
    this.#usage.counters.overflow('upstream_rq_pending_overflow');
    process.nextTick(() => request.fail('overflow', ''));
  }

  #wait(request: PooledRequest): void {
    if (this.#usage.pendingRequests >= this.#cluster.maxPendingRequests) {
      this.#overflow(request);
      return;
    }
    this.#usage.pendingRequests++;
    this.#waiting.push(request);
    this.#growIfNeeded();
  }

  /** One attempt for each waiting request, as far as the limit goes. An endpoint may always have one connection (Envoy does the same). */
  #growIfNeeded(): void {
    while (this.#connecting.size < this.#waiting.length) {
      const mine = this.#connections.size + this.#connecting.size;
      if (this.#usage.connections >= this.#cluster.maxConnections) {
        this.#usage.counters.overflow('upstream_cx_overflow');
        if (mine > 0) return;
      }
      this.#usage.connections++;
      const receiver = new Attempt(this, this.#options.readBuffer, this.#announces);
      receiver.connecting = this.#connect(this.#cluster, this.#endpoint, receiver);
      this.#connecting.add(receiver.connecting);
    }
  }

  onAttemptDone(connecting: Connecting, socket: Socket): ClientConnection {
    this.#connecting.delete(connecting);
    const connection = new ClientConnection(socket, this.#endpoint.key, this, this.#options);
    if (this.#cluster.maxConnectionDurationMs > 0) connection.expireAfter(this.#cluster.maxConnectionDurationMs);
    this.#connections.add(connection);
    this.onIdle(connection);
    return connection;
  }

  onAttemptFailed(connecting: Connecting, reason: ResetReason, detail: string): void {
    this.#connecting.delete(connecting);
    this.#usage.connections--;
    if (this.#waiting.length > this.#connecting.size) this.#takeWaiting()?.fail(reason, detail);
    this.#growIfNeeded();
  }

  #takeWaiting(): PooledRequest | undefined {
    const request = this.#waiting.shift();
    if (request !== undefined) this.#usage.pendingRequests--;
    return request;
  }

  onIdle(connection: ClientConnection): void {
    const limit = this.#cluster.maxRequestsPerConnection;
    if ((limit > 0 && connection.exchanges >= limit) || connection.isExpired) {
      connection.destroy();
      return;
    }
    const request = this.#takeWaiting();
    if (request !== undefined) this.#bind(request, connection);
    else if (this.#draining) connection.destroy();
    else {
      this.#idle.push(connection);
      connection.rest(this.#cluster.idleTimeoutMs);
    }
  }

  onGone(connection: ClientConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.#usage.connections--;
    const index = this.#idle.indexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
    this.#growIfNeeded();
  }

  redispatch(request: PooledRequest): void {
    this.uncount(request);
    this.#usage.pendingRequests++;
    this.#waiting.push(request);
    this.#growIfNeeded();
  }

  uncount(request: PooledRequest): void {
    if (!request.counted) return;
    request.counted = false;
    this.#usage.requests--;
  }

  release(request: PooledRequest): void {
    this.activeRequests--;
    if (request.counted) {
      this.uncount(request);
      return;
    }
    if (this.#waiting.length === 0) return;
    const index = this.#waiting.indexOf(request);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    this.#usage.pendingRequests--;
  }

  drain(): void {
    this.#draining = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  destroy(): void {
    this.drain();
    for (const connecting of this.#connecting) connecting.cancel();
    this.#usage.connections -= this.#connecting.size;
    this.#connecting.clear();
    for (let request = this.#takeWaiting(); request !== undefined; request = this.#takeWaiting()) request.fail('local-reset', '');
    for (const connection of this.#connections) connection.close();
  }
}

/** One connection attempt of a pool, and afterwards the way of its bytes to the connection. */
class Attempt implements ConnectReceiver {
  readonly input: SocketInput;
  readonly announces?: ConnectionEnds;
  connecting: Connecting | undefined = undefined;
  readonly #pool: Http1Pool;
  #connection: ClientConnection | undefined = undefined;

  constructor(pool: Http1Pool, buffer: Buffer, announces: ConnectionEnds | undefined) {
    this.#pool = pool;
    if (announces !== undefined) this.announces = announces;
    this.input = {
      buffer,
      callback: (byteCount) => {
        this.#connection?.read(buffer.subarray(0, byteCount));
        return true;
      },
    };
  }

  onConnect(socket: Socket): void {
    if (this.connecting !== undefined) this.#connection = this.#pool.onAttemptDone(this.connecting, socket);
  }

  onConnectFailed(reason: ResetReason, detail: string): void {
    if (this.connecting !== undefined) this.#pool.onAttemptFailed(this.connecting, reason, detail);
  }
}
