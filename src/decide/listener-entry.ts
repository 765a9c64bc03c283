// A listener as compiled once per update: where it listens, its filter chains and what each chain does with a connection.
// Immutable. Formats (access log, local replies) are handed on as data for telemetry and the proxy to compile.

import type { IpRange } from '#base/cidr.ts';
import type { ExtAuthzEntry } from '#decide/ext-authz-entry.ts';
import type { FilterChainIndex } from '#decide/filter-chain-match.ts';
import type { HttpFilterEntry } from '#decide/http-filter.ts';
import type { RbacEntry } from '#decide/rbac.ts';
import type { RouteTable } from '#decide/route-table.ts';
import type { DownstreamTls } from '#decide/tls-entry.ts';
import type { AccessLog } from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { LocalReplyConfig } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';

export type ListenerEntry = {
  readonly name: string;
  /** An IP address; or a Unix socket, `/path` or `@name`, with port 0. */
  readonly address: string;
  readonly port: number;
  /** Further IP addresses with the same port; undefined: none. */
  readonly additionalAddresses?: readonly string[];
  /** Permissions of a Unix socket that has a path; undefined: as the system makes it. */
  readonly socketMode?: number;
  /** False: the port is only reached through another listener's use_original_dst. */
  readonly bindToPort: boolean;
  readonly useOriginalDst: boolean;
  readonly listenerFilters: readonly ListenerFilterEntry[];
  /** Envoy's default is 15 s; 0: none. */
  readonly listenerFiltersTimeoutMs: number;
  readonly continueOnListenerFiltersTimeout: boolean;
  readonly trafficDirection: 'unspecified' | 'inbound' | 'outbound';
  readonly filterChains: readonly FilterChainEntry[];
  readonly defaultFilterChain?: FilterChainEntry;
  /** The filter chains' matches, indexed in Envoy's order of criteria. */
  readonly index: FilterChainIndex;
  readonly accessLogs: readonly AccessLog[];
};

/** `disabled`: the destination ports for which the filter does not run (filter_disabled). */
export type ListenerFilterEntry = {
  readonly kind: 'original-dst' | 'tls-inspector' | 'http-inspector' | 'proxy-protocol';
  readonly disabled: (port: number) => boolean;
  /** Of a PROXY header: connections without one are taken, too. */
  readonly optional?: boolean;
};

export type FilterChainEntry = {
  readonly name: string;
  /** Its match in words, `port 8080 and transport protocol tls`; 'any connection' without one. */
  readonly text: string;
  readonly tls?: DownstreamTls;
  /** In order; the last one ends the connection (`http` or `tcp-proxy`). Empty: the connection is closed. */
  readonly filters: readonly NetworkFilterEntry[];
  /** transport_socket_connect_timeout; 0: none. */
  readonly transportSocketConnectTimeoutMs: number;
};

export type NetworkFilterEntry =
  | { readonly kind: 'http'; readonly manager: HttpManagerEntry }
  | ({ readonly kind: 'tcp-proxy' } & TcpProxyEntry)
  | { readonly kind: 'rbac'; readonly policy: RbacEntry }
  | { readonly kind: 'ext-authz'; readonly authz: ExtAuthzEntry };

export type TcpProxyEntry = {
  readonly statPrefix: string;
  /** Weights are cumulative: one random number in [0, totalWeight) picks by scan. */
  readonly clusters: readonly { readonly cluster: string; readonly cumulativeWeight: number }[];
  readonly totalWeight: number;
  /** Envoy's default is one hour; 0: none. */
  readonly idleTimeoutMs: number;
  readonly maxConnectAttempts: number;
  /** What places a connection where its cluster is balanced by hash. */
  readonly hashPolicy?: 'source-ip';
  /** From the connection's start; 0: none. */
  readonly maxConnectionDurationMs: number;
  /** The bytes go through an HTTP proxy: the endpoint of the cluster. */
  readonly tunnel?: TunnelEntry;
  readonly accessLogs: readonly AccessLog[];
  /** They are written when an endpoint is connected as well (access_log_options). */
  readonly logsConnected: boolean;
};

/** What an HTTP proxy is asked for. `path` is that of a POST. */
export type TunnelEntry = { readonly method: 'CONNECT' | 'POST'; readonly authority: string; readonly path: string };

/** HttpConnectionManager. Durations in milliseconds, 0 means none; Envoy's defaults are filled in. */
export type HttpManagerEntry = {
  readonly statPrefix: string;
  readonly codec: 'auto' | 'http1' | 'http2';
  readonly routes: { readonly kind: 'rds'; readonly name: string } | { readonly kind: 'inline'; readonly table: RouteTable };
  /** In order, the router last. */
  readonly httpFilters: readonly HttpFilterEntry[];
  /** Some filter may act on requests whose route says nothing about filters. */
  readonly filtersAct: boolean;
  readonly accessLogs: readonly AccessLog[];
  readonly useRemoteAddress: boolean;
  readonly xffNumTrustedHops: number;
  /** internal_address_config: whose requests may carry x-envoy headers that the router heeds. Empty: nobody's. */
  readonly internalRanges: readonly IpRange[];
  readonly skipXffAppend: boolean;
  readonly generateRequestId: boolean;
  readonly preserveExternalRequestId: boolean;
  readonly alwaysSetRequestIdInResponse: boolean;
  /** `envoy` by default; Istio sets `istio-envoy`. */
  readonly serverName: string;
  readonly serverHeaderTransformation: 'overwrite' | 'append-if-absent' | 'pass-through';
  readonly via: string;
  readonly idleTimeoutMs: number;
  readonly maxConnectionDurationMs: number;
  /** From a request's first byte to the end of its response. */
  readonly maxStreamDurationMs: number;
  readonly maxRequestsPerConnection: number;
  readonly streamIdleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly requestHeadersTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly delayedCloseTimeoutMs: number;
  readonly maxRequestHeadersKb: number;
  readonly maxHeadersCount: number;
  readonly headersWithUnderscores: 'allow' | 'reject' | 'drop';
  readonly forwardClientCert: 'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only';
  /** What goes into x-forwarded-client-cert on append-forward and sanitize-set. */
  readonly clientCertDetails: {
    readonly subject: boolean;
    readonly cert: boolean;
    readonly chain: boolean;
    readonly dns: boolean;
    readonly uri: boolean;
  };
  /** Lower case; true: allowed. */
  readonly upgradeTypes: ReadonlyMap<string, boolean>;
  readonly localReply?: LocalReplyConfig;
  readonly normalizePath: boolean;
  readonly mergeSlashes: boolean;
  readonly pathWithEscapedSlashes: 'keep' | 'reject' | 'unescape-and-redirect' | 'unescape-and-forward';
  readonly stripPort: 'never' | 'matching' | 'any';
  readonly stripTrailingHostDot: boolean;
  readonly acceptHttp10: boolean;
  readonly defaultHostForHttp10: string;
  /** stateful_formatter preserve_case: header names go out as they came. */
  readonly preserveCase: boolean;
  readonly maxConcurrentStreams?: number;
  /** HTTP/2 connections may ask for WebSockets and the like by extended CONNECT. */
  readonly allowConnect: boolean;
  readonly proxy100Continue: boolean;
  readonly appendForwardedPort: boolean;
};
