// One question to an external authoriser, over the pools of its cluster, and its answer. Whatever goes wrong (no cluster, no endpoint, a reset, a
// garbled or a late answer) is an error, told once. Loaded when the first question is asked.
import { readCheckResponse, readHttpAnswer } from '#decide/ext-authz-answer.ts';
import { type CheckedConnection, type CheckedRequest, checkRequestBytes, type HttpQuestion, httpQuestion } from '#decide/ext-authz-check.ts';
import type { AuthorizerService, ExtAuthzEntry } from '#decide/ext-authz-entry.ts';
import type { CheckAnswer } from '#decide/ext-authz-filter.ts';
import type { FormatView } from '#decide/format-view.ts';
import { formatGrpcTimeout } from '#decide/grpc-timeout.ts';
import { fieldValue } from '#proxy/http/header-list.ts';
import type { ClientStream, HeaderList, RequestHead, ResetReason, ResponseHead, ResponseReceiver } from '#proxy/http/stream.ts';
import { resetText } from '#proxy/respond.ts';
import { Timer, type TimerOwner, type TimerWheel } from '#proxy/timer-wheel.ts';
import type { Clusters } from '#proxy/upstream/clusters.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';
import { protocolFor } from '#proxy/upstream/pool-factory.ts';

/** An answer beyond this is none. */
const mostBytes = 4 * 1_048_576;

export type Asking = {
  readonly clusters: Clusters;
  readonly wheel: TimerWheel;
  readonly nowMs: () => number;
  readonly authz: ExtAuthzEntry;
  readonly connection: CheckedConnection;
  /** Undefined: the question is about the connection. */
  readonly request: CheckedRequest | undefined;
  readonly view: () => FormatView;
  readonly onAnswer: (answer: CheckAnswer, durationMs: number) => void;
};

export class ExtAuthzCall implements ResponseReceiver, TimerOwner {
  readonly #asking: Asking;
  readonly #startMs: number;
  #endpoint: Endpoint | undefined = undefined;
  #stream: ClientStream | undefined = undefined;
  #timer: Timer | undefined = undefined;
  #head: ResponseHead | undefined = undefined;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #done = false;

  constructor(asking: Asking) {
    this.#asking = asking;
    this.#startMs = asking.nowMs();
  }

  /** Asks; the answer may come before this returns. */
  start(): void {
    const asking = this.#asking;
    const { authz, clusters } = asking;
    const { service } = authz;
    const cluster = clusters.get(service.cluster);
    if (cluster === undefined) return this.#fail(`there is no cluster ${service.cluster}`);
    if (cluster.usage.requests >= cluster.entry.maxRequests) return this.#fail(`cluster ${service.cluster} has no room for a request`);
    const endpoint = cluster.choose(undefined, undefined);
    if (endpoint === undefined) return this.#fail(`cluster ${service.cluster} has no healthy endpoint`);
    this.#endpoint = endpoint;
    if (authz.timeoutMs > 0) {
      this.#timer = new Timer(asking.wheel, this);
      this.#timer.arm(authz.timeoutMs);
    }
    const { head, body } = service.kind === 'grpc' ? grpcRequest(asking, service) : this.#httpRequest(asking, service);
    const protocol = protocolFor(cluster.entry, service.kind === 'grpc' ? 'HTTP/2' : 'HTTP/1.1');
    this.#stream = endpoint.pool(protocol, undefined, false, undefined, head.authority).open(head, body.length > 0, this);
    // A pool that is full has said so by now.
    if (this.#isDone() || body.length === 0) return;
    this.#stream.sendData(body);
    this.#stream.sendEnd();
  }

  #httpRequest(asking: Asking, service: AuthorizerService & { readonly kind: 'http' }) {
    const { request, authz, view } = asking;
    if (request === undefined) throw new Error('an HTTP service is asked about requests only');
    const question = httpQuestion(authz, service, request, view);
    return { head: headOf(question, asking), body: question.body };
  }

  #isDone(): boolean {
    return this.#done;
  }

  /** Nobody wants to know any more. */
  cancel(): void {
    if (this.#done) return;
    this.#settle();
    this.#stream?.reset('local-reset');
  }

  onConnected(): void {
    this.#endpoint?.reportLocal('connected');
  }

  onInformational(): void {}

  onHead(head: ResponseHead, hasBody: boolean): void {
    this.#endpoint?.reportAnswer(head.status);
    this.#head = head;
    if (!hasBody) this.#finish(head.headers);
  }

  onData(chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length > mostBytes) {
      this.#fail('its answer is too large');
      this.#stream?.reset('local-reset');
    } else this.#chunks.push(chunk);
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.#finish(trailers ?? this.#head?.headers ?? []);
  }

  onReset(reason: ResetReason, detail = ''): void {
    if (reason !== 'overflow') this.#endpoint?.reportLocal('connect-failed');
    this.#fail(detail === '' ? resetText(reason) : `${resetText(reason)} (${detail})`);
  }

  onWritable(): void {}

  onTimer(): void {
    if (this.#done) return;
    this.#endpoint?.reportLocal('timeout');
    this.#fail('it did not answer in time');
    this.#stream?.reset('local-reset');
  }

  #finish(last: HeaderList): void {
    const head = this.#head;
    if (this.#done || head === undefined) return;
    const body = Buffer.concat(this.#chunks);
    const { service } = this.#asking.authz;
    this.#answer(service.kind === 'grpc' ? grpcAnswer(head, last, body) : readHttpAnswer(service, head.status, this.#timed(head.headers), body));
  }

  /** As Envoy's own client hands answers on: with the time that they took. */
  #timed(headers: HeaderList): HeaderList {
    return [...headers, 'x-envoy-upstream-service-time', String(Math.round(this.#elapsedMs()))];
  }

  #elapsedMs(): number {
    return this.#asking.nowMs() - this.#startMs;
  }

  #fail(because: string): void {
    this.#answer({ kind: 'error', because });
  }

  #answer(answer: CheckAnswer): void {
    if (this.#done) return;
    this.#settle();
    this.#asking.onAnswer(answer, this.#elapsedMs());
  }

  #settle(): void {
    this.#done = true;
    this.#timer?.release();
  }
}

function grpcAnswer({ status, headers }: ResponseHead, last: HeaderList, body: Buffer): CheckAnswer {
  if (status !== 200) return { kind: 'error', because: `it answered ${status}` };
  const code = fieldValue(last, 'grpc-status') ?? fieldValue(headers, 'grpc-status');
  if (code !== '0') return { kind: 'error', because: `its call ended with gRPC status ${code ?? '(none)'}` };
  const length = body.length < 5 ? -1 : body.readUInt32BE(1);
  if (body[0] !== 0 || length !== body.length - 5) return { kind: 'error', because: 'its answer is no gRPC message' };
  return readCheckResponse(body.subarray(5));
}

function grpcRequest(
  { authz, connection, request }: Asking,
  { authority, metadata }: AuthorizerService & { readonly kind: 'grpc' },
): { readonly head: RequestHead; readonly body: Uint8Array } {
  const message = checkRequestBytes(authz, connection, request);
  const body = Buffer.allocUnsafe(message.length + 5);
  body.writeUInt8(0, 0);
  body.writeUInt32BE(message.length, 1);
  body.set(message, 5);
  const timeout = authz.timeoutMs > 0 ? ['grpc-timeout', formatGrpcTimeout(authz.timeoutMs)] : [];
  const head: RequestHead = {
    method: 'POST',
    scheme: 'http',
    authority,
    path: '/envoy.service.auth.v3.Authorization/Check',
    headers: [
      'te',
      'trailers',
      ...timeout,
      'content-type',
      'application/grpc',
      ...metadata,
      ...ownFields(authz),
      'x-forwarded-for',
      connection.destinationAddress,
    ],
    version: 'HTTP/2',
  };
  return { head, body };
}

function headOf({ method, path, authority, fields }: HttpQuestion, { authz }: Asking): RequestHead {
  return { method, scheme: 'http', authority, path, headers: [...fields, ...ownFields(authz)], version: 'HTTP/1.1' };
}

/** As Envoy's own client sends. */
function ownFields({ timeoutMs }: ExtAuthzEntry): HeaderList {
  return ['x-envoy-internal', 'true', ...(timeoutMs > 0 ? ['x-envoy-expected-rq-timeout-ms', String(timeoutMs)] : [])];
}
