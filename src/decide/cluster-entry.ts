// A cluster with its endpoints, compiled once per update from Envoy's Cluster and ClusterLoadAssignment.

export type ClusterEntry = {
  readonly name: string;
  readonly discovery: 'static' | 'eds' | 'strict-dns' | 'logical-dns' | 'original-dst';
  readonly connectTimeoutMs: number;
  readonly balancing: 'round-robin' | 'least-request' | 'random' | 'original-dst';
  /** `same-as-downstream`: HTTP/2 to the endpoint when the request came by HTTP/2 (useDownstreamProtocol). */
  readonly protocol: 'http1' | 'http2' | 'same-as-downstream';
  readonly endpoints: readonly EndpointEntry[];
  /** The Envoy transport_socket for upstream TLS, undefined for plaintext. Read by proxy/tls. */
  readonly tls?: UpstreamTls;
  readonly idleTimeoutMs: number;
  /** 0: no limit. */
  readonly maxRequestsPerConnection: number;
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
};

export type EndpointEntry = {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly healthy: boolean;
  /** `address:port`, as the access log prints it. */
  readonly key: string;
};

/** UpstreamTlsContext: files are read, secrets resolved, when the cluster is built. */
export type UpstreamTls = {
  readonly sni: string;
  readonly alpn: readonly string[];
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly trustedCaFile?: string;
  readonly inline: { readonly certificate?: string; readonly key?: string; readonly trustedCa?: string };
  readonly subjectAltNames: readonly string[];
};
