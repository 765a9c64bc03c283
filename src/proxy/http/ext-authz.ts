// A request that waits for an external authoriser: its body is kept as far as he is to see it, then he is asked, and his answer is handed on.

import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import type { CheckAnswer } from '#decide/ext-authz-filter.ts';
import { applyFieldChanges, changeQuery, type FieldChange, type QueryChange } from '#decide/field-change.ts';
import type { FilterVerdict } from '#decide/filter-verdict.ts';
import type { ExtAuthzCall } from '#proxy/ext-authz-call.ts';
import { checkedConnection, formatView } from '#proxy/http/connection-view.ts';
import { makeWireSafe } from '#proxy/http/header-list.ts';
import type { HeldBody } from '#proxy/http/held-body.ts';
import type { RequestContext } from '#proxy/http/request-context.ts';

export type CheckVerdict = FilterVerdict & { readonly kind: 'check' };

type Caller = { readonly ExtAuthzCall: typeof ExtAuthzCall };

/** Few proxies ask anybody, so what asking takes is loaded by the first that does. */
let caller: Caller | undefined;

export class RequestCheck {
  readonly verdict: CheckVerdict;
  readonly #context: RequestContext;
  readonly #onAnswer: (answer: CheckAnswer, durationMs: number) => void;
  #call: ExtAuthzCall | undefined = undefined;
  #asked = false;
  #cancelled = false;

  constructor(context: RequestContext, verdict: CheckVerdict, onAnswer: (answer: CheckAnswer, durationMs: number) => void) {
    this.#context = context;
    this.verdict = verdict;
    this.#onAnswer = onAnswer;
  }

  /**
   * Asks as soon as there is enough of the body. `too-large`: there is more of it than may be. Whoever upgrades the connection sends no body that
   * could be waited for.
   */
  onBody(held: HeldBody | undefined, metadata: DynamicMetadata | undefined): 'waits' | 'too-large' {
    if (this.#asked) return 'waits';
    const { body } = this.verdict;
    const { stream, notes, requestEnded } = this.#context;
    const wanted = stream.hasBody && notes.upgrade === '' ? body : undefined;
    const length = held?.length ?? 0;
    if (wanted !== undefined && !wanted.allowsPartial && length > wanted.maxBytes) return 'too-large';
    const isEnough = wanted === undefined || requestEnded || (wanted.allowsPartial && length >= wanted.maxBytes);
    if (!isEnough) {
      stream.resume();
      return 'waits';
    }
    this.#asked = true;
    const told = wanted === undefined || held === undefined ? undefined : { bytes: Buffer.concat(held.chunks), settings: wanted };
    if (caller !== undefined) this.#ask(caller, told, metadata);
    else {
      void import('#proxy/ext-authz-call.ts').then((loaded) => {
        caller = loaded;
        if (!this.#cancelled) this.#ask(loaded, told, metadata);
      });
    }
    return 'waits';
  }

  #ask(
    { ExtAuthzCall: Call }: Caller,
    body: { bytes: Uint8Array; settings: NonNullable<CheckVerdict['body']> } | undefined,
    metadata: DynamicMetadata | undefined,
  ): void {
    const context = this.#context;
    const { stream, record } = context;
    const { clusters, wheel, clock } = context.parts.runtime;
    const call = new Call({
      clusters,
      wheel,
      nowMs: clock.monotonicMs,
      authz: this.verdict.authz,
      connection: checkedConnection(context),
      request: {
        request: context,
        fields: stream.request.headers,
        protocol: stream.request.version,
        id: context.notes.requestId,
        startMs: record.startTimeMs,
        bytesReceived: stream.bytesReceived,
        context: this.verdict.context,
        metadata,
        body,
      },
      view: () => formatView(context, undefined, undefined),
      onAnswer: this.#onAnswer,
    });
    this.#call = call;
    call.start();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#call?.cancel();
  }
}

/** The request as an authoriser wants it. */
export function changeRequest({ stream }: RequestContext, changes: readonly FieldChange[], query: readonly QueryChange[]): void {
  const { request } = stream;
  for (const { name, value } of changes) {
    if (name === ':path') request.path = value;
    else if (name === ':method') request.method = value;
    else if (name === ':authority' || name === 'host') request.authority = value;
  }
  applyFieldChanges(
    changes.filter(({ name }) => !name.startsWith(':') && name !== 'host'),
    request.headers,
  );
  makeWireSafe(request.headers);
  if (query.length > 0) request.path = changeQuery(request.path, query);
}
