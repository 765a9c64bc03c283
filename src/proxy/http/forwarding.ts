// The router: a routed request goes to an endpoint of its cluster, its response comes back; by the route's retry policy again and again.
import { mayRetry } from '#decide/circuit-limits.ts';
import { upstreamProtocols } from '#decide/filter-state.ts';
import { formatGrpcTimeout } from '#decide/grpc-timeout.ts';
import type { RequestHash } from '#decide/hash-policy.ts';
import { PreviousPriorities } from '#decide/previous-priorities.ts';
import { timeoutsFor } from '#decide/request-timeouts.ts';
import type { RetryEntry } from '#decide/retry.ts';
import { askedBackOffMs, backOffMs, retriesEnd, retriesResponse, retryFor } from '#decide/retry-verdict.ts';
import type { RequestTimeouts, RouteDecision } from '#decide/route-entry.ts';
import type { ExchangeTimers } from '#proxy/http/exchange-timers.ts';
import { removeRetryHeaders, removeTimeoutHeaders, rewriteHead, tellTimeouts } from '#proxy/http/forwarded-head.ts';
import { changeResponse } from '#proxy/http/forwarded-response.ts';
import { setField } from '#proxy/http/header-list.ts';
import type { HeldBody } from '#proxy/http/held-body.ts';
import { type MirroredRequest, startMirrors } from '#proxy/http/mirrored-request.ts';
import { RequestBody } from '#proxy/http/request-body.ts';
import type { RequestContext } from '#proxy/http/request-context.ts';
import { namedEndpoint, placementOf } from '#proxy/http/request-placement.ts';
import type { HeaderList, ResetReason, ResponseHead } from '#proxy/http/stream.ts';
import { type AttemptOwner, attemptEndOf, UpstreamAttempt } from '#proxy/http/upstream-attempt.ts';
import { type Failure, isConnectFailure } from '#proxy/respond.ts';
import { Timer, type TimerOwner } from '#proxy/timer-wheel.ts';
import { announcedEnds } from '#proxy/upstream/announced-ends.ts';
import type { ClusterRuntime } from '#proxy/upstream/cluster-runtime.ts';
import type { Endpoint } from '#proxy/upstream/endpoint.ts';
import { protocolFor } from '#proxy/upstream/pool-factory.ts';
import type { AccessRecord } from '#telemetry/access-record.ts';

type Forward = Extract<RouteDecision, { readonly kind: 'forward' }>;

/** What the router needs of the exchange besides the context. */
export type ForwardedExchange = RequestContext & {
  readonly timers: ExchangeTimers;
  readonly touch: () => void;
  readonly addFlag: (flag: string) => void;
};

export class Forwarding implements AttemptOwner, TimerOwner {
  readonly #context: ForwardedExchange;
  readonly #decision: Forward;
  readonly #body = new RequestBody();
  #policy: RetryEntry | undefined = undefined;
  #timeouts: RequestTimeouts;
  /** A response that comes too late is answered by 204 (x-envoy-upstream-rq-timeout-alt-response). */
  #answersLateBy204 = false;
  #held: HeldBody | undefined;
  #mirrors: readonly MirroredRequest[] | undefined = undefined;
  #cluster: ClusterRuntime | undefined = undefined;
  #attempt: UpstreamAttempt | undefined = undefined;
  #attempts = 0;
  #failedHosts: Set<string> | undefined = undefined;
  #backOff: Timer | undefined = undefined;
  #trailers: HeaderList | undefined = undefined;
  #placement: RequestHash | undefined = undefined;
  #priorities: PreviousPriorities | undefined = undefined;
  /** The retry that waits or is under way counts as one of the cluster's. */
  #countsAsRetry = false;
  #isTunnel = false;
  #responseEnded = false;
  #sentMs = 0;

  /** `held`: the body that came while filters let the request wait. */
  constructor(context: ForwardedExchange, decision: Forward, held: HeldBody | undefined) {
    this.#context = context;
    this.#decision = decision;
    this.#timeouts = decision.action.timeouts;
    this.#held = held;
    this.#trailers = held?.trailers;
  }

  start(): void {
    const context = this.#context;
    const { action, target } = this.#decision;
    const name = action.clusterHeader === undefined ? target.cluster : (context.header(action.clusterHeader) ?? '');
    this.#cluster = context.parts.runtime.clusters.get(name);
    if (this.#cluster === undefined) {
      context.fail({ kind: 'cluster-not-found', cluster: name, status: action.clusterNotFoundStatus });
      return;
    }
    context.record.upstreamCluster = name;
    context.record.clusterMetadata = this.#cluster.entry.metadata;
    const upgrade = context.method === 'CONNECT' ? 'connect' : context.notes.upgrade;
    if (upgrade !== '' && !(action.upgrades.get(upgrade) ?? context.parts.entry.upgradeTypes.get(upgrade) ?? false)) {
      context.fail({ kind: 'upgrade-refused', upgrade });
      return;
    }
    // As Envoy: by the request as it came.
    this.#placement = placementOf(context, this.#cluster, action.hashPolicies);
    this.#setTerms();
    if (this.#policy !== undefined) this.#keepBody();
    const { responseMs, streamMs = context.parts.entry.maxStreamDurationMs } = this.#timeouts;
    if (responseMs > 0 || streamMs > 0) {
      const leftMs = streamMs > 0 ? Math.max(1, streamMs - context.elapsedMs()) : 0;
      context.timers.armResponse(name, upgrade === '' ? responseMs : 0, leftMs, this.#answersLateBy204);
    }
    if (action.idleTimeoutMs !== undefined) context.timers.armIdle(action.idleTimeoutMs);
    if (action.mirrors.length > 0 && upgrade === '') this.#startMirrors(responseMs);
    if (this.#policy !== undefined && this.#policy.priorityUpdateFrequency > 0)
      this.#priorities = new PreviousPriorities(this.#policy.priorityUpdateFrequency);
    this.#startAttempt();
  }

  /** Time and retries that this request has: the route's, and what headers say that a trusted sender or the route itself put there. */
  #setTerms(): void {
    const context = this.#context;
    const { action, target } = this.#decision;
    const { isInternal, isGrpc } = context.notes;
    // As Envoy: a route's header changes come too late for the timeouts, but in time for the retries.
    this.#timeouts = timeoutsFor(action, action.retry, context, isGrpc, isInternal);
    if (isInternal) removeTimeoutHeaders(context);
    rewriteHead(context, this.#decision);
    const readsHeaders = isInternal || target.setsRouterHeaders;
    this.#policy = retryFor(action.retry, context, readsHeaders);
    if (readsHeaders) {
      this.#answersLateBy204 = context.header('x-envoy-upstream-rq-timeout-alt-response') !== undefined;
      removeRetryHeaders(context);
    }
    tellTimeouts(context, this.#timeouts, 0);
    const { streamMs = context.parts.entry.maxStreamDurationMs } = this.#timeouts;
    if (isGrpc && streamMs > 0) setField(context.stream.request.headers, 'grpc-timeout', formatGrpcTimeout(streamMs));
  }

  #keepBody(): void {
    this.#body.keep(this.#decision.action.bufferLimitBytes);
    if (this.#held !== undefined) for (const chunk of this.#held.chunks) this.#body.add(chunk);
  }

  #startMirrors(timeoutMs: number): void {
    if (this.#decision.route.attemptCountInRequest) setField(this.#context.stream.request.headers, 'x-envoy-attempt-count', '1');
    this.#mirrors = startMirrors(this.#context, this.#decision.action.mirrors, timeoutMs);
    for (const mirrored of this.#mirrors) {
      for (const chunk of this.#held?.chunks ?? []) mirrored.sendData(chunk);
      if (this.#context.requestEnded && this.#context.stream.hasBody) mirrored.sendEnd(this.#trailers);
    }
  }

  #startAttempt(): void {
    const context = this.#context;
    const cluster = this.#cluster;
    if (cluster === undefined) return;
    const { route, action } = this.#decision;
    const { request, hasBody } = context.stream;
    const endpoint = this.#choose(cluster);
    if (endpoint === undefined) {
      const { name } = cluster.entry;
      context.fail(
        cluster.isFull
          ? { kind: 'too-many-hosts', cluster: name }
          : { kind: 'no-healthy-upstream', cluster: name, endpoints: cluster.endpoints.size },
      );
      return;
    }
    this.#attempts++;
    if (route.attemptCountInRequest) setField(request.headers, 'x-envoy-attempt-count', String(this.#attempts));
    if (action.autoHostRewrite && endpoint.entry.hostname !== '') request.authority = endpoint.entry.hostname;
    const protocol = context.method === 'CONNECT' && action.endsConnect ? 'bytes' : protocolFor(cluster.entry, request.version);
    const client = announcedEnds(endpoint.cluster, context.record.connection);
    const alpn = upstreamProtocols(context.parts.entry.httpFilters, this.#decision);
    const attempt = new UpstreamAttempt(this, endpoint, protocol, action.highPriority, client, alpn);
    this.#attempt = attempt;
    this.#sentMs = context.elapsedMs();
    if (this.#attempts > 1) tellTimeouts(context, this.#timeouts, this.#spentMs());
    attempt.start(request, hasBody, context.parts.runtime.wheel, this.#timeouts.perTryMs, this.#timeouts.perTryIdleMs);
    let writable = true;
    const held = this.#held;
    this.#held = undefined;
    for (const chunk of held?.chunks ?? this.#body.chunks) writable = attempt.sendData(chunk);
    // What held the body back before, a filter or the attempt that failed, has no say any more.
    if (writable && (this.#attempts > 1 || held !== undefined)) context.stream.resume();
    if (context.requestEnded && hasBody) attempt.sendEnd(this.#trailers);
  }

  /** How much of the response's time is gone: it begins with the request's end. */
  #spentMs(): number {
    const context = this.#context;
    return context.requestEnded ? Math.round(context.elapsedMs() - Math.max(context.record.requestDurationMs, 0)) : 0;
  }

  #choose(cluster: ClusterRuntime): Endpoint | undefined {
    if (cluster.isNamedByRequests) return namedEndpoint(this.#context, cluster);
    const chosen = cluster.choose(this.#failedHosts, this.#policy?.hostSelectionAttempts, this.#placement?.hash, this.#priorities);
    if (chosen !== undefined) this.#priorities?.onTry(chosen.entry.priority);
    return chosen;
  }

  sendData(chunk: Buffer): void {
    this.#body.add(chunk);
    // No attempt is under way that could take it, and the next one could not give the body from its beginning.
    if (this.#attempt === undefined && !this.#body.replayable) {
      this.#context.fail({ kind: 'retry-buffer-full' });
      return;
    }
    if (this.#mirrors !== undefined) for (const mirrored of this.#mirrors) mirrored.sendData(chunk);
    if (this.#attempt !== undefined && !this.#attempt.sendData(chunk)) this.#context.stream.pause();
  }

  sendEnd(trailers: HeaderList | undefined): void {
    this.#trailers = trailers;
    if (this.#context.stream.hasBody) {
      this.#attempt?.sendEnd(trailers);
      if (this.#mirrors !== undefined) for (const mirrored of this.#mirrors) mirrored.sendEnd(trailers);
    }
    if (this.#responseEnded) this.#context.finish();
  }

  /** Downstream took what was buffered. */
  resumeResponse(): void {
    this.#attempt?.resume();
  }

  cancel(): void {
    if (this.#mirrors !== undefined) for (const mirrored of this.#mirrors) mirrored.release();
    this.#backOff?.release();
    this.#endRetry();
    if (!this.#responseEnded || this.#isTunnel || !this.#context.requestEnded) this.#attempt?.cancel();
  }

  describe(record: AccessRecord): void {
    record.upstreamAttempts = this.#attempts;
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    record.upstreamHost = attempt.endpoint.entry.key;
    record.upstreamMetadata = attempt.endpoint.entry.metadata;
    record.upstreamPeer = attempt.peer.theirs;
    record.upstreamOwnName = attempt.peer.ours;
    record.upstreamLocalAddress = attempt.localAddress;
    record.upstreamProtocol = attempt.protocol === 'http2' ? 'HTTP/2' : 'HTTP/1.1';
  }

  /** x-envoy-attempt-count of an answer of ours in place of the upstream's. */
  describeAttempts(headers: HeaderList): void {
    if (this.#attempts > 0 && this.#decision.route.attemptCountInResponse) headers.push('x-envoy-attempt-count', String(this.#attempts));
  }

  onAttemptInformational(head: ResponseHead): void {
    // Where the manager itself said 100, the upstream's is not passed on a second time.
    if (head.status === 100 && !this.#context.parts.entry.proxy100Continue) return;
    this.#context.stream.sendInformational(head);
  }

  onAttemptHead(attempt: UpstreamAttempt, head: ResponseHead, hasBody: boolean): void {
    const context = this.#context;
    let exhausted = '';
    this.#endRetry();
    if (this.#policy !== undefined && retriesResponse(this.#policy, head)) {
      exhausted = this.#retry(attempt, head);
      if (exhausted === 'again') return;
    }
    this.#body.forget();
    if (exhausted !== '') context.addFlag(exhausted);
    context.record.responseCodeDetails = 'via_upstream';
    const { status } = head;
    const tunnel = status === 101 || (context.method === 'CONNECT' && status >= 200 && status < 300);
    const tookMs = context.elapsedMs() - this.#sentMs;
    const serviceTime = changeResponse(context, this.#decision, head, this.#placement?.setCookies, this.#attempts, tookMs);
    if (tunnel) {
      this.#isTunnel = true;
      context.timers.onTunnel();
    }
    context.sendHead(head, !hasBody && !tunnel, serviceTime);
    if (tunnel) {
      context.stream.becomeTunnel();
      attempt.becomeTunnel();
    }
  }

  onAttemptData(chunk: Buffer): void {
    this.#context.touch();
    if (!this.#context.stream.sendData(chunk)) this.#attempt?.pause();
  }

  onAttemptEnd(trailers: HeaderList | undefined): void {
    if (this.#responseEnded) return;
    this.#responseEnded = true;
    const context = this.#context;
    if (trailers !== undefined) context.record.responseTrailers = trailers;
    context.stream.sendEnd(trailers);
    if (!this.#isTunnel || context.requestEnded) context.finish();
  }

  onAttemptReset(attempt: UpstreamAttempt, reason: ResetReason, detail: string): void {
    const context = this.#context;
    if (attempt.headSeen) {
      context.onResponseBroken(reason, detail);
      return;
    }
    this.#endRetry();
    if (isConnectFailure(reason)) context.record.upstreamTransportFailureReason = detail.replaceAll(' ', '_');
    const outcome = this.#policy !== undefined && retriesEnd(this.#policy, attemptEndOf(reason)) ? this.#retry(attempt) : '';
    if (outcome !== 'again') context.fail(this.#resetFailure(reason, detail), outcome);
  }

  onAttemptTimeout(attempt: UpstreamAttempt, wasIdle: boolean): void {
    this.#endRetry();
    const limit = wasIdle ? 'upstream_per_try_idle' : 'upstream_per_try';
    const outcome = this.#policy !== undefined && retriesEnd(this.#policy, 'timeout') ? this.#retry(attempt) : '';
    if (outcome === 'again') return;
    const failure = { kind: 'response-timeout', cluster: this.#cluster?.entry.name ?? '', limit, by204: this.#answersLateBy204 } as const;
    this.#context.fail(failure, outcome);
  }

  onAttemptWritable(): void {
    this.#context.stream.resume();
  }

  #resetFailure(reason: ResetReason, detail: string): Failure {
    return { kind: 'upstream-reset', cluster: this.#cluster?.entry.name ?? '', reason, detail, endpoint: this.#attempt?.endpoint.entry.key ?? '' };
  }

  /** 'again' where another attempt is on its way; else the flag to add: URX when the policy's number is used up, UO at the cluster's limit. */
  #retry(failed: UpstreamAttempt, head?: ResponseHead): 'again' | '' | 'URX' | 'UO' {
    const context = this.#context;
    const cluster = this.#cluster;
    const retry = this.#policy;
    if (retry === undefined || cluster === undefined || !this.#body.replayable || context.responseStarted) return '';
    if (this.#attempts > retry.numRetries) return 'URX';
    const { highPriority } = this.#decision.action;
    const usage = cluster.usageOf(highPriority);
    if (!mayRetry(cluster.limits(highPriority), usage)) {
      usage.counters.overflow('upstream_rq_retry_overflow');
      return 'UO';
    }
    failed.cancel();
    this.#attempt = undefined;
    if (retry.avoidPreviousHosts) (this.#failedHosts ??= new Set()).add(failed.endpoint.entry.key);
    usage.retries++;
    this.#countsAsRetry = true;
    this.#backOff ??= new Timer(context.parts.runtime.wheel, this);
    const { random, clock } = context.parts.runtime;
    const asked = head === undefined ? undefined : askedBackOffMs(retry, head, clock.nowMs(), random());
    this.#backOff.arm(Math.max(asked ?? backOffMs(retry, this.#attempts, random()), 1));
    return 'again';
  }

  /** A retry counts from its decision until its answer, or until it failed in its turn (Envoy: RetryStateImpl::resetRetry). */
  #endRetry(): void {
    if (!this.#countsAsRetry) return;
    this.#countsAsRetry = false;
    if (this.#cluster !== undefined) this.#cluster.usageOf(this.#decision.action.highPriority).retries--;
  }

  /** The route's timeout is over: an attempt without an answer failed. */
  onResponseTimeout(): void {
    this.#attempt?.reportTimeout();
  }

  onTimer(): void {
    if (!this.#context.done) this.#startAttempt();
  }
}
