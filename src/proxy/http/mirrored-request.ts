// A copy of a request on its way to another cluster. Nobody waits for its answer, and nothing that happens to it is seen by the request itself:
// a receiver that is too slow for the body loses the copy, not the sender's time or our memory.
import { type MirrorEntry, mirrorsOf, shadowHost } from '#decide/mirror.ts';
import { joinedValue, setField } from '#proxy/http/header-list.ts';
import type { RequestContext } from '#proxy/http/request-context.ts';
import type { ClientStream, HeaderList, RequestHead, ResetReason, ResponseHead, ResponseReceiver } from '#proxy/http/stream.ts';
import { Timer, type TimerOwner } from '#proxy/timer-wheel.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';
import { protocolFor } from '#proxy/upstream/pool-factory.ts';

/** Bytes that may wait for a slow receiver. */
const backlogBytes = 1_048_576;

export class MirroredRequest implements ResponseReceiver, TimerOwner {
  readonly #endpoint: Endpoint;
  #stream: ClientStream | undefined = undefined;
  #timer: Timer | undefined = undefined;
  #backlog = 0;
  #sent = false;
  #done = false;

  private constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Undefined where the cluster is not there, has no endpoint or no room. `timeoutMs` 0: no limit. */
  static start(context: RequestContext, mirror: MirrorEntry, timeoutMs: number): MirroredRequest | undefined {
    const { runtime } = context.parts;
    const cluster = runtime.clusters.get(mirror.cluster);
    if (cluster === undefined || cluster.usage.requests >= cluster.entry.maxRequests) return undefined;
    const endpoint = cluster.choose(undefined, undefined);
    if (endpoint === undefined) return undefined;
    const { request, hasBody } = context.stream;
    const mirrored = new MirroredRequest(endpoint);
    if (timeoutMs > 0) {
      mirrored.#timer = new Timer(runtime.wheel, mirrored);
      mirrored.#timer.arm(timeoutMs);
    }
    mirrored.#sent = !hasBody;
    const copy = copyOf(context, mirror.marksHost);
    const pool = endpoint.pool(protocolFor(cluster.entry, request.version), undefined, false, undefined, copy.authority);
    mirrored.#stream = pool.open(copy, hasBody, mirrored);
    return mirrored;
  }

  sendData(chunk: Uint8Array): void {
    if (this.#done) return;
    if (this.#stream?.sendData(chunk) === true) return;
    this.#backlog += chunk.length;
    if (this.#backlog > backlogBytes) this.#giveUp();
  }

  sendEnd(trailers: HeaderList | undefined): void {
    this.#sent = true;
    if (!this.#done) this.#stream?.sendEnd(trailers);
  }

  /** The request itself is over; a copy that is not complete goes with it. */
  release(): void {
    if (!this.#sent) this.#giveUp();
  }

  /** What happens to a copy counts for outlier detection as what happens to a request. */
  onConnected(): void {
    this.#endpoint.reportLocal('connected');
  }

  onInformational(): void {}

  onHead({ status }: ResponseHead): void {
    this.#endpoint.reportAnswer(status);
  }

  onData(): void {}

  onEnd(): void {
    this.#finish();
  }

  onReset(reason: ResetReason): void {
    if (reason !== 'overflow') this.#endpoint.reportLocal('connect-failed');
    this.#finish();
  }

  onWritable(): void {
    this.#backlog = 0;
  }

  onTimer(): void {
    this.#giveUp();
  }

  #giveUp(): void {
    if (this.#done) return;
    this.#finish();
    this.#stream?.reset('local-reset');
  }

  #finish(): void {
    this.#done = true;
    this.#timer?.release();
  }
}

/** As Envoy's own client sends it: internal, and with the proxy among those that forwarded it. */
function copyOf({ stream }: RequestContext, marksHost: boolean): RequestHead {
  const { request, connection } = stream;
  const headers = [...request.headers];
  const before = joinedValue(headers, 'x-forwarded-for');
  const own = connection.facts.localIp;
  setField(headers, 'x-forwarded-for', before === undefined ? own : `${before},${own}`);
  setField(headers, 'x-envoy-internal', 'true');
  return { ...request, authority: marksHost ? shadowHost(request.authority) : request.authority, headers };
}

/** The copies of a request that is about to be forwarded. */
export function startMirrors(context: RequestContext, mirrors: readonly MirrorEntry[], timeoutMs: number): readonly MirroredRequest[] {
  return mirrorsOf(mirrors, context, context.parts.runtime.random()).flatMap((mirror) => MirroredRequest.start(context, mirror, timeoutMs) ?? []);
}
