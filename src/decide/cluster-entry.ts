// A cluster with its endpoints, compiled once per update from Envoy's Cluster and ClusterLoadAssignment.
import type { CertificateSource, DataSourceEntry, SanMatch, TlsVersion } from '#decide/tls-entry.ts';

export type ClusterEntry = {
  readonly name: string;
  readonly discovery: 'static' | 'eds' | 'strict-dns' | 'logical-dns' | 'original-dst';
  /** The name to ask EDS for (`eds_cluster_config.service_name`, else the cluster's name). */
  readonly edsName: string;
  readonly connectTimeoutMs: number;
  readonly balancing: 'round-robin' | 'least-request' | 'random' | 'original-dst';
  /** Least request: how many endpoints are drawn, 2 by default. */
  readonly choiceCount: number;
  /** Least request with unequal weights: how much active requests count against weight, 1 by default. */
  readonly activeRequestBias: number;
  /** Percent of healthy hosts below which health is ignored; Envoy's default 50, Istio says 0 (never). */
  readonly panicThresholdPercent: number;
  /** In panic all requests fail instead (fail_traffic_on_panic). */
  readonly failTrafficOnPanic: boolean;
  /** `same-as-downstream`: HTTP/2 to the endpoint when the request came by HTTP/2 (useDownstreamProtocol). */
  readonly protocol: 'http1' | 'http2' | 'same-as-downstream';
  /** Static and DNS clusters: from `load_assignment` (DNS names not resolved). EDS clusters: empty until the assignment comes. */
  readonly endpoints: readonly EndpointEntry[];
  /** ClusterLoadAssignment.policy.overprovisioning_factor, 140 by default. */
  readonly overprovisioningFactor: number;
  /** The Envoy transport_socket for upstream TLS, undefined for plaintext. Read by proxy/tls. */
  readonly tls?: UpstreamTls;
  /** Pool connections without requests close after this; Envoy's default is one hour. */
  readonly idleTimeoutMs: number;
  /** 0: no limit. */
  readonly maxRequestsPerConnection: number;
  /** Envoy's defaults: 1024 each, 3 retries. */
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  /** Bind outgoing connections to this address (upstream_bind_config: Istio's 127.0.0.6 for inbound). */
  readonly bindAddress?: string;
  /** Keep-alive probes on upstream sockets after this long idle; 0: off. */
  readonly tcpKeepaliveMs: number;
};

/** The endpoints of one cluster, as EDS or a load_assignment gives them. */
export type EndpointSet = { readonly cluster: string; readonly endpoints: readonly EndpointEntry[]; readonly overprovisioningFactor: number };

export type EndpointEntry = {
  readonly address: string;
  readonly port: number;
  /** At least 1. */
  readonly weight: number;
  readonly healthy: boolean;
  readonly degraded: boolean;
  /** 0 is used first. */
  readonly priority: number;
  /** `Endpoint.hostname`, '' where not set; auto_host_rewrite uses it. */
  readonly hostname: string;
  /** `address:port`, as the access log prints it. */
  readonly key: string;
};

/** UpstreamTlsContext. Files are read and secrets resolved by proxy/tls. */
export type UpstreamTls = {
  /** '' : none is sent. */
  readonly sni: string;
  readonly alpn: readonly string[];
  /** Our own, for mutual TLS. */
  readonly certificate?: CertificateSource;
  /** Without a root the server's certificate is not verified (Envoy). */
  readonly trustedCa?: DataSourceEntry;
  readonly trustedCaSecret?: string;
  /** One of them must fit one of the server's names; empty: any name will do. */
  readonly subjectAltNames: readonly SanMatch[];
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  readonly cipherSuites: readonly string[];
};
