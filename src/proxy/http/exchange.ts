// One request through the stack, from its head to its access log line. Downstream calls it as BodyReceiver, an attempt as AttemptOwner.
// In order: fields, path, HTTP filters, route, cluster, endpoint, attempt (and again, by the retry policy), response.
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import { routeFiltersOf } from '#decide/filter-run.ts';
import { isNormal, normalAuthorityOf, normalizePath } from '#decide/path-normal.ts';
import type { RouteDecision, RouteEntry } from '#decide/route-entry.ts';
import { ExchangeTimers } from '#proxy/http/exchange-timers.ts';
import { type FilteredExchange, FilterPass } from '#proxy/http/filter-pass.ts';
import { Forwarding } from '#proxy/http/forwarding.ts';
import { GrpcWebStream } from '#proxy/http/grpc-web-stream.ts';
import { fieldValues, joinedValue } from '#proxy/http/header-list.ts';
import type { HeldBody } from '#proxy/http/held-body.ts';
import { sendLocalReply } from '#proxy/http/local-reply.ts';
import type { ForwardRoute, LocalResponse, ManagerParts } from '#proxy/http/request-context.ts';
import { prepareRequest, RequestNotes } from '#proxy/http/request-headers.ts';
import { prepareResponse } from '#proxy/http/response-headers.ts';
import type { BodyReceiver, HeaderList, RequestRefusal, ResetReason, ResponseHead, ServerStream } from '#proxy/http/stream.ts';
import { detailsOf, type Failure, type LocalReply, replyFor, resetFlag, withFlag } from '#proxy/respond.ts';
import { type AccessRecord, newAccessRecord } from '#telemetry/access-record.ts';

const noRoutes: RouteDecision = { kind: 'no-virtual-host' };
const noMetadata: ReadonlyMap<string, string> = new Map();

export class Exchange implements BodyReceiver, FilteredExchange {
  readonly parts: ManagerParts;
  stream: ServerStream;
  readonly notes = new RequestNotes();
  readonly record: AccessRecord;
  requestEnded = false;
  responseStarted = false;
  done = false;
  forwardRoute: ForwardRoute | undefined = undefined;
  metadata: DynamicMetadata | undefined = undefined;
  readonly #startMs: number;
  #filters: FilterPass | undefined = undefined;
  #forwarding: Forwarding | undefined = undefined;
  #timers: ExchangeTimers | undefined = undefined;

  constructor(parts: ManagerParts, stream: ServerStream) {
    this.parts = parts;
    this.stream = stream;
    const { clock } = parts.runtime;
    this.#startMs = clock.monotonicMs();
    this.record = newAccessRecord(stream.connection.facts, clock.nowMs());
    stream.receiver = this;
  }

  get method(): string {
    return this.stream.request.method;
  }

  get scheme(): string {
    return this.stream.request.scheme;
  }

  get authority(): string {
    return this.stream.request.authority;
  }

  get path(): string {
    return this.stream.request.path;
  }

  header(name: string): string | undefined {
    return joinedValue(this.stream.request.headers, name);
  }

  headerFields(name: string): readonly string[] {
    return fieldValues(this.stream.request.headers, name);
  }

  elapsedMs(): number {
    return this.parts.runtime.clock.monotonicMs() - this.#startMs;
  }

  start(): void {
    const { entry, runtime } = this.parts;
    const { request, connection } = this.stream;
    const mistake = prepareRequest(request, connection, entry, runtime.ids, this.notes);
    if (mistake !== undefined) {
      this.fail({ kind: 'bad-body', details: mistake });
      return;
    }
    if (entry.streamIdleTimeoutMs > 0 || entry.requestTimeoutMs > 0) {
      this.timers.armIdle(entry.streamIdleTimeoutMs);
      this.timers.armRequest(entry.requestTimeoutMs);
    }
    if (this.notes.expectsContinue && !entry.proxy100Continue) this.stream.sendInformational({ status: 100, headers: [] });
    if (!isNormal(request.path) && !this.#normalizePath()) return;
    if (entry.stripPort !== 'never' || entry.stripTrailingHostDot) this.#normalizeHost();
    this.#route();
  }

  get timers(): ExchangeTimers {
    return (this.#timers ??= new ExchangeTimers(this, this.parts.runtime.wheel));
  }

  #normalizePath(): boolean {
    const { request } = this.stream;
    const normal = normalizePath(request.path, this.parts.entry);
    if (normal.kind === 'rejected') this.fail({ kind: 'bad-path' });
    else if (normal.kind === 'redirect') {
      this.respond({ status: 307, flags: '', details: 'path_normalization_failed', body: '', headers: ['location', normal.path] });
    } else request.path = normal.path;
    return normal.kind === 'path';
  }

  #normalizeHost(): void {
    const { entry } = this.parts;
    const { request, connection } = this.stream;
    const bare = normalAuthorityOf(entry.stripPort, request.authority, connection.localPort);
    request.authority = entry.stripTrailingHostDot ? bare.replace(/\.(?=:\d+$|$)/, '') : bare;
  }

  #route(): void {
    const decision = this.#findRoute();
    if (this.parts.entry.filtersAct || routeFiltersOf(decision) !== undefined) {
      this.#describeCluster(decision);
      this.#filters = new FilterPass(this, decision);
      this.#filters.run(0);
    } else this.onFiltersPassed(decision, undefined);
  }

  #findRoute(): RouteDecision {
    const table = this.parts.routes.current;
    const decision: RouteDecision = table === undefined ? noRoutes : table.decide(this, this.parts.runtime.random());
    if ('route' in decision) this.#describeRoute(decision.route);
    if (decision.kind === 'forward' && decision.target.responseHeaders.length > 0) this.forwardRoute = decision;
    return decision;
  }

  #describeCluster(decision: RouteDecision): void {
    if (decision.kind === 'forward') this.record.upstreamCluster = this.parts.runtime.clusters.get(decision.target.cluster)?.entry.name ?? '';
  }

  onRouteAgain(metadata: DynamicMetadata | undefined): RouteDecision {
    this.metadata = metadata;
    this.forwardRoute = undefined;
    const { record } = this;
    record.upstreamCluster = '';
    record.routeName = '';
    record.virtualHost = '';
    record.routeMetadata = noMetadata;
    const decision = this.#findRoute();
    this.#describeCluster(decision);
    return decision;
  }

  /** Does what the route says. */
  onFiltersPassed(decision: RouteDecision, held: HeldBody | undefined): void {
    switch (decision.kind) {
      case 'forward':
        this.#forwarding = new Forwarding(this, decision, held);
        this.#forwarding.start();
        return;
      case 'redirect': {
        const location = decision.action.location(this.scheme, this.authority, this.path);
        this.respond({
          status: decision.action.status,
          flags: '',
          details: 'direct_response',
          body: '',
          headers: ['location', location],
          route: decision.route,
        });
        return;
      }
      case 'direct-response':
        this.respond({
          status: decision.action.status,
          flags: '',
          details: 'direct_response',
          body: decision.action.body,
          headers: [],
          route: decision.route,
        });
        return;
      case 'tls-redirect':
        this.respond({ status: 301, flags: '', details: 'direct_response', body: '', headers: ['location', decision.location] });
        return;
      default: {
        const virtualHost = decision.kind === 'no-route' ? decision.virtualHost : undefined;
        this.fail({ kind: 'no-route', routeConfig: this.parts.routes.current?.name ?? '', virtualHost, authority: this.authority, path: this.path });
      }
    }
  }

  #describeRoute(route: RouteEntry): void {
    this.record.routeName = route.name;
    this.record.virtualHost = route.virtualHost;
    this.record.routeMetadata = route.metadata;
  }

  /** gRPC-Web: from here on the stream is spoken to as plain gRPC. */
  onGrpcWeb(): void {
    this.stream = new GrpcWebStream(this.stream, this);
    this.notes.isGrpc = true;
    this.notes.isGrpcWeb = true;
  }

  /** A head that the codec would not take. */
  refuse(refusal: RequestRefusal): void {
    this.requestEnded = true;
    this.fail({ kind: 'refused', refusal });
  }

  /** Answers with what the failure says; where the response has begun, only breaking it off is left. */
  fail(failure: Failure, flag = ''): void {
    if (this.done) return;
    if (failure.kind === 'response-timeout') this.#forwarding?.onResponseTimeout();
    const reply = replyFor(failure);
    if (!this.responseStarted) {
      const headers = reply.overloaded === true ? ['x-envoy-overloaded', 'true'] : [];
      if (failure.kind !== 'max-duration') this.#forwarding?.describeAttempts(headers);
      this.respond({ ...reply, flags: withFlag(flag, reply.flags), body: this.#bodyOf(reply), headers });
      return;
    }
    this.#breakOff(reply.flags, reply.details);
  }

  #bodyOf({ body, cause }: LocalReply): string {
    if (cause === '' || this.parts.localReply !== undefined) return body;
    return body === '' ? `${cause}\n` : `${body}: ${cause}\n`;
  }

  /** The response cannot be finished: the downstream stream is reset, and the line says why. */
  #breakOff(flag: string, details: string): void {
    if (this.done) return;
    this.addFlag(flag);
    this.record.responseCodeDetails = details;
    this.stream.reset('local-reset');
    this.finish();
  }

  addFlag(flag: string): void {
    this.record.responseFlags = withFlag(this.record.responseFlags, flag);
  }

  /** A response of the proxy's own. */
  respond(response: LocalResponse): void {
    if (this.done || this.responseStarted) return;
    this.#forwarding?.cancel();
    this.addFlag(response.flags);
    this.record.responseCodeDetails = response.details;
    this.record.dynamicMetadata = this.#filters?.metadata;
    sendLocalReply(this, response);
    this.finish();
  }

  sendHead(head: ResponseHead, endStream: boolean, serviceTimeMs: number | undefined): void {
    const { entry, runtime } = this.parts;
    this.#filters?.applyTo(head.headers);
    prepareResponse(head.headers, entry, runtime.date, this.notes.requestId, serviceTimeMs);
    this.responseStarted = true;
    this.record.responseCode = head.status;
    this.record.responseHeaders = head.headers;
    this.record.responseDurationMs = this.elapsedMs();
    this.stream.sendHead(head, endStream);
  }

  touch(): void {
    this.#timers?.touch();
  }

  onData(chunk: Buffer): void {
    this.#timers?.touch();
    if (this.#forwarding !== undefined) this.#forwarding.sendData(chunk);
    else this.#filters?.onData(chunk);
  }

  onEnd(trailers: HeaderList | undefined): void {
    if (this.requestEnded) return;
    this.requestEnded = true;
    this.record.requestDurationMs = this.elapsedMs();
    this.#timers?.onRequestEnd();
    if (this.#forwarding !== undefined) this.#forwarding.sendEnd(trailers);
    else this.#filters?.onEnd(trailers);
  }

  onReset(reason: ResetReason, detail?: string): void {
    if (this.done) return;
    if (reason === 'protocol-error' && !this.responseStarted) {
      this.requestEnded = true;
      this.fail({ kind: 'bad-body', details: detail ?? 'http1.codec_error' });
      return;
    }
    this.addFlag(reason === 'protocol-error' ? 'DPE' : 'DC');
    this.record.responseCodeDetails = reason === 'protocol-error' ? (detail ?? '') : 'downstream_remote_disconnect';
    if (reason === 'protocol-error') this.stream.reset('protocol-error');
    this.finish();
  }

  onWritable(): void {
    this.#forwarding?.resumeResponse();
  }

  /** An upstream that broke off behind its head. */
  onResponseBroken(reason: ResetReason, detail: string): void {
    this.#breakOff(resetFlag(reason), `upstream_reset_after_response_started{${detailsOf(reason, detail)}}`);
  }

  /** The end, whatever it was: timers and upstream let go, the line written. Called once. */
  finish(): void {
    if (this.done) return;
    this.done = true;
    this.#timers?.release();
    this.#filters?.release();
    this.#forwarding?.cancel();
    const { record, stream, notes } = this;
    record.dynamicMetadata = this.#filters?.metadata;
    const { request } = stream;
    record.durationMs = this.elapsedMs();
    record.responseTxDurationMs = record.durationMs;
    record.method = request.method;
    record.scheme = request.scheme;
    record.authority = request.authority;
    record.path = request.path;
    record.protocol = request.version;
    record.requestHeaders = request.headers;
    record.bytesReceived = stream.bytesReceived;
    record.bytesSent = stream.bytesSent;
    record.remoteAddress = notes.remoteAddress === '' ? record.connection.directRemoteAddress : notes.remoteAddress;
    record.remoteIp = notes.remoteIp === '' ? record.connection.directRemoteIp : notes.remoteIp;
    this.#forwarding?.describe(record);
    this.parts.accessLog.write(record);
  }
}
