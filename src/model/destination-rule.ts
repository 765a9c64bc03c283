// What applies to traffic for a host after routing: subsets, balancing, connections, ejections. An absent part of a policy means: as the
// level above says, and at the top Istio's default. Times in milliseconds.
import type { Origin } from '#base/origin.ts';
import type { HostReference } from '#model/host-reference.ts';
import type { Visibility } from '#model/visibility.ts';

export type DestinationRule = {
  readonly name: string;
  readonly namespace: string;
  readonly host: HostReference;
  /** Undefined where the rule has no trafficPolicy at all. */
  readonly policy?: RulePolicy;
  readonly subsets: readonly Subset[];
  /** The clients that the rule is for, in its own namespace; undefined: all. */
  readonly workloadSelector?: Readonly<Record<string, string>>;
  readonly visibility: Visibility;
  /** Made of a policy of the Gateway API: it says TLS and leaves all else to what the user's own rule for the host says. */
  readonly addsTls?: true;
  readonly origin: Origin;
};

export type Subset = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly policy?: RulePolicy;
  readonly origin: Origin;
};

/** A policy as written: what holds for all ports, and what holds instead of it for single ports. */
export type RulePolicy = TrafficPolicy & { readonly ports: ReadonlyMap<number, TrafficPolicy> };

export type TrafficPolicy = {
  readonly loadBalancer?: LoadBalancer;
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: ClientTls;
  /** Connections that are not HTTP are sent through a proxy. */
  readonly tunnel?: Tunnel;
  readonly proxyProtocol?: { readonly version: 1 | 2; readonly origin: Origin };
  readonly retryBudget?: RetryBudget;
  readonly origin: Origin;
};

export type LoadBalancer = {
  /** Undefined: Istio's default, least request. */
  readonly algorithm?: SimpleBalancing | ConsistentHash;
  readonly warmup?: Warmup;
  readonly locality?: LocalityBalancing | ZoneAwareBalancing;
  readonly origin: Origin;
};

export type SimpleBalancing = { readonly kind: 'round-robin' | 'least-request' | 'random' | 'passthrough' };

/** One key, one endpoint. */
export type ConsistentHash = {
  readonly kind: 'consistent-hash';
  /** Undefined (Istio admits it): the balancer is there, and no request has a hash. */
  readonly key?: HashKey;
  readonly table:
    | { readonly kind: 'ring' /** Undefined: Envoy's default, 1024. */; readonly minimumSize?: number }
    | { readonly kind: 'maglev'; readonly size?: number };
  readonly origin: Origin;
};

export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  | {
      readonly kind: 'cookie';
      readonly name: string;
      readonly path: string;
      /** Where given, clients without the cookie get one; 0 makes it last for their session. */
      readonly ttlMs?: number;
      readonly attributes: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly kind: 'query-parameter'; readonly name: string }
  | { readonly kind: 'source-ip' };

/** How an endpoint that has just come gets its share of traffic little by little. Percent 0–100. */
export type Warmup = { readonly windowMs: number; readonly aggression?: number; readonly minimumPercent?: number };

/** localityLbSetting. Weights of one distribution add up to 100. */
export type LocalityBalancing = {
  readonly kind: 'locality';
  readonly enabled: boolean;
  readonly distribute: readonly { readonly from: string; readonly to: ReadonlyMap<string, number> }[];
  readonly failover: readonly Failover[];
  /** Label names, or `name=value` where the value counts instead of the client's own. */
  readonly failoverPriority: readonly string[];
  readonly origin: Origin;
};

/** zoneAwareLbSetting: regions are tried in order; within one, Envoy prefers the client's zone. */
export type ZoneAwareBalancing = {
  readonly kind: 'zone-aware';
  readonly enabled: boolean;
  readonly minClusterSize?: number;
  readonly failover: readonly Failover[];
  readonly failoverPriority: readonly string[];
  readonly origin: Origin;
};

/** Region names. */
export type Failover = { readonly from: string; readonly to: string };

/** Counts of 0 mean "not set", as in Istio. */
export type ConnectionPool = {
  readonly tcp?: TcpPool;
  readonly http?: HttpPool;
  readonly origin: Origin;
};

export type TcpPool = {
  readonly maxConnections: number;
  readonly connectTimeoutMs?: number;
  readonly keepalive?: TcpKeepalive;
  readonly maxConnectionDurationMs?: number;
  /** 0: never closed for being idle. */
  readonly idleTimeoutMs?: number;
};

/** Absent parts are the system's. Envoy counts whole seconds. */
export type TcpKeepalive = { readonly probes?: number; readonly timeSeconds?: number; readonly intervalSeconds?: number };

export type HttpPool = {
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRequestsPerConnection: number;
  readonly maxRetries: number;
  readonly maxConcurrentStreams: number;
  readonly idleTimeoutMs?: number;
  /** Undefined: as MeshConfig.h2UpgradePolicy says. */
  readonly h2Upgrade?: boolean;
  readonly useClientProtocol: boolean;
  readonly http2Keepalive?: { readonly intervalMs: number; readonly timeoutMs: number };
};

/** An error count of 0 switches that kind of ejection off; undefined means Envoy's default, 5. */
export type OutlierDetection = {
  readonly consecutive5xx?: number;
  readonly consecutiveGatewayErrors?: number;
  /** Undefined: failures to connect count as 5xx. */
  readonly localOrigin?: { readonly consecutiveFailures: number };
  readonly intervalMs?: number;
  readonly baseEjectionMs?: number;
  /** 0: Envoy's default, 10. */
  readonly maxEjectionPercent: number;
  /** Below this share of healthy endpoints all are used; 0: never. */
  readonly minHealthPercent: number;
  /** The statuses that are errors, in place of all from 500 on; each once. */
  readonly errorStatuses?: readonly number[];
  readonly origin: Origin;
};

export type ClientTls = {
  readonly mode: 'disable' | 'simple' | 'mutual' | 'istio-mutual';
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly caCrl?: string;
  readonly credentialName?: string;
  /** The credential is roots in a ConfigMap, which are no secret: every client has them. */
  readonly forEverybody?: true;
  readonly subjectAltNames: readonly string[];
  readonly sni?: string;
  readonly insecureSkipVerify: boolean;
  readonly origin: Origin;
};

export type Tunnel = { readonly method: 'CONNECT' | 'POST'; readonly host: string; readonly port: number; readonly origin: Origin };

/** How many retries may be under way, as a share of requests under way. */
export type RetryBudget = { readonly percent?: number; readonly minConcurrency?: number };
