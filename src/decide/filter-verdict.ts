// What HTTP filters are given, what they leave behind, and how each of them can end.
import type { DynamicMetadata } from '#decide/dynamic-metadata.ts';
import type { CheckedBody, ExtAuthzEntry } from '#decide/ext-authz-entry.ts';
import type { FaultEntry } from '#decide/fault.ts';
import type { FieldChange } from '#decide/field-change.ts';
import type { HeaderOperations } from '#decide/header-operations.ts';
import type { HeadChanges } from '#decide/jwt-head.ts';
import type { RateLimitEntry } from '#decide/rate-limit.ts';
import type { RateLimitState } from '#decide/rate-limit-take.ts';
import type { RbacVerdict } from '#decide/rbac.ts';
import type { CountRbac } from '#decide/rbac-filter.ts';
import type { RouteDecision } from '#decide/route-entry.ts';
import type { Trace } from '#decide/trace.ts';
import type { ConnectionView, RequestView } from '#decide/views.ts';

/** What filters ask of their surroundings. */
export type FilterSubject = {
  readonly request: RequestView;
  readonly connection: () => ConnectionView;
  /** The client, behind trusted proxies. */
  readonly remoteIp: string;
  readonly decision: RouteDecision;
  /** In [0, 1), another one at each call. */
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Since the epoch. */
  readonly timeMs: () => number;
  readonly activeFaults: number;
  readonly limitState: (limit: RateLimitEntry) => RateLimitState;
  readonly trace?: Trace | undefined;
  /** Undefined: nobody counts. */
  readonly countRbac?: CountRbac | undefined;
};

/** What filters leave behind. `set` and `add` are fields that the response gets, whoever makes it; `set` replaces what is there. */
export type FilterEffects = {
  set: readonly string[];
  add: readonly string[];
  /** Changes to the response's head that an authoriser asks for. */
  changes: readonly FieldChange[];
  rbac: RbacVerdict | undefined;
  /** What filters found out about the request for those behind them; undefined as long as none did. */
  metadata: DynamicMetadata | undefined;
};

export function noEffects(): FilterEffects {
  return { set: [], add: [], changes: [], rbac: undefined, metadata: undefined };
}

export type FilterAnswer = {
  readonly status: number;
  readonly grpcStatus?: number;
  readonly flag: '' | 'FI' | 'RL' | 'DPE' | 'UAEX';
  readonly details: string;
  readonly body: string | Uint8Array;
  readonly fields: readonly string[];
  /** Formatted and added to the fields. */
  readonly headers: HeaderOperations;
  /** Goes out as it is: formats for local replies are not for it. */
  readonly verbatim: boolean;
};

/** `next` is the position of the filter to go on with. Effects that came up on the way stand beside whatever the verdict is. */
export type FilterVerdict =
  | { readonly kind: 'pass' }
  /** `why` says for people which policy, rule and field decided. */
  | { readonly kind: 'denied'; readonly filter: string; readonly verdict: RbacVerdict; readonly why: () => string }
  | { readonly kind: 'answer'; readonly filter: string; readonly answer: FilterAnswer }
  | { readonly kind: 'delay'; readonly filter: string; readonly delayMs: number; readonly fault: FaultEntry; readonly next: number }
  /** Whether the request may pass is for somebody outside to say; `body` is what of it he is to see. */
  | {
      readonly kind: 'check';
      readonly filter: string;
      readonly authz: ExtAuthzEntry;
      readonly body: CheckedBody | undefined;
      readonly context: Readonly<Record<string, string>>;
      readonly next: number;
    }
  | { readonly kind: 'buffer'; readonly filter: string; readonly maxBytes: number; readonly next: number }
  | { readonly kind: 'grpc-web'; readonly filter: string; readonly next: number }
  | { readonly kind: 'change'; readonly headers: HeaderOperations; readonly next: number }
  /** The request is another now, and where it says so is to be routed again. */
  | { readonly kind: 'head'; readonly changes: HeadChanges | undefined; readonly reroutes: boolean; readonly next: number };
