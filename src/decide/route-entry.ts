// A route as compiled once per update: what the data path needs, ready to use. Immutable, shared by all requests.
import type { HashPolicyEntry } from '#decide/hash-policy.ts';
import type { HeaderOperations } from '#decide/header-operations.ts';
import type { RouteFilters } from '#decide/http-filter.ts';
import type { MirrorEntry } from '#decide/mirror.ts';
import type { RouteLimits } from '#decide/rate-limit.ts';
import type { Regex } from '#decide/regex.ts';
import type { RetryEntry } from '#decide/retry.ts';

/** One route of a virtual host. Durations in milliseconds; 0 means none. */
export type RouteEntry = {
  readonly routeConfig: string;
  readonly virtualHost: string;
  /** Position among the virtual host's routes, the key into the origin table. */
  readonly index: number;
  readonly name: string;
  /** The texts in its filter metadata by `namespace:key`; `istio:config` is the path of the resource that made it. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Its condition in words, `prefix /api/ and header x-user is jason`. */
  readonly text: string;
  readonly action: RouteAction;
  /** All levels in Envoy's order: route, virtual host, route configuration. A forward uses its target's list instead. */
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
  /** VirtualHost.include_request_attempt_count (x-envoy-attempt-count to upstream) and include_attempt_count_in_response. */
  readonly attemptCountInRequest: boolean;
  readonly attemptCountInResponse: boolean;
  /** What it says about HTTP filters; undefined: nothing. A forward uses its target's instead. */
  readonly filters: RouteFilters | undefined;
  /** Its rate limit rules and its virtual host's; undefined: none. */
  readonly limits: RouteLimits | undefined;
};

export type RouteAction = ForwardAction | RedirectAction | DirectResponseAction | NonForwardingAction;

export type ForwardAction = {
  readonly kind: 'forward';
  /** At least one; weights are cumulative so that one random number in [0, totalWeight) picks by scan. */
  readonly targets: readonly ForwardTarget[];
  readonly totalWeight: number;
  /** The cluster is named by this request header (`cluster_header`); `targets` then holds one entry whose cluster is ''. */
  readonly clusterHeader?: string;
  /** Envoy's default is 15 s when the field is absent. */
  readonly timeoutMs: number;
  readonly idleTimeoutMs?: number;
  readonly maxStreamDurationMs?: number;
  /** All of them together, for requests that say nothing themselves. */
  readonly timeouts: RequestTimeouts;
  /** per_request_buffer_limit_bytes: bodies beyond it are not sent again; undefined: the proxy's own limit. */
  readonly bufferLimitBytes: number | undefined;
  readonly prefixRewrite?: string;
  /** The matched prefix (or whole path) that prefixRewrite replaces; undefined: the whole path without query. */
  readonly matchedPrefix?: string;
  readonly regexRewrite?: { readonly pattern: Regex; readonly substitution: string };
  readonly hostRewrite?: string;
  readonly hostRewriteHeader?: string;
  readonly hostRewritePathRegex?: { readonly pattern: Regex; readonly substitution: string };
  /** auto_host_rewrite: the host becomes the chosen endpoint's hostname (DNS clusters). */
  readonly autoHostRewrite: boolean;
  /** The old host goes into x-forwarded-host when it is rewritten. */
  readonly appendForwardedHost: boolean;
  /** Upgrade types allowed (true) or refused (false) by this route, lower case; overrides the connection manager's list. */
  readonly upgrades: ReadonlyMap<string, boolean>;
  /** connect_config: a CONNECT ends here, and its bytes go on as they are. */
  readonly endsConnect: boolean;
  readonly retry?: RetryEntry;
  /** max_grpc_timeout and grpc_timeout_offset: gRPC calls go by their own `grpc-timeout`, up to so much (0: any), less the offset. */
  readonly grpcTimeout?: { readonly maxMs: number; readonly offsetMs: number };
  /** The same for max_stream_duration: what counts is the time for the whole call. */
  readonly grpcStreamTimeout?: { readonly maxMs: number; readonly offsetMs: number };
  /** Where copies of the request go. */
  readonly mirrors: readonly MirrorEntry[];
  /** Counted apart, against limits of its own (RouteAction.priority HIGH). */
  readonly highPriority: boolean;
  /** What places a request where its cluster is balanced by hash; empty: nothing. */
  readonly hashPolicies: readonly HashPolicyEntry[];
  /** What a missing cluster answers: 503 by default. */
  readonly clusterNotFoundStatus: number;
};

/** How long one request may take, in milliseconds; 0: no limit. */
export type RequestTimeouts = {
  /** From the request's last byte to the response's head. */
  readonly responseMs: number;
  readonly perTryMs: number;
  readonly perTryIdleMs: number;
  /** From the request's first byte to the end of everything; undefined: what the connection manager says. */
  readonly streamMs: number | undefined;
  /** The upstream is told its deadline anew, less what was spent. */
  readonly setsGrpcTimeout: boolean;
};

export type ForwardTarget = {
  readonly cluster: string;
  readonly cumulativeWeight: number;
  /** The host where the action sets none. */
  readonly hostRewrite?: string;
  /** Complete: the weighted cluster's own and those of route, virtual host and route configuration, in Envoy's order. */
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
  /** Its header changes may ask the router for something (x-envoy-…). */
  readonly setsRouterHeaders: boolean;
  /** Complete, as the headers are. */
  readonly filters: RouteFilters | undefined;
};

export type RedirectAction = {
  readonly kind: 'redirect';
  readonly status: number;
  /** The Location for this request. */
  readonly location: (scheme: string, authority: string, path: string) => string;
};

export type DirectResponseAction = { readonly kind: 'direct-response'; readonly status: number; readonly body: Uint8Array };

/** Routes of gRPC clients; a proxy that meets one answers 404, as for no route. */
export type NonForwardingAction = { readonly kind: 'non-forwarding' };

/** What routing decided. `forward` names the target chosen by weight. No object is made per request except this one. */
export type RouteDecision =
  | { readonly kind: 'forward'; readonly route: RouteEntry; readonly action: ForwardAction; readonly target: ForwardTarget }
  | { readonly kind: 'redirect'; readonly route: RouteEntry; readonly action: RedirectAction }
  | { readonly kind: 'direct-response'; readonly route: RouteEntry; readonly action: DirectResponseAction }
  /** VirtualHost.require_tls: 301 to the same URL with https. */
  | { readonly kind: 'tls-redirect'; readonly virtualHost: string; readonly location: string }
  | { readonly kind: 'no-virtual-host' }
  | { readonly kind: 'no-route'; readonly virtualHost: string };
