// What a ProxyConfig (MeshConfig.defaultConfig, or a Pod's own by annotation) says about the headers that a proxy adds, and the limits of its
// connections. What is not there is as in Istio.

export type ProxyTraffic = { readonly headers?: ProxyHeaders; readonly limits?: ConnectionLimits };

/** ProxyConfig.proxyHeaders. */
export type ProxyHeaders = {
  /** The `server` header of responses: a name, or `''` where it passes through as the backend sent it. */
  readonly server?: string;
  /** False: no x-request-id is made. */
  readonly requestId?: boolean;
  /** False: no x-envoy-attempt-count. */
  readonly attemptCount?: boolean;
  /** False: none of the router's own x-envoy headers. */
  readonly debugHeaders?: boolean;
  /** What becomes of x-forwarded-client-cert at a sidecar that is called. */
  readonly forwardClientCert?: 'SANITIZE' | 'FORWARD_ONLY' | 'APPEND_FORWARD' | 'SANITIZE_SET' | 'ALWAYS_FORWARD_ONLY';
  /** What of the certificate is said in it. */
  readonly clientCertDetails?: Readonly<Partial<Record<'subject' | 'cert' | 'chain' | 'dns' | 'uri', boolean>>>;
  /** Names of HTTP/1 headers go on as they came. */
  readonly preserveCase?: boolean;
  /** x-forwarded-host has the host that a rule replaces. */
  readonly forwardedHost?: boolean;
  /** x-forwarded-port has the port that a connection was made to. */
  readonly forwardedPort?: boolean;
};

/** ProxyConfig.connectionSettings. */
export type ConnectionLimits = {
  /** Of a gateway: what is not there is as Envoy advises at the edge of a network. */
  readonly edge?: true;
  readonly bufferLimitBytes?: number;
  readonly idleTimeoutMs?: number;
  readonly maxConnectionDurationMs?: number;
  readonly drainTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly requestHeadersTimeoutMs?: number;
  readonly streamIdleTimeoutMs?: number;
  readonly maxStreamDurationMs?: number;
  readonly maxConcurrentStreams?: number;
  readonly streamWindowBytes?: number;
  readonly connectionWindowBytes?: number;
  readonly headersWithUnderscores?: 'ALLOW' | 'REJECT_REQUEST' | 'DROP_HEADER';
  readonly mergeSlashes?: boolean;
  readonly escapedSlashes?: 'KEEP_UNCHANGED' | 'REJECT_REQUEST' | 'UNESCAPE_AND_REDIRECT' | 'UNESCAPE_AND_FORWARD';
};

/** The Pod's own over the mesh's, field by field; undefined where neither says anything. */
export function mergeTraffic(ofMesh: ProxyTraffic | undefined, own: ProxyTraffic | undefined): ProxyTraffic | undefined {
  if (ofMesh === undefined || own === undefined) return own ?? ofMesh;
  const details = { ...ofMesh.headers?.clientCertDetails, ...own.headers?.clientCertDetails };
  return {
    headers: { ...ofMesh.headers, ...own.headers, ...(Object.keys(details).length > 0 && { clientCertDetails: details }) },
    limits: { ...ofMesh.limits, ...own.limits },
  };
}

/** What Envoy advises for a proxy at the edge of a network, as Istio's profile EDGE has it. Source: Istio, applyEdgeProfileDefaults. */
export const edgeLimits: ConnectionLimits = {
  bufferLimitBytes: 32_768,
  idleTimeoutMs: 3_600_000,
  streamIdleTimeoutMs: 300_000,
  requestTimeoutMs: 300_000,
  requestHeadersTimeoutMs: 60_000,
  maxConcurrentStreams: 100,
  streamWindowBytes: 65_536,
  connectionWindowBytes: 1_048_576,
  headersWithUnderscores: 'REJECT_REQUEST',
  mergeSlashes: true,
  escapedSlashes: 'UNESCAPE_AND_REDIRECT',
};
