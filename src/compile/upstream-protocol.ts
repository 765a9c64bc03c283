// How a cluster speaks HTTP to its endpoints: HTTP/2 where the port or a policy says so, as the client did where the protocol is sniffed or the
// policy says so, else HTTP/1.1; and when its connections end. Source: Istio, setUpstreamProtocol and applyConnectionPool.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { duration } from '#compile/durations.ts';
import { errorMatcher } from '#compile/outlier-detection.ts';
import type { RequestNames } from '#compile/upstream-tls.ts';
import { packAny, packSharedAny } from '#envoy/any.ts';
import type { HttpProtocolOptionsSchema as CommonOptionsSchema, Http2ProtocolOptionsSchema } from '#envoy/gen/envoy/config/core/v3/protocol_pb.js';
import { HttpProtocolOptionsSchema } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import type { ConnectionPool, HttpPool } from '#model/destination-rule.ts';
import { isHttp, isHttp2, type Protocol } from '#model/protocol.ts';

const extension = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

type ProtocolOptions = Readonly<Record<string, Any>>;
type OptionsInit = MessageInitShape<typeof HttpProtocolOptionsSchema>;
type VersionInit = Exclude<OptionsInit['upstreamProtocolOptions'], undefined>;

/** What decides about HTTP versions beside the port's protocol. */
export type UpstreamHttp = {
  readonly client: 'sidecar' | 'router' | 'inbound';
  readonly pool?: ConnectionPool;
  /** OutlierDetection.errorStatuses. */
  readonly errorStatuses?: readonly number[];
  /** What of each request says which server it is for. */
  readonly requestNames?: RequestNames;
  /** MeshConfig.h2UpgradePolicy. */
  readonly h2Upgrade: boolean;
};

/** The cluster's typed_extension_protocol_options; empty means HTTP/1.1. */
export function upstreamProtocolOptions(protocol: Protocol, http: UpstreamHttp): ProtocolOptions {
  const { pool, errorStatuses, requestNames } = http;
  const version = versionOptions(protocol, http);
  const common = commonOptions(pool);
  const errors = errorStatuses !== undefined && (protocol === 'auto' || carriedBy(protocol, http) !== 'bytes') ? errorStatuses : undefined;
  if (common === undefined && errors === undefined && requestNames === undefined) {
    if (version === undefined) return {};
    if (pool === undefined) return usualOptions(version);
  }
  return {
    [extension]: packAny(HttpProtocolOptionsSchema, {
      upstreamProtocolOptions: version ?? { case: 'explicitHttpConfig', value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } } },
      ...(common !== undefined && { commonHttpProtocolOptions: common }),
      ...(errors !== undefined && { outlierDetection: { errorMatcher: errorMatcher(errors) } }),
      ...(requestNames !== undefined && { upstreamHttpProtocolOptions: { autoSni: requestNames.sni, autoSanValidation: requestNames.san } }),
    }),
  };
}

const usual = new Map<VersionInit['case'], ProtocolOptions>();

/** What most clusters have, packed once. */
function usualOptions(version: VersionInit): ProtocolOptions {
  let options = usual.get(version.case);
  if (options === undefined) {
    options = { [extension]: packSharedAny(HttpProtocolOptionsSchema, { upstreamProtocolOptions: version }) };
    usual.set(version.case, options);
  }
  return options;
}

/** Whether the cluster speaks HTTP/2 whatever its clients speak. */
export function speaksHttp2(protocol: Protocol, http: UpstreamHttp): boolean {
  const version = versionOptions(protocol, http);
  return version?.case === 'explicitHttpConfig';
}

/**
 * What connections of the cluster carry: HTTP of one version, of the client's, or bytes. A sniffed port carries bytes, unless a request comes that way,
 * which says so itself.
 */
export function carriedBy(protocol: Protocol, http: UpstreamHttp): 'http1' | 'http2' | 'mirrored' | 'bytes' {
  if (speaksHttp2(protocol, http)) return 'http2';
  if (!isHttp(protocol)) return 'bytes';
  return versionOptions(protocol, http) === undefined ? 'http1' : 'mirrored';
}

/** Gateways never mirror the client unless told to: it may well be HTTP/2 by TLS. */
function versionOptions(protocol: Protocol, http: UpstreamHttp): VersionInit | undefined {
  const { client, pool } = http;
  const mirror = pool?.http?.useClientProtocol === true || (protocol === 'auto' && client !== 'router');
  if (mirror) return { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: {} } };
  if (!isHttp2(protocol) && !isUpgraded(protocol, http)) return undefined;
  return { case: 'explicitHttpConfig', value: { protocolConfig: { case: 'http2ProtocolOptions', value: http2Options(pool?.http) } } };
}

/** h2UpgradePolicy of the pool, on any port; of the mesh, on declared HTTP only. Source: Istio, shouldH2Upgrade. */
function isUpgraded(protocol: Protocol, { client, pool, h2Upgrade }: UpstreamHttp): boolean {
  if (client === 'inbound') return false;
  return pool?.http?.h2Upgrade ?? (h2Upgrade && isHttp(protocol));
}

function http2Options(pool: HttpPool | undefined): MessageInitShape<typeof Http2ProtocolOptionsSchema> {
  const { maxConcurrentStreams = 0, http2Keepalive } = pool ?? {};
  return {
    ...(maxConcurrentStreams > 0 && { maxConcurrentStreams }),
    ...(http2Keepalive !== undefined && {
      connectionKeepalive: { interval: duration(http2Keepalive.intervalMs), timeout: duration(http2Keepalive.timeoutMs) },
    }),
  };
}

/** The idle timeout for HTTP, else that for connections; 0 requests per connection means "not set". */
function commonOptions(pool: ConnectionPool | undefined): MessageInitShape<typeof CommonOptionsSchema> | undefined {
  const { tcp, http } = pool ?? {};
  const idleTimeoutMs = http?.idleTimeoutMs ?? tcp?.idleTimeoutMs;
  const maxRequestsPerConnection = http?.maxRequestsPerConnection ?? 0;
  const maxConnectionMs = tcp?.maxConnectionDurationMs;
  if (idleTimeoutMs === undefined && maxRequestsPerConnection === 0 && maxConnectionMs === undefined) return undefined;
  return {
    ...(idleTimeoutMs !== undefined && { idleTimeout: duration(idleTimeoutMs) }),
    ...(maxRequestsPerConnection > 0 && { maxRequestsPerConnection }),
    ...(maxConnectionMs !== undefined && { maxConnectionDuration: duration(maxConnectionMs) }),
  };
}

/** For PassthroughCluster and its like: mirrors the client, and drops connections that are idle for five minutes. */
export function passthroughProtocolOptions(): ProtocolOptions {
  return {
    [extension]: packAny(HttpProtocolOptionsSchema, {
      commonHttpProtocolOptions: { idleTimeout: duration(300_000) },
      upstreamProtocolOptions: { case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: {} } },
    }),
  };
}
