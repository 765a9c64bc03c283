// Envoy's HttpConnectionManager, compiled, with Envoy's defaults filled in.

import { type IpRange, ipRange } from '#base/cidr.ts';
import type { Problems } from '#decide/config-error.ts';
import type { FileReader } from '#decide/data-source.ts';
import { durationMs } from '#decide/duration.ts';
import { actsByItself } from '#decide/http-filter.ts';
import { compileHttpFilters } from '#decide/http-filters.ts';
import type { HttpManagerEntry } from '#decide/listener-entry.ts';
import { buildRouteTable } from '#decide/route-table.ts';
import { HttpProtocolOptions_HeadersWithUnderscoresAction as UnderscoresAction } from '#envoy/gen/envoy/config/core/v3/protocol_pb.js';
import {
  HttpConnectionManager_CodecType as Codec,
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  HttpConnectionManager_ForwardClientCertDetails as ForwardClientCert,
  type HttpConnectionManager,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';

const minuteMs = 60_000;

export function compileHttpManager(manager: HttpConnectionManager, field: string, problems: Problems, readFile?: FileReader): HttpManagerEntry {
  const common = manager.commonHttpProtocolOptions;
  const http1 = manager.httpProtocolOptions;
  const httpFilters = compileHttpFilters(manager.httpFilters, `${field}.http_filters`, problems);
  const streams = manager.http2ProtocolOptions?.maxConcurrentStreams;
  return {
    statPrefix: manager.statPrefix,
    codec: codecs[manager.codecType],
    routes: compileRoutes(manager, field, problems, readFile),
    httpFilters,
    filtersAct: httpFilters.some(actsByItself),
    accessLogs: manager.accessLog,
    useRemoteAddress: manager.useRemoteAddress ?? false,
    xffNumTrustedHops: manager.xffNumTrustedHops,
    internalRanges: internalRangesOf(manager, field, problems),
    skipXffAppend: manager.skipXffAppend,
    generateRequestId: manager.generateRequestId ?? true,
    preserveExternalRequestId: manager.preserveExternalRequestId,
    alwaysSetRequestIdInResponse: manager.alwaysSetRequestIdInResponse,
    serverName: manager.serverName === '' ? 'envoy' : manager.serverName,
    serverHeaderTransformation: serverHeaders[manager.serverHeaderTransformation],
    via: manager.via,
    idleTimeoutMs: durationMs(common?.idleTimeout, 60 * minuteMs),
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
    maxStreamDurationMs: durationMs(common?.maxStreamDuration, 0),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    streamIdleTimeoutMs: durationMs(manager.streamIdleTimeout, 5 * minuteMs),
    requestTimeoutMs: durationMs(manager.requestTimeout, 0),
    requestHeadersTimeoutMs: durationMs(manager.requestHeadersTimeout, 0),
    drainTimeoutMs: durationMs(manager.drainTimeout, 5_000),
    delayedCloseTimeoutMs: durationMs(manager.delayedCloseTimeout, 1_000),
    maxRequestHeadersKb: manager.maxRequestHeadersKb ?? 60,
    maxHeadersCount: common?.maxHeadersCount ?? 100,
    headersWithUnderscores: underscores[common?.headersWithUnderscoresAction ?? UnderscoresAction.ALLOW],
    forwardClientCert: forwardClientCerts[manager.forwardClientCertDetails],
    clientCertDetails: clientCertDetailsOf(manager),
    upgradeTypes: new Map(manager.upgradeConfigs.map((config) => [config.upgradeType.toLowerCase(), config.enabled ?? true])),
    ...(manager.localReplyConfig === undefined ? {} : { localReply: manager.localReplyConfig }),
    normalizePath: manager.normalizePath ?? false,
    mergeSlashes: manager.mergeSlashes,
    pathWithEscapedSlashes: escapedSlashes[manager.pathWithEscapedSlashesAction],
    stripPort: stripPortOf(manager),
    stripTrailingHostDot: manager.stripTrailingHostDot,
    acceptHttp10: http1?.acceptHttp10 ?? false,
    defaultHostForHttp10: http1?.defaultHostForHttp10 ?? '',
    preserveCase: http1?.headerKeyFormat?.headerFormat.case === 'statefulFormatter',
    ...(streams === undefined ? {} : { maxConcurrentStreams: streams }),
    allowConnect: manager.http2ProtocolOptions?.allowConnect ?? false,
    proxy100Continue: manager.proxy100Continue,
    appendForwardedPort: manager.appendXForwardedPort,
  };
}

function stripPortOf(manager: HttpConnectionManager): HttpManagerEntry['stripPort'] {
  if (manager.stripPortMode.case === 'stripAnyHostPort' && manager.stripPortMode.value) return 'any';
  return manager.stripMatchingHostPort ? 'matching' : 'never';
}

function internalRangesOf({ internalAddressConfig }: HttpConnectionManager, field: string, problems: Problems): readonly IpRange[] {
  return (internalAddressConfig?.cidrRanges ?? []).flatMap(({ addressPrefix, prefixLen }, index) => {
    const range = ipRange(addressPrefix, prefixLen ?? 0);
    if (range === undefined) problems.report(`${field}.internal_address_config.cidr_ranges[${index}]`, `${addressPrefix} is not an address`);
    return range ?? [];
  });
}

function clientCertDetailsOf({ setCurrentClientCertDetails: details }: HttpConnectionManager): HttpManagerEntry['clientCertDetails'] {
  const { subject = false, cert = false, chain = false, dns = false, uri = false } = details ?? {};
  return { subject, cert, chain, dns, uri };
}

function compileRoutes(manager: HttpConnectionManager, field: string, problems: Problems, readFile?: FileReader): HttpManagerEntry['routes'] {
  const specifier = manager.routeSpecifier;
  switch (specifier.case) {
    case 'rds':
      if (specifier.value.configSource?.configSourceSpecifier.case === 'apiConfigSource')
        problems.report(`${field}.rds.config_source`, 'only ads is supported');
      return { kind: 'rds', name: specifier.value.routeConfigName };
    case 'routeConfig':
      return { kind: 'inline', table: buildRouteTable(specifier.value, `${field}.route_config`, problems, readFile) };
    case 'scopedRoutes':
    case undefined:
      problems.report(field, 'one of rds, route_config is required');
      return { kind: 'rds', name: '' };
  }
}

// HTTP/3 is refused by the table of supported fields; AUTO stands in so that the record is complete.
const codecs: Readonly<Record<Codec, HttpManagerEntry['codec']>> = {
  [Codec.AUTO]: 'auto',
  [Codec.HTTP1]: 'http1',
  [Codec.HTTP2]: 'http2',
  [Codec.HTTP3]: 'auto',
};

const serverHeaders: Readonly<Record<ServerHeader, HttpManagerEntry['serverHeaderTransformation']>> = {
  [ServerHeader.OVERWRITE]: 'overwrite',
  [ServerHeader.APPEND_IF_ABSENT]: 'append-if-absent',
  [ServerHeader.PASS_THROUGH]: 'pass-through',
};

const underscores: Readonly<Record<UnderscoresAction, HttpManagerEntry['headersWithUnderscores']>> = {
  [UnderscoresAction.ALLOW]: 'allow',
  [UnderscoresAction.REJECT_REQUEST]: 'reject',
  [UnderscoresAction.DROP_HEADER]: 'drop',
};

const forwardClientCerts: Readonly<Record<ForwardClientCert, HttpManagerEntry['forwardClientCert']>> = {
  [ForwardClientCert.SANITIZE]: 'sanitize',
  [ForwardClientCert.FORWARD_ONLY]: 'forward-only',
  [ForwardClientCert.APPEND_FORWARD]: 'append-forward',
  [ForwardClientCert.SANITIZE_SET]: 'sanitize-set',
  [ForwardClientCert.ALWAYS_FORWARD_ONLY]: 'always-forward-only',
};

// Envoy's own default is KEEP_UNCHANGED.
const escapedSlashes: Readonly<Record<EscapedSlashes, HttpManagerEntry['pathWithEscapedSlashes']>> = {
  [EscapedSlashes.IMPLEMENTATION_SPECIFIC_DEFAULT]: 'keep',
  [EscapedSlashes.KEEP_UNCHANGED]: 'keep',
  [EscapedSlashes.REJECT_REQUEST]: 'reject',
  [EscapedSlashes.UNESCAPE_AND_REDIRECT]: 'unescape-and-redirect',
  [EscapedSlashes.UNESCAPE_AND_FORWARD]: 'unescape-and-forward',
};
