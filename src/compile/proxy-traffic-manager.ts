// What a ProxyConfig says about headers and connections, put into one HTTP connection manager.
import { fromBinary } from '@bufbuild/protobuf';
import { duration } from '#compile/durations.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import {
  type Http1ProtocolOptions,
  Http1ProtocolOptionsSchema,
  Http2ProtocolOptionsSchema,
  HttpProtocolOptions_HeadersWithUnderscoresAction,
  HttpProtocolOptionsSchema,
} from '#envoy/gen/envoy/config/core/v3/protocol_pb.js';
import { RouterSchema } from '#envoy/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import {
  type HttpConnectionManager,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManager_SetCurrentClientCertDetailsSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { PreserveCaseFormatterConfigSchema } from '#envoy/gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import type { ConnectionLimits, ProxyHeaders, ProxyTraffic } from '#model/proxy-traffic.ts';

export type ManagerSide = 'inbound' | 'outbound' | 'gateway';

/** Changes `manager` in place. */
export function applyToManager(manager: HttpConnectionManager, { headers = {}, limits = {} }: ProxyTraffic, side: ManagerSide): void {
  applyHeaders(manager, headers, side);
  applyLimits(manager, limits);
}

/** The options with names of headers as they came. */
export function withPreservedCase(options?: Http1ProtocolOptions): Http1ProtocolOptions {
  const typedConfig = packAny(PreserveCaseFormatterConfigSchema, {});
  const headerKeyFormat = { headerFormat: { case: 'statefulFormatter', value: { name: 'preserve_case', typedConfig } } } as const;
  const format = create(Http1ProtocolOptionsSchema, { headerKeyFormat });
  return Object.assign(options ?? format, { headerKeyFormat: format.headerKeyFormat });
}

/** What gateways do with x-forwarded-client-cert is said by their topology. */
function applyHeaders(manager: HttpConnectionManager, headers: ProxyHeaders, side: ManagerSide): void {
  const { server, forwardClientCert, clientCertDetails } = headers;
  if (server !== undefined) {
    manager.serverName = server;
    if (server === '') manager.serverHeaderTransformation = HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH;
  }
  if (headers.requestId === false) manager.generateRequestId = false;
  if (headers.forwardedPort === true) manager.appendXForwardedPort = true;
  if (headers.preserveCase === true) manager.httpProtocolOptions = withPreservedCase(manager.httpProtocolOptions);
  if (headers.debugHeaders === false) hideDebugHeaders(manager);
  if (side !== 'inbound') return;
  if (forwardClientCert !== undefined) manager.forwardClientCertDetails = HttpConnectionManager_ForwardClientCertDetails[forwardClientCert];
  if (clientCertDetails === undefined) return;
  const { subject = true, uri = true, dns = true, cert = false, chain = false } = clientCertDetails;
  manager.setCurrentClientCertDetails = create(HttpConnectionManager_SetCurrentClientCertDetailsSchema, { subject, uri, dns, cert, chain });
}

function hideDebugHeaders({ httpFilters }: HttpConnectionManager): void {
  for (const { configType } of httpFilters) {
    if (configType.case !== 'typedConfig' || !configType.value.typeUrl.endsWith(`/${RouterSchema.typeName}`)) continue;
    configType.value = packAny(RouterSchema, { ...fromBinary(RouterSchema, configType.value.value), suppressEnvoyHeaders: true });
  }
}

function applyLimits(manager: HttpConnectionManager, limits: ConnectionLimits): void {
  const { idleTimeoutMs, maxConnectionDurationMs, maxStreamDurationMs, headersWithUnderscores } = limits;
  const { maxConcurrentStreams, streamWindowBytes, connectionWindowBytes } = limits;
  const common = {
    ...(idleTimeoutMs !== undefined && { idleTimeout: duration(idleTimeoutMs) }),
    ...(maxConnectionDurationMs !== undefined && { maxConnectionDuration: duration(maxConnectionDurationMs) }),
    ...(maxStreamDurationMs !== undefined && { maxStreamDuration: duration(maxStreamDurationMs) }),
    ...(headersWithUnderscores !== undefined && {
      headersWithUnderscoresAction: HttpProtocolOptions_HeadersWithUnderscoresAction[headersWithUnderscores],
    }),
  };
  if (Object.keys(common).length > 0) {
    manager.commonHttpProtocolOptions = Object.assign(manager.commonHttpProtocolOptions ?? create(HttpProtocolOptionsSchema, {}), common);
  }
  const http2 = {
    ...(maxConcurrentStreams !== undefined && { maxConcurrentStreams }),
    ...(streamWindowBytes !== undefined && { initialStreamWindowSize: streamWindowBytes }),
    ...(connectionWindowBytes !== undefined && { initialConnectionWindowSize: connectionWindowBytes }),
  };
  if (Object.keys(http2).length > 0) {
    manager.http2ProtocolOptions = Object.assign(manager.http2ProtocolOptions ?? create(Http2ProtocolOptionsSchema, {}), http2);
  }
  if (limits.streamIdleTimeoutMs !== undefined) manager.streamIdleTimeout = duration(limits.streamIdleTimeoutMs);
  if (limits.requestTimeoutMs !== undefined) manager.requestTimeout = duration(limits.requestTimeoutMs);
  if (limits.requestHeadersTimeoutMs !== undefined) manager.requestHeadersTimeout = duration(limits.requestHeadersTimeoutMs);
  if (limits.drainTimeoutMs !== undefined) manager.drainTimeout = duration(limits.drainTimeoutMs);
  if (limits.mergeSlashes !== undefined) manager.mergeSlashes = limits.mergeSlashes;
  if (limits.escapedSlashes !== undefined) {
    manager.pathWithEscapedSlashesAction = HttpConnectionManager_PathWithEscapedSlashesAction[limits.escapedSlashes];
  }
}
