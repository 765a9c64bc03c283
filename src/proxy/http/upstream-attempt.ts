// One attempt to get a response for an exchange: an endpoint's pool on one side, the exchange on the other. After `cancel` it is silent.
import type { ClientStream, HeaderList, RequestHead, ResetReason, ResponseHead, ResponseReceiver } from '#proxy/http/stream.ts';
import { Timer, type TimerOwner, type TimerWheel } from '#proxy/timer-wheel.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';
import type { PoolProtocol } from '#proxy/upstream/pool-factory.ts';

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
  headSeen = false;
  readonly #owner: AttemptOwner;
  #stream: ClientStream | undefined = undefined;
  #cancelled = false;
  #perTry: Timer | undefined = undefined;
  #idle: Timer | undefined = undefined;
  #idleMs = 0;

  constructor(owner: AttemptOwner, endpoint: Endpoint, protocol: PoolProtocol) {
    this.#owner = owner;
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
    this.#stream = this.endpoint.pool(this.protocol).open(head, hasBody, this);
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

  onConnected(_upstreamAddress: string, localAddress: string): void {
    this.localAddress = localAddress;
  }

  onInformational(head: ResponseHead): void {
    if (!this.#cancelled) this.#owner.onAttemptInformational(head);
  }

  onHead(head: ResponseHead, hasBody: boolean): void {
    if (this.#cancelled) return;
    this.#perTry?.release();
    this.#idle?.arm(this.#idleMs);
    this.headSeen = true;
    this.#owner.onAttemptHead(this, head, hasBody);
  }

  onData(chunk: Buffer): void {
    if (this.#cancelled) return;
    this.#idle?.arm(this.#idleMs);
    this.#owner.onAttemptData(chunk);
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.#idle?.release();
    if (!this.#cancelled) this.#owner.onAttemptEnd(trailers);
  }

  onReset(reason: ResetReason, detail = ''): void {
    if (this.#cancelled) return;
    this.#settle();
    this.#owner.onAttemptReset(this, reason, detail);
  }

  onWritable(): void {
    if (!this.#cancelled) this.#owner.onAttemptWritable();
  }

  onTimer(timer: Timer): void {
    if (this.#cancelled) return;
    this.#settle();
    this.#stream?.reset('local-reset');
    this.#owner.onAttemptTimeout(this, timer === this.#idle);
  }

  #settle(): void {
    this.#cancelled = true;
    this.#perTry?.release();
    this.#idle?.release();
  }
}
