// What the parts of the stack know of the request they work for. Exchange is the one implementation; the type stands apart so that filters,
// forwarding and local replies do not depend on it.
import type { Clock } from '#base/clock.ts';
import type { HeaderOperations } from '#decide/header-operations.ts';
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import type { CountRbac } from '#decide/rbac-filter.ts';
import type { RouteEntry } from '#decide/route-entry.ts';
import type { RouteTable } from '#decide/route-table.ts';
import type { RequestView } from '#decide/views.ts';
import type { DenialLog } from '#proxy/denial-log.ts';
import type { RateLimitStates } from '#proxy/http/rate-limit-states.ts';
import type { RequestNotes } from '#proxy/http/request-headers.ts';
import type { RequestIds } from '#proxy/http/request-id.ts';
import type { DateField } from '#proxy/http/response-headers.ts';
import type { HeaderList, ResetReason, ResponseHead, ServerStream } from '#proxy/http/stream.ts';
import type { Failure } from '#proxy/respond.ts';
import type { TimerWheel } from '#proxy/timer-wheel.ts';
import type { Clusters } from '#proxy/upstream/clusters.ts';
import type { AccessLog } from '#telemetry/access-log.ts';
import type { AccessRecord } from '#telemetry/access-record.ts';
import type { Counters } from '#telemetry/counters.ts';

/** What all managers of a proxy share. */
export type HttpRuntime = {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** In [0, 1): weights, fractions, jitter. */
  readonly random: () => number;
  readonly ids: RequestIds;
  readonly date: DateField;
  readonly clusters: Clusters;
  readonly limits: RateLimitStates;
  /** Undefined: nothing is counted. */
  readonly counters?: Counters;
  /** Undefined: nobody is told of denials. */
  readonly denials?: DenialLog;
  /** Clients on this machine are told why they are denied: policy, rule and field. */
  readonly explainsDenials?: boolean;
};

/** A local reply as local_reply_config wants it, from the record and the reply's own body; made by telemetry's formatter. */
export type LocalReplyFormat = (record: AccessRecord) => FormattedReply;

export type FormattedReply = {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
  readonly headers: readonly string[];
};

/** One HTTP connection manager: its configuration and what that was made into. */
export type ManagerParts = {
  readonly runtime: HttpRuntime;
  readonly entry: HttpManagerEntry;
  /** The routes of now: RDS may change them between two requests. Undefined: none have come yet. */
  readonly routes: { readonly current: RouteTable | undefined };
  readonly accessLog: AccessLog;
  /** Undefined: bodies go out as respond.ts says. */
  readonly localReply: LocalReplyFormat | undefined;
  /** Undefined: no RBAC filter is among the filters, or nobody counts. */
  readonly countRbac?: CountRbac | undefined;
  /** Requests that a fault acts on at this moment. */
  readonly activity: { faults: number };
};

/** A response that the proxy gives itself. */
export type LocalResponse = {
  readonly status: number;
  readonly flags: string;
  readonly details: string;
  readonly body: string | Uint8Array;
  readonly headers: HeaderList;
  /** The route whose response headers apply. */
  readonly route?: RouteEntry;
  /** For gRPC clients, where it does not follow from the status. */
  readonly grpcStatus?: number;
  /** Header changes, formatted when it is sent. */
  readonly operations?: HeaderOperations;
  /** Goes out as it is, without the formats for local replies. */
  readonly verbatim?: boolean;
};

export type ForwardRoute = { readonly route: RouteEntry; readonly target: { readonly responseHeaders: HeaderOperations } };

export type RequestContext = RequestView & {
  readonly parts: ManagerParts;
  readonly stream: ServerStream;
  readonly notes: RequestNotes;
  readonly record: AccessRecord;
  /** The request's last byte has come. */
  readonly requestEnded: boolean;
  readonly responseStarted: boolean;
  readonly done: boolean;
  /** The route that would have forwarded the request, where it changes the headers of responses: also of the proxy's own. */
  readonly forwardRoute: ForwardRoute | undefined;
  readonly elapsedMs: () => number;
  /** Answers with what the failure says; where the response has begun, breaks it off. `flag` is an additional response flag. */
  readonly fail: (failure: Failure, flag?: string) => void;
  readonly respond: (response: LocalResponse) => void;
  /** `serviceTimeMs`: what the upstream took, undefined for local replies. */
  readonly sendHead: (head: ResponseHead, endStream: boolean, serviceTimeMs: number | undefined) => void;
  /** An upstream that broke off behind its head. */
  readonly onResponseBroken: (reason: ResetReason, detail: string) => void;
  readonly finish: () => void;
};
