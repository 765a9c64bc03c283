// One request in an HTTP/1.1 pool: waits for a connection, keeps the body that comes meanwhile, then stands between connection and receiver.

import type { ClientStream, HeaderList, RequestHead, ResetReason, ResponseHead, ResponseReceiver } from '#proxy/http/stream.ts';
import type { ClientConnection, Exchange } from '#proxy/http1/client-connection.ts';

/** What a request asks of its pool. */
export type RequestPool = {
  /** Sends it again, on a connection of its own. */
  readonly redispatch: (request: PooledRequest) => void;
  /** It is over. */
  readonly release: (request: PooledRequest) => void;
  /** It has its whole answer, or never will: it is none of the cluster's requests under way any more. */
  readonly uncount: (request: PooledRequest) => void;
};

/** Body bytes kept before there is a connection; the sender is told to wait beyond. */
const keptBytes = 65536;

export class PooledRequest implements ClientStream, Exchange {
  readonly request: RequestHead;
  /** It has a connection and is one of the cluster's requests under way. */
  counted = false;
  readonly #pool: RequestPool;
  readonly #hasBody: boolean;
  readonly #receiver: ResponseReceiver;
  #connection: ClientConnection | undefined = undefined;
  #kept: Uint8Array[] = [];
  #keptLength = 0;
  #ended = false;
  #trailers: HeaderList | undefined = undefined;
  #done = false;
  #paused = false;
  #redispatched = false;

  constructor(pool: RequestPool, request: RequestHead, hasBody: boolean, receiver: ResponseReceiver) {
    this.#pool = pool;
    this.request = request;
    this.#hasBody = hasBody;
    this.#receiver = receiver;
    this.#ended = !hasBody;
  }

  bind(connection: ClientConnection): void {
    this.#connection = connection;
    this.#receiver.onConnected(connection.upstreamAddress, connection.localAddress, connection.names);
    if (this.#done) return;
    connection.start(this, this.#hasBody);
    if (!this.#hasBody) return;
    for (const chunk of this.#kept) connection.sendData(chunk);
    const hadKept = this.#keptLength > 0;
    this.#kept = [];
    this.#keptLength = 0;
    if (this.#ended) connection.sendEnd(this.#trailers);
    else if (hadKept) this.#receiver.onWritable();
  }

  sendData(chunk: Uint8Array): boolean {
    if (this.#done) return true;
    if (this.#connection !== undefined) return this.#connection.sendData(chunk);
    this.#kept.push(chunk);
    this.#keptLength += chunk.length;
    return this.#keptLength < keptBytes;
  }

  sendEnd(trailers?: HeaderList): void {
    if (this.#done || this.#ended) return;
    this.#ended = true;
    if (this.#connection !== undefined) this.#connection.sendEnd(trailers);
    else this.#trailers = trailers;
  }

  pause(): void {
    this.#paused = true;
    this.#connection?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#connection?.resume();
  }

  reset(_reason: ResetReason): void {
    if (this.#done) return;
    this.#finish();
    this.#connection?.destroy();
  }

  /** A 101 or a 2xx to CONNECT makes the connection a tunnel by itself. */
  becomeTunnel(): void {}

  onInformational(head: ResponseHead): void {
    this.#receiver.onInformational(head);
  }

  onHead(head: ResponseHead, hasBody: boolean): void {
    this.#receiver.onHead(head, hasBody);
  }

  onData(chunk: Buffer): void {
    this.#receiver.onData(chunk);
  }

  onComplete(): void {
    this.#pool.uncount(this);
  }

  onEnd(trailers: HeaderList | undefined): void {
    if (this.#paused) this.resume();
    this.#finish();
    this.#receiver.onEnd(trailers);
  }

  onWritable(): void {
    if (!this.#ended) this.#receiver.onWritable();
  }

  /**
   * The connection went. A kept-alive connection may have been closed by the peer before it saw the request: where nothing was answered and
   * sending twice does no harm (RFC 9110 §9.2.2, RFC 9112 §9.3.1), the request goes out once more on a new connection.
   */
  onLost(reason: ResetReason, detail: string): void {
    if (this.#done) return;
    const connection = this.#connection;
    const stale = connection !== undefined && connection.exchanges > 1 && !connection.answering && reason === 'connection-closed';
    if (stale && !this.#hasBody && !this.#redispatched && idempotent.has(this.request.method)) {
      this.#redispatched = true;
      this.#connection = undefined;
      this.#pool.redispatch(this);
      return;
    }
    this.fail(reason, detail);
  }

  fail(reason: ResetReason, detail: string): void {
    if (this.#done) return;
    this.#finish();
    this.#receiver.onReset(reason, detail);
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#kept = [];
    this.#pool.release(this);
  }
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
