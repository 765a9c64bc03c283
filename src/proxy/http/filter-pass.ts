// The way of one request through the HTTP filters: runs them, waits where a fault or a buffer says so and keeps the body meanwhile, answers where
// one of them does. Made only for requests that some filter may act on.

import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import type { ExtAuthzEntry } from '#decide/ext-authz-entry.ts';
import { applyCheck, type CheckAnswer } from '#decide/ext-authz-filter.ts';
import { applyFieldChanges } from '#decide/field-change.ts';
import { runAbort, runHttpFilters } from '#decide/filter-run.ts';
import { type FilterAnswer, type FilterEffects, type FilterSubject, type FilterVerdict, noEffects } from '#decide/filter-verdict.ts';
import { applyHeaderOperations } from '#decide/header-apply.ts';
import type { RateLimitEntry } from '#decide/rate-limit.ts';
import type { RateLimitState } from '#decide/rate-limit-take.ts';
import type { CountRbac } from '#decide/rbac-filter.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import type { ConnectionView, RequestView } from '#decide/views.ts';
import { describeAsker } from '#proxy/http/asker.ts';
import { connectionView, formatView } from '#proxy/http/connection-view.ts';
import { type CheckVerdict, changeRequest, RequestCheck } from '#proxy/http/ext-authz.ts';
import { makeWireSafe, removeFields } from '#proxy/http/header-list.ts';
import { HeldBody } from '#proxy/http/held-body.ts';
import type { ManagerParts, RequestContext } from '#proxy/http/request-context.ts';
import type { HeaderList } from '#proxy/http/stream.ts';
import { Timer, type TimerOwner } from '#proxy/timer-wheel.ts';

/** What a pass tells its exchange. */
export type FilteredExchange = RequestContext & {
  readonly addFlag: (flag: string) => void;
  /** All filters are passed; `held` is the body so far. */
  readonly onFiltersPassed: (decision: RouteDecision, held: HeldBody | undefined) => void;
  readonly onGrpcWeb: () => void;
  /** Finds the route anew, now that filters know more about the request. */
  readonly onRouteAgain: (metadata: DynamicMetadata | undefined) => RouteDecision;
};

export class FilterPass implements FilterSubject, TimerOwner {
  decision: RouteDecision;
  readonly #exchange: FilteredExchange;
  readonly #effects: FilterEffects = noEffects();
  #held: HeldBody | undefined = undefined;
  #waiting: (FilterVerdict & { readonly kind: 'delay' | 'buffer' }) | undefined = undefined;
  #check: RequestCheck | undefined = undefined;
  #delay: Timer | undefined = undefined;
  #isFaulty = false;

  constructor(exchange: FilteredExchange, decision: RouteDecision) {
    this.#exchange = exchange;
    this.decision = decision;
  }

  get request(): RequestView {
    return this.#exchange;
  }

  get remoteIp(): string {
    return this.#exchange.notes.remoteIp;
  }

  get metadata(): DynamicMetadata | undefined {
    return this.#effects.metadata;
  }

  get activeFaults(): number {
    return this.#exchange.parts.activity.faults;
  }

  readonly connection = (): ConnectionView => connectionView(this.#exchange);

  readonly random = (): number => this.#exchange.parts.runtime.random();

  readonly nowMs = (): number => this.#exchange.parts.runtime.clock.monotonicMs();

  readonly timeMs = (): number => this.#exchange.parts.runtime.clock.nowMs();

  readonly limitState = (limit: RateLimitEntry): RateLimitState => this.#exchange.parts.runtime.limits.of(limit);

  get countRbac(): CountRbac | undefined {
    return this.#exchange.parts.countRbac;
  }

  /** Runs filters from position `from` on, as far as they go without waiting. */
  run(from: number): void {
    const { entry } = this.#exchange.parts;
    for (let next = from; ; ) {
      const verdict = runHttpFilters(entry.httpFilters, next, this, this.#effects);
      switch (verdict.kind) {
        case 'pass':
          this.#exchange.onFiltersPassed(this.decision, this.#held);
          return;
        case 'denied':
          this.#deny(verdict.verdict.policy, verdict.why);
          return;
        case 'answer':
          this.#answer(verdict.answer);
          return;
        case 'delay':
          this.#startDelay(verdict);
          return;
        case 'check':
          this.#startCheck(verdict);
          return;
        case 'buffer':
          if (this.#startBuffer(verdict)) return;
          break;
        case 'change':
          applyHeaderOperations(verdict.headers, this.#exchange.stream.request.headers, formatView(this.#exchange, undefined, undefined));
          break;
        case 'head':
          this.#changeHead(verdict);
          break;
        case 'grpc-web':
          this.#exchange.onGrpcWeb();
          break;
      }
      next = verdict.next;
    }
  }

  #deny(policy: string | undefined, why: () => string): void {
    const exchange = this.#exchange;
    const { denials, explainsDenials } = exchange.parts.runtime;
    denials?.note('request', describeAsker(exchange, exchange.stream.connection.facts), why);
    const explanation = explainsDenials === true && isLoopback(exchange.stream.connection.remoteAddress) ? why() : '';
    exchange.fail({ kind: 'access-denied', policy, explanation });
  }

  /** The request as a filter has made it; where that says so, with the route that it has now. */
  #changeHead({ changes, reroutes }: FilterVerdict & { readonly kind: 'head' }): void {
    const { request } = this.#exchange.stream;
    if (changes !== undefined) {
      for (const name of changes.removed) removeFields(request.headers, name);
      request.headers.push(...changes.added);
      if (changes.path !== undefined) request.path = changes.path;
    }
    if (reroutes) this.decision = this.#exchange.onRouteAgain(this.#effects.metadata);
  }

  #hold(): HeldBody {
    return (this.#held ??= new HeldBody());
  }

  /** Whether the request has to wait, or has ended: some of its body may have come while a filter before held it up. */
  #startBuffer(verdict: FilterVerdict & { readonly kind: 'buffer' }): boolean {
    const { requestEnded, stream } = this.#exchange;
    if (!stream.hasBody) return false;
    if (this.#hold().length > limitOf(verdict)) {
      this.#exchange.fail({ kind: 'body-too-large' });
      return true;
    }
    if (requestEnded) return false;
    this.#waiting = verdict;
    stream.resume();
    return true;
  }

  #startDelay(verdict: FilterVerdict & { readonly kind: 'delay' }): void {
    const exchange = this.#exchange;
    this.#waiting = verdict;
    this.#countFault();
    exchange.addFlag('DI');
    this.#hold();
    this.#delay = new Timer(exchange.parts.runtime.wheel, this);
    this.#delay.arm(verdict.delayMs);
  }

  #startCheck(verdict: CheckVerdict): void {
    if (this.#exchange.stream.hasBody) this.#hold();
    this.#check = new RequestCheck(this.#exchange, verdict, (answer, durationMs) => this.#onChecked(verdict, answer, durationMs));
    this.#goOnChecking();
  }

  #goOnChecking(): void {
    if (this.#check?.onBody(this.#held, this.#effects.metadata) !== 'too-large') return;
    this.#check = undefined;
    this.#exchange.fail({ kind: 'body-too-large' });
  }

  #onChecked({ authz, next }: CheckVerdict, answer: CheckAnswer, durationMs: number): void {
    this.#check = undefined;
    const result = applyCheck(authz, answer, this.#effects, durationMs);
    countCheck(this.#exchange.parts, authz, answer.kind === 'allowed' && result.kind === 'answer' ? 'invalid' : answer.kind);
    if (result.kind === 'answer') {
      const { because } = result;
      this.#exchange.parts.runtime.denials?.note(
        'request',
        describeAsker(this.#exchange, this.#exchange.stream.connection.facts),
        () => `${authz.service.cluster}: ${because}`,
      );
      this.#answer(result.answer);
      return;
    }
    changeRequest(this.#exchange, result.changes, result.query);
    if (result.reroutes) this.decision = this.#exchange.onRouteAgain(this.#effects.metadata);
    this.run(next);
  }

  #countFault(): void {
    if (this.#isFaulty) return;
    this.#isFaulty = true;
    this.#exchange.parts.activity.faults++;
  }

  onTimer(): void {
    const waiting = this.#waiting;
    if (waiting?.kind !== 'delay') return;
    this.#waiting = undefined;
    const verdict = runAbort(waiting.filter, waiting.fault, this);
    if (verdict.kind === 'answer') this.#answer(verdict.answer);
    else this.run(waiting.next);
  }

  /** A piece of the body, while no filter has let the request pass. */
  onData(chunk: Buffer): void {
    const waiting = this.#waiting;
    if (waiting === undefined && this.#check === undefined) return;
    const length = this.#hold().add(chunk);
    if (this.#check !== undefined) {
      if (length >= heldBytes) this.#exchange.stream.pause();
      this.#goOnChecking();
      return;
    }
    if (waiting === undefined) return;
    if (waiting.kind === 'delay') {
      if (length >= heldBytes) this.#exchange.stream.pause();
    } else if (length > limitOf(waiting)) {
      this.#waiting = undefined;
      this.#exchange.fail({ kind: 'body-too-large' });
    }
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.#held?.end(trailers);
    if (this.#check !== undefined) this.#goOnChecking();
    const waiting = this.#waiting;
    if (waiting?.kind !== 'buffer') return;
    this.#waiting = undefined;
    this.run(waiting.next);
  }

  #answer(answer: FilterAnswer): void {
    if (answer.flag === 'FI') this.#countFault();
    const { status, flag, details, body, fields, headers, grpcStatus, verbatim } = answer;
    const response = { status, flags: flag, details, body, headers: [...fields], verbatim };
    this.#exchange.respond({
      ...response,
      ...(grpcStatus === undefined ? {} : { grpcStatus }),
      ...(headers.length === 0 ? {} : { operations: headers }),
    });
  }

  /** Gives a response what filters have for it. */
  applyTo(headers: HeaderList): void {
    const { set, add, changes } = this.#effects;
    for (let at = 0; at < set.length; at += 2) removeFields(headers, set[at] ?? '');
    headers.push(...set, ...add);
    if (changes.length > 0) {
      applyFieldChanges(changes, headers);
      makeWireSafe(headers);
    }
  }

  /** The request is over. */
  release(): void {
    this.#waiting = undefined;
    this.#check?.cancel();
    this.#delay?.release();
    if (this.#isFaulty) this.#exchange.parts.activity.faults--;
    this.#isFaulty = false;
  }
}

/** Envoy's counters of the filter. */
function countCheck({ runtime, entry }: ManagerParts, { statPrefix, failureModeAllow }: ExtAuthzEntry, kind: CheckAnswer['kind'] | 'invalid'): void {
  const { counters } = runtime;
  const prefix = `http.${entry.statPrefix}.ext_authz.${statPrefix === '' ? '' : `${statPrefix}.`}`;
  if (counters === undefined) return;
  counters.cell(`${prefix}${kind === 'allowed' ? 'ok' : kind}`).value++;
  if (kind === 'error' && failureModeAllow) counters.cell(`${prefix}failure_mode_allowed`).value++;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** What is kept of a body that has to wait (Envoy: per_connection_buffer_limit_bytes). */
const heldBytes = 1_048_576;

function limitOf({ maxBytes }: { readonly maxBytes: number }): number {
  return maxBytes === 0 ? heldBytes : maxBytes;
}
