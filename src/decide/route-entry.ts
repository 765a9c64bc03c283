// A route as compiled once per update: what the data path needs, ready to use. Immutable, shared by all requests.
import type { HeaderOperations } from '#decide/header-operations.ts';

/** One route of a virtual host. Durations in milliseconds; 0 means none. */
export type RouteEntry = {
  readonly routeConfig: string;
  readonly virtualHost: string;
  /** Position among the virtual host's routes, the key into the origin table. */
  readonly index: number;
  readonly name: string;
  /** `filter_metadata.istio.config`: the path of the resource that made it, or ''. */
  readonly istioConfig: string;
  readonly action: RouteAction;
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
};

export type RouteAction = ForwardAction | RedirectAction | DirectResponseAction;

export type ForwardAction = {
  readonly kind: 'forward';
  /** At least one; weights are cumulative so that one random number in [0, totalWeight) picks by scan. */
  readonly targets: readonly ForwardTarget[];
  readonly totalWeight: number;
  /** Envoy's default is 15 s when the field is absent. */
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly prefixRewrite?: string;
  /** The matched prefix that prefixRewrite replaces. */
  readonly matchedPrefix?: string;
  readonly hostRewrite?: string;
  readonly upgrades: readonly string[];
  /** What a missing cluster answers: 503 by default. */
  readonly clusterNotFoundStatus: number;
};

export type ForwardTarget = {
  readonly cluster: string;
  readonly cumulativeWeight: number;
  readonly requestHeaders: HeaderOperations;
  readonly responseHeaders: HeaderOperations;
};

export type RedirectAction = {
  readonly kind: 'redirect';
  readonly status: number;
  /** The Location for this request. */
  readonly location: (scheme: string, authority: string, path: string) => string;
};

export type DirectResponseAction = { readonly kind: 'direct-response'; readonly status: number; readonly body: Uint8Array };

/** What routing decided. `forward` names the target chosen by weight. No object is made per request except this one. */
export type RouteDecision =
  | { readonly kind: 'forward'; readonly route: RouteEntry; readonly action: ForwardAction; readonly target: ForwardTarget }
  | { readonly kind: 'redirect'; readonly route: RouteEntry; readonly action: RedirectAction }
  | { readonly kind: 'direct-response'; readonly route: RouteEntry; readonly action: DirectResponseAction }
  | { readonly kind: 'no-virtual-host' }
  | { readonly kind: 'no-route'; readonly virtualHost: string };
