// A cluster with its endpoints, compiled once per update from Envoy's Cluster and ClusterLoadAssignment.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { BalancingEntry } from '#decide/balancing-entry.ts';
import type { OutlierEntry } from '#decide/outlier-entry.ts';
import type { RequestNames } from '#decide/request-names.ts';
import type { CertificateSource, PeerValidation, SecretReference, TlsSettings } from '#decide/tls-entry.ts';

export type ClusterEntry = BalancingEntry &
  CircuitLimits & {
    readonly name: string;
    /** `dynamic-dns`: a dynamic forward proxy, which asks DNS for the host of each request. */
    readonly discovery: 'static' | 'eds' | 'strict-dns' | 'logical-dns' | 'original-dst' | 'dynamic-dns';
    /** The texts in its metadata, by `namespace:key`. */
    readonly metadata: ReadonlyMap<string, string>;
    /** The name to ask EDS for (`eds_cluster_config.service_name`, else the cluster's name). */
    readonly edsName: string;
    readonly connectTimeoutMs: number;
    /** `same-as-downstream`: HTTP/2 to the endpoint when the request came by HTTP/2 (useDownstreamProtocol). */
    readonly protocol: 'http1' | 'http2' | 'same-as-downstream';
    /** Static and DNS clusters: from `load_assignment` (DNS names not resolved). EDS clusters: empty until the assignment comes. */
    readonly endpoints: readonly EndpointEntry[];
    /** ClusterLoadAssignment.policy.overprovisioning_factor, 140 by default. */
    readonly overprovisioningFactor: number;
    /** The Envoy transport_socket for upstream TLS, undefined for plaintext. Read by proxy/tls. */
    readonly tls?: UpstreamTls;
    /** transport_socket_matches, in order: what is used in place of `tls` and `proxyProtocol` for endpoints that fit one. */
    readonly transportChoices?: readonly TransportSocketChoice[];
    /** ALPN names that connections offer in place of those of `tls`: those of the requests that they are for (set_filter_state). */
    readonly requestAlpn?: readonly string[];
    /** Each request says itself which server its connections are to. */
    readonly requestNames?: RequestNames;
    /** Each connection begins with a PROXY protocol header that names the client's connection, and carries that client's requests alone. */
    readonly proxyProtocol?: 1 | 2;
    /** Pool connections without requests close after this; Envoy's default is one hour. */
    readonly idleTimeoutMs: number;
    /** 0: no limit. */
    readonly maxRequestsPerConnection: number;
    /** A connection takes no new requests after this; 0: no limit. */
    readonly maxConnectionDurationMs: number;
    readonly http2: Http2Upstream;
    /** In place of the cluster's own limits for requests of high priority, which are counted apart. */
    readonly high: CircuitLimits;
    readonly outlier?: OutlierEntry;
    readonly dns: DnsSettings;
    /** How many hosts a dynamic forward proxy knows at once (dns_cache_config.max_hosts). */
    readonly maxHosts: number;
    /** original_dst_lb_config: a request's header says where to go. */
    readonly originalDst: OriginalDestination;
    /** Bind outgoing connections to that of the same family, else to the first (upstream_bind_config: Istio's 127.0.0.6 for inbound). */
    readonly bindAddresses?: readonly string[];
    /** The proxy's own, at most one of each family, for connections to endpoints of the same: told by the proxy, not by the configuration. */
    readonly proxyAddresses?: readonly string[];
    /** Keep-alive probes on upstream sockets after this long idle; 0: off. */
    readonly tcpKeepaliveMs: number;
  };

/** Circuit breakers of one priority. Envoy's defaults: 1024 each, 3 retries. */
export type CircuitLimits = {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  /** Retries are limited to a part of all requests instead of by maxRetries. */
  readonly retryBudget?: RetryBudget;
};

/** What limits HTTP/2 connections to endpoints besides their own SETTINGS. Durations in ms, 0: none. */
export type Http2Upstream = {
  readonly maxConcurrentStreams: number;
  /** connection_keepalive; with interval 0 only the proxy's own pings are sent. */
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
};

/** When names are asked for again, in ms. `failure`: after a failed answer, between these, doubling; undefined: as after a good one. */
export type DnsSettings = {
  readonly refreshMs: number;
  /** The answer's own lifetime counts instead (respect_dns_ttl). */
  readonly respectsTtl: boolean;
  readonly failure?: { readonly baseMs: number; readonly maxMs: number };
};

/** `percent` of the requests under way, never fewer than `minConcurrency` (CircuitBreakers.Thresholds.RetryBudget). */
export type RetryBudget = { readonly percent: number; readonly minConcurrency: number };

/** `header` is '' where no header is looked at; `port` 0 keeps the port. */
export type OriginalDestination = { readonly header: string; readonly port: number };

/** The endpoints of one cluster, as EDS or a load_assignment gives them. */
export type EndpointSet = { readonly cluster: string; readonly endpoints: readonly EndpointEntry[]; readonly overprovisioningFactor: number };

export type EndpointEntry = {
  /** An IP address, a name (DNS clusters), or the path of a Unix socket (begins with / or @, port 0). */
  readonly address: string;
  readonly port: number;
  /** At least 1. */
  readonly weight: number;
  readonly healthy: boolean;
  readonly degraded: boolean;
  /** 0 is used first. */
  readonly priority: number;
  /** `region/zone/sub_zone`. */
  readonly locality: string;
  /** LocalityLbEndpoints.load_balancing_weight, 0 where not set: such a locality gets nothing when localities are weighted. */
  readonly localityWeight: number;
  /** `hash_key` of its `envoy.lb` metadata, '' where there is none. */
  readonly hashKey: string;
  /** `Endpoint.hostname`, '' where not set; auto_host_rewrite uses it. */
  readonly hostname: string;
  /** Its metadata `envoy.transport_socket_match`; absent where it has none. */
  readonly socketMatch?: JsonObject;
  /** The texts in its metadata, by `namespace:key`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** `address:port`, as the access log prints it. */
  readonly key: string;
};

/** UpstreamTlsContext. Files are read and secrets resolved by proxy/tls. */
export type UpstreamTls = {
  /** '' : none is sent. */
  readonly sni: string;
  /** A name that must stand in the server's certificate besides: the host of the requests that the connection is for. */
  readonly requestedName?: string;
  readonly alpn: readonly string[];
  /** Our own, for mutual TLS. */
  readonly certificate?: CertificateSource;
  /** Without a root the server's certificate is not verified (Envoy). */
  readonly validation: PeerValidation;
  /** Roots, and whatever else of a validation context, that a secret adds to `validation`. */
  readonly validationSecret?: SecretReference;
  readonly parameters: TlsSettings;
};

/**
 * One of transport_socket_matches: endpoints whose metadata has all of `criteria` are reached by it. Source: Envoy, TransportSocketMatcherImpl.
 */
export type TransportSocketChoice = {
  readonly name: string;
  readonly criteria: Readonly<Record<string, JsonValue>>;
  /** Undefined: plaintext. */
  readonly tls?: UpstreamTls;
  readonly proxyProtocol?: 1 | 2;
};
