// Routing rules as users wrote them, with their hosts, gateways and destinations resolved.
import type { Origin } from '#base/origin.ts';
import type { MessageHeaders } from '#model/header-changes.ts';
import type { HostReference } from '#model/host-reference.ts';
import type { Retries } from '#model/retry.ts';
import type { StringMatch } from '#model/string-match.ts';
import type { Visibility } from '#model/visibility.ts';

export type VirtualService = {
  readonly name: string;
  readonly namespace: string;
  readonly hosts: readonly HostReference[];
  /** `mesh`, or `namespace/name` of a Gateway. */
  readonly gateways: readonly string[];
  readonly http: readonly HttpRule[];
  readonly tls: readonly TlsRule[];
  readonly tcp: readonly TcpRule[];
  /** Not a VirtualService but what an Ingress or routes of the Gateway API come to. */
  readonly semantics?: 'ingress' | 'gateway-api';
  readonly visibility: Visibility;
  /** Milliseconds since 1970; of several routes the oldest one's. Undefined where nobody says. */
  readonly createdMs?: number;
  readonly origin: Origin;
};

export type HttpRule = {
  readonly name: string;
  /** Any of them suffices; empty matches every request. */
  readonly matches: readonly HttpMatch[];
  /** Where the request goes, unless it is answered here. */
  readonly destinations: readonly WeightedDestination[];
  /** Answered by the proxy itself. */
  readonly answer?: Redirect | DirectResponse;
  /** Undefined: no timeout, as Istio. */
  readonly timeoutMs?: number;
  readonly retries?: Retries;
  readonly rewrite?: Rewrite;
  readonly headers?: MessageHeaders;
  readonly fault?: Fault;
  readonly mirrors?: readonly Mirror[];
  readonly cors?: CorsPolicy;
  /** The answer for a destination that no service is, where it is not what the virtual service's semantics say. */
  readonly missingStatus?: 503;
  /** The rule of another VirtualService that this one came in by, as its delegate. */
  readonly delegatedBy?: Origin;
  readonly origin: Origin;
};

/** Delays and aborts that are made on purpose, for a percentage (0–100) of the requests. */
export type Fault = {
  readonly delay?: { readonly delayMs: number; readonly percent: number };
  readonly abort?: { readonly percent: number } & ({ readonly httpStatus: number } | { readonly grpcStatus: number });
};

/** A copy of a percentage (0–100) of the requests, whose answers nobody waits for. */
export type Mirror = { readonly destination: Omit<WeightedDestination, 'weight' | 'headers'>; readonly percent: number };

export type CorsPolicy = {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeMs?: number;
  readonly allowCredentials?: boolean;
  /** Whether a preflight whose origin is not allowed goes on to the service; Istio's default is to forward it. */
  readonly unmatchedPreflights: 'forward' | 'ignore';
};

/** What a connection can be told by before anything of it is read. Empty lists match everything. */
export type ConnectionMatch = {
  readonly destinationSubnets: readonly string[];
  readonly port?: number;
  readonly gateways?: readonly string[];
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
  readonly origin: Origin;
};

export type TcpRule = {
  /** Any of them suffices; empty matches every connection. */
  readonly matches: readonly ConnectionMatch[];
  readonly destinations: readonly WeightedDestination[];
  readonly origin: Origin;
};

export type TlsRule = {
  /** Any of them suffices. SNI hosts may have a leading wildcard. */
  readonly matches: readonly (ConnectionMatch & { readonly sniHosts: readonly string[] })[];
  readonly destinations: readonly WeightedDestination[];
  readonly origin: Origin;
};

/** All conditions that are given must hold. */
export type HttpMatch = {
  readonly name: string;
  /** Under which name requests of this match are counted. */
  readonly statPrefix?: string;
  readonly uri?: StringMatch;
  /** A prefix of `uri` counts by path segments, as in an Ingress: `/a` fits `/a` and `/a/b`, not `/ab`. */
  readonly isUriBySegment?: boolean;
  readonly method?: StringMatch;
  readonly scheme?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers: readonly NamedMatch[];
  readonly withoutHeaders: readonly NamedMatch[];
  readonly queryParameters: readonly NamedMatch[];
  /** Conditions on claims of the request's token (`@request.auth.claims.group`), which gateways verify. Elsewhere no claim is known. */
  readonly claims?: readonly ClaimMatch[];
  /** The port that the request came to: of the service, or of the Gateway's server. */
  readonly port?: number;
  /** `mesh` or gateways; undefined means those of the VirtualService. Where given, the two conditions on the source do not count (as in Istio). */
  readonly gateways?: readonly string[];
  /** Labels and namespace that the calling workload must have. */
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
  readonly origin: Origin;
};

/** `path` leads into the claims, `['group', 'id']`; what is there, or is in the list there, must match, or where `isExcluded` must not. */
export type ClaimMatch = NamedMatch & { readonly path: readonly string[]; readonly isExcluded: boolean };

export type NamedMatch = { readonly name: string; readonly match: StringMatch };

export type WeightedDestination = {
  readonly host: HostReference;
  readonly subset?: string;
  readonly port?: number;
  readonly weight: number;
  readonly headers?: MessageHeaders;
  readonly origin: Origin;
};

/** Parts that are not given stay as in the request. */
export type Redirect = {
  readonly kind: 'redirect';
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly scheme?: string;
  readonly host?: string;
  /** `from-request`: the port that the request came to. */
  readonly port?: number | 'from-request';
  readonly path?:
    | { readonly kind: 'whole' | 'prefix'; readonly value: string }
    /** RE2 on the path; `replacement` may name groups, `\1`. */
    | { readonly kind: 'regex'; readonly pattern: string; readonly replacement: string };
};

export type DirectResponse = { readonly kind: 'direct-response'; readonly status: number; readonly body?: string | Uint8Array };

/** `path` replaces the matched prefix, or all of an exactly matched path. */
export type Rewrite = {
  readonly path?: string;
  /** RE2 on the path; `replacement` may name groups, `\1`. */
  readonly regex?: { readonly pattern: string; readonly replacement: string };
  readonly authority?: string;
};
