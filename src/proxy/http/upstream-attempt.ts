// One attempt to get a response for an exchange: an endpoint's pool on one side, the exchange on the other. After `cancel` it is silent.
import type { AttemptEnd } from '#decide/retry-verdict.ts';
import { fieldValue } from '#proxy/http/header-list.ts';
import type { ClientStream, HeaderList, RequestHead, ResetReason, ResponseHead, ResponseReceiver } from '#proxy/http/stream.ts';
import { isConnectFailure } from '#proxy/respond.ts';
import { Timer, type TimerOwner, type TimerWheel } from '#proxy/timer-wheel.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';
import type { PoolProtocol } from '#proxy/upstream/pool-factory.ts';
import type { ConnectionEnds } from '#proxy/upstream/proxy-protocol.ts';
import { noNames, type UpstreamNames } from '#proxy/upstream/upstream-names.ts';

/** What an attempt tells its exchange. */
export type AttemptOwner = {
  readonly onAttemptInformational: (head: ResponseHead) => void;
  readonly onAttemptHead: (attempt: UpstreamAttempt, head: ResponseHead, hasBody: boolean) => void;
  readonly onAttemptData: (chunk: Buffer) => void;
  readonly onAttemptEnd: (trailers: HeaderList | undefined) => void;
  readonly onAttemptReset: (attempt: UpstreamAttempt, reason: ResetReason, detail: string) => void;
  readonly onAttemptTimeout: (attempt: UpstreamAttempt, wasIdle: boolean) => void;
  readonly onAttemptWritable: () => void;
};

export class UpstreamAttempt implements ResponseReceiver, TimerOwner {
  readonly endpoint: Endpoint;
  readonly protocol: PoolProtocol;
  localAddress = '';
  peer: UpstreamNames = noNames;
  headSeen = false;
  readonly #owner: AttemptOwner;
  readonly #client: ConnectionEnds | undefined;
  readonly #isHigh: boolean;
  readonly #alpn: readonly string[] | undefined;
  #stream: ClientStream | undefined = undefined;
  #cancelled = false;
  #perTry: Timer | undefined = undefined;
  #idle: Timer | undefined = undefined;
  #idleMs = 0;
  /** Outlier detection wants the gRPC status instead of the HTTP status. */
  #isWatchedGrpc = false;

  /** `client`: its connection, for clusters that announce it to their endpoints. `alpn`: what the request's connections offer instead of the cluster's. */
  constructor(owner: AttemptOwner, endpoint: Endpoint, protocol: PoolProtocol, isHigh: boolean, client?: ConnectionEnds, alpn?: readonly string[]) {
    this.#owner = owner;
    this.#client = client;
    this.#isHigh = isHigh;
    this.#alpn = alpn;
    this.endpoint = endpoint;
    this.protocol = protocol;
  }

  /** A try may take so long, and may be silent so long (per_try_timeout, per_try_idle_timeout); 0: no limit. */
  start(head: RequestHead, hasBody: boolean, wheel: TimerWheel, perTryTimeoutMs: number, perTryIdleTimeoutMs: number): void {
    if (perTryIdleTimeoutMs > 0) {
      this.#idleMs = perTryIdleTimeoutMs;
      this.#idle = new Timer(wheel, this);
      this.#idle.arm(perTryIdleTimeoutMs);
    }
    if (perTryTimeoutMs > 0) {
      this.#perTry = new Timer(wheel, this);
      this.#perTry.arm(perTryTimeoutMs);
    }
    if (this.endpoint.isWatched) this.#isWatchedGrpc = fieldValue(head.headers, 'content-type')?.startsWith('application/grpc') ?? false;
    this.#stream = this.endpoint.pool(this.protocol, this.#client, this.#isHigh, this.#alpn, head.authority).open(head, hasBody, this);
  }

  sendData(chunk: Uint8Array): boolean {
    this.#idle?.arm(this.#idleMs);
    return this.#stream?.sendData(chunk) ?? true;
  }

  sendEnd(trailers: HeaderList | undefined): void {
    this.#stream?.sendEnd(trailers);
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  becomeTunnel(): void {
    this.#stream?.becomeTunnel();
  }

  /** Gives it up; nothing is called any more. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#settle();
    this.#stream?.reset('local-reset');
  }

  /** For outlier detection; an answer that has begun is judged by what it says. */
  reportTimeout(): void {
    if (!this.#cancelled && !this.headSeen) this.endpoint.reportLocal('timeout');
  }

  onConnected(_upstreamAddress: string, localAddress: string, peer: UpstreamNames): void {
    this.localAddress = localAddress;
    this.peer = peer;
    this.endpoint.reportLocal('connected');
  }

  onInformational(head: ResponseHead): void {
    if (!this.#cancelled) this.#owner.onAttemptInformational(head);
  }

  onHead(head: ResponseHead, hasBody: boolean): void {
    if (this.#cancelled) return;
    this.#perTry?.release();
    this.#idle?.arm(this.#idleMs);
    this.headSeen = true;
    if (!this.#isWatchedGrpc) this.endpoint.reportAnswer(head.status);
    else if (!hasBody || fieldValue(head.headers, 'grpc-status') !== undefined) this.#reportGrpc(head.headers);
    this.#owner.onAttemptHead(this, head, hasBody);
  }

  onData(chunk: Buffer): void {
    if (this.#cancelled) return;
    this.#idle?.arm(this.#idleMs);
    this.#owner.onAttemptData(chunk);
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.#idle?.release();
    if (this.#isWatchedGrpc && trailers !== undefined) this.#reportGrpc(trailers);
    if (!this.#cancelled) this.#owner.onAttemptEnd(trailers);
  }

  onReset(reason: ResetReason, detail = ''): void {
    if (this.#cancelled) return;
    this.#settle();
    // What the cluster's own limits forbid is no fault of the endpoint.
    if (reason !== 'overflow') this.endpoint.reportLocal('connect-failed');
    this.#owner.onAttemptReset(this, reason, detail);
  }

  onWritable(): void {
    if (!this.#cancelled) this.#owner.onAttemptWritable();
  }

  onTimer(timer: Timer): void {
    if (this.#cancelled) return;
    this.#settle();
    this.#stream?.reset('local-reset');
    this.endpoint.reportLocal('timeout');
    this.#owner.onAttemptTimeout(this, timer === this.#idle);
  }

  #reportGrpc(fields: HeaderList): void {
    this.endpoint.reportGrpc(httpStatusOfGrpc(fieldValue(fields, 'grpc-status') ?? ''));
  }

  #settle(): void {
    this.#cancelled = true;
    this.#perTry?.release();
    this.#idle?.release();
  }
}

/** What an attempt that was reset counts as for retries. */
export function attemptEndOf(reason: ResetReason): AttemptEnd {
  if (reason === 'overflow' || reason === 'refused') return reason;
  return isConnectFailure(reason) ? 'not-connected' : 'reset';
}

/** The HTTP status that a gRPC status stands for (Envoy: Grpc::Utility::grpcToHttpStatus). */
function httpStatusOfGrpc(status: string): number {
  return grpcStatuses[Number(status)] ?? 500;
}

/** OK, CANCELLED, UNKNOWN and so on, in gRPC's order. */
const grpcStatuses: readonly number[] = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
