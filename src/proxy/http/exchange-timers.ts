// The deadlines of one exchange. Made only where the configuration sets one: with Istio's defaults most requests have none.
import type { Failure } from '#proxy/respond.ts';
import { Timer, type TimerOwner, type TimerWheel } from '#proxy/timer-wheel.ts';

export type TimedExchange = {
  readonly requestEnded: boolean;
  readonly fail: (failure: Failure) => void;
};

export class ExchangeTimers implements TimerOwner {
  readonly #exchange: TimedExchange;
  readonly #wheel: TimerWheel;
  #idleMs = 0;
  #responseMs = 0;
  #cluster = '';
  #by204 = false;
  #idle: Timer | undefined = undefined;
  #request: Timer | undefined = undefined;
  #response: Timer | undefined = undefined;
  #duration: Timer | undefined = undefined;

  constructor(exchange: TimedExchange, wheel: TimerWheel) {
    this.#exchange = exchange;
    this.#wheel = wheel;
  }

  /** stream_idle_timeout (or the route's idle_timeout in its place): no byte either way for so long. 0: none. */
  armIdle(idleMs: number): void {
    this.#idleMs = idleMs;
    if (idleMs > 0) this.#idle = this.#arm(this.#idle, idleMs);
    else this.#idle?.release();
  }

  /** request_timeout: from the head to the request's last byte. */
  armRequest(timeoutMs: number): void {
    if (timeoutMs > 0) this.#request = this.#arm(this.#request, timeoutMs);
  }

  /** The route's timeout, from the request's last byte on, and max_stream_duration, from now on; 0: none. `by204`: how a late one is answered. */
  armResponse(cluster: string, timeoutMs: number, maxDurationMs: number, by204: boolean): void {
    this.#by204 = by204;
    this.#cluster = cluster;
    this.#responseMs = timeoutMs;
    if (maxDurationMs > 0) this.#duration = this.#arm(this.#duration, maxDurationMs);
    if (this.#exchange.requestEnded) this.onRequestEnd();
  }

  #arm(timer: Timer | undefined, delayMs: number): Timer {
    const armed = timer ?? new Timer(this.#wheel, this);
    armed.arm(delayMs);
    return armed;
  }

  onRequestEnd(): void {
    this.#request?.release();
    if (this.#responseMs > 0) this.#response = this.#arm(this.#response, this.#responseMs);
  }

  /** Something moved. */
  touch(): void {
    if (this.#idleMs > 0) this.#idle?.arm(this.#idleMs);
  }

  /** A tunnel has no response that could be late. */
  onTunnel(): void {
    this.#response?.release();
    this.#responseMs = 0;
  }

  release(): void {
    this.#idle?.release();
    this.#request?.release();
    this.#response?.release();
    this.#duration?.release();
  }

  onTimer(timer: Timer): void {
    const requestComplete = this.#exchange.requestEnded;
    if (timer === this.#idle) this.#exchange.fail({ kind: 'stream-idle', requestComplete });
    else if (timer === this.#request) this.#exchange.fail({ kind: 'request-timeout' });
    else if (timer === this.#duration) this.#exchange.fail({ kind: 'max-duration', requestComplete });
    else this.#exchange.fail({ kind: 'response-timeout', cluster: this.#cluster, limit: 'response', by204: this.#by204 });
  }
}
