// Envoy's ext_authz filters, HTTP and network, compiled. Source: Envoy, ext_authz FilterConfig and CheckRequestUtils.
import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import { type DynamicMetadata, metadataAt } from '#decide/dynamic-metadata.ts';
import type { AuthorizerService, CheckedBody, ExtAuthzEntry, ExtAuthzOfRoute, HttpAuthorizer, NameTest } from '#decide/ext-authz-entry.ts';
import { compileHeaderFormat } from '#decide/header-format.ts';
import type { HeaderOperation } from '#decide/header-operations.ts';
import { compileValueTest } from '#decide/rbac-metadata.ts';
import { shareOf } from '#decide/route-match.ts';
import { compileStringTest } from '#decide/string-test.ts';
import type { GrpcService } from '#envoy/gen/envoy/config/core/v3/grpc_service_pb.js';
import type {
  BufferSettings,
  ExtAuthzPerRoute,
  ExtAuthz as HttpExtAuthz,
  HttpService,
} from '#envoy/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import type { ExtAuthz as NetworkExtAuthz } from '#envoy/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js';
import type { MetadataMatcher } from '#envoy/gen/envoy/type/matcher/v3/metadata_pb.js';
import type { ListStringMatcher } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';

const defaultTimeoutMs = 200;
const forbidden = 403;

export function compileHttpExtAuthz(config: HttpExtAuthz, field: string, problems: Problems): ExtAuthzEntry {
  const { services, withRequestBody, filterEnabled, filterEnabledMetadata } = config;
  const http = services.case === 'httpService' ? services.value : undefined;
  const own = http?.authorizationRequest?.allowedHeaders;
  if (own !== undefined && config.allowedHeaders !== undefined) problems.report(`${field}.allowed_headers`, 'is there twice');
  const allowed = own ?? config.allowedHeaders;
  return {
    ...compileService(services, field, problems),
    failureModeAllow: config.failureModeAllow,
    marksFailure: config.failureModeAllowHeaderAdd,
    statusOnError: config.statusOnError === undefined || config.statusOnError.code === 0 ? forbidden : config.statusOnError.code,
    // To an HTTP service a body goes as it is, whatever it is.
    body: compileBody(withRequestBody, http !== undefined, `${field}.with_request_body`, problems),
    clearsRoute: config.clearRouteCache,
    validatesChanges: config.validateMutations,
    enabled: filterEnabled === undefined ? 1 : shareOf(filterEnabled.defaultValue),
    enabledBy: compileEnabledBy(filterEnabledMetadata, `${field}.filter_enabled_metadata`, problems),
    deniesUnchecked: config.denyAtDisable?.defaultValue ?? false,
    metadataNamespaces: config.metadataContextNamespaces,
    allowedHeaders:
      http === undefined && allowed === undefined
        ? undefined
        : namesIn(allowed, http === undefined ? [] : alwaysTold, `${field}.allowed_headers`, problems),
    disallowedHeaders:
      config.disallowedHeaders === undefined ? undefined : namesIn(config.disallowedHeaders, [], `${field}.disallowed_headers`, problems),
    rawHeaders: config.encodeRawHeaders && http === undefined,
    tellsCertificate: config.includePeerCertificate,
    tellsServerName: config.includeTlsSession,
    takesMetadata: config.enableDynamicMetadataIngestion ?? true,
    statPrefix: config.statPrefix,
  };
}

/** What an HTTP service is told always. */
const alwaysTold: readonly string[] = ['authorization', ':method', ':path', ':authority'];

export function compileNetworkExtAuthz(config: NetworkExtAuthz, field: string, problems: Problems): ExtAuthzEntry {
  const services = config.grpcService === undefined ? { case: undefined } : { case: 'grpcService' as const, value: config.grpcService };
  return {
    ...compileService(services, field, problems),
    failureModeAllow: config.failureModeAllow,
    marksFailure: false,
    statusOnError: forbidden,
    body: undefined,
    clearsRoute: false,
    validatesChanges: false,
    enabled: 1,
    enabledBy: compileEnabledBy(config.filterEnabledMetadata, `${field}.filter_enabled_metadata`, problems),
    deniesUnchecked: false,
    metadataNamespaces: [],
    allowedHeaders: undefined,
    disallowedHeaders: undefined,
    rawHeaders: false,
    tellsCertificate: config.includePeerCertificate,
    tellsServerName: config.includeTlsSession,
    takesMetadata: true,
    statPrefix: config.statPrefix,
  };
}

/** What a route says; undefined: that nobody is asked. */
export function compileExtAuthzOfRoute({ override }: ExtAuthzPerRoute, field: string, problems: Problems): ExtAuthzOfRoute | undefined {
  if (override.case === 'disabled') return undefined;
  if (override.case === undefined) {
    problems.report(field, 'one of disabled, check_settings is required');
    return undefined;
  }
  const { contextExtensions, disableRequestBodyBuffering, withRequestBody } = override.value;
  const body = compileBody(withRequestBody, undefined, `${field}.check_settings.with_request_body`, problems);
  return { context: contextExtensions, body: disableRequestBodyBuffering ? 'none' : body };
}

function compileService(
  services: HttpExtAuthz['services'],
  field: string,
  problems: Problems,
): { readonly service: AuthorizerService; readonly timeoutMs: number } {
  if (services.case === 'httpService') {
    const service = compileHttpService(services.value, `${field}.http_service`, problems);
    return { service, timeoutMs: durationMs(services.value.serverUri?.timeout, defaultTimeoutMs) };
  }
  if (services.case === 'grpcService') {
    const service = compileGrpcService(services.value, `${field}.grpc_service`, problems);
    return { service, timeoutMs: durationMs(services.value.timeout, defaultTimeoutMs) };
  }
  problems.report(field, 'one of grpc_service, http_service is required');
  return { service: { kind: 'grpc', cluster: '', authority: '', metadata: [] }, timeoutMs: defaultTimeoutMs };
}

function compileGrpcService({ targetSpecifier: target, initialMetadata }: GrpcService, field: string, problems: Problems): AuthorizerService {
  if (target.case !== 'envoyGrpc') problems.report(field, 'only envoy_grpc is supported');
  const { clusterName: cluster, authority } = target.case === 'envoyGrpc' ? target.value : { clusterName: '', authority: '' };
  const metadata = initialMetadata.flatMap(({ key, value }) => [key.toLowerCase(), value]);
  return { kind: 'grpc', cluster, authority: authority === '' ? cluster : authority, metadata };
}

function compileHttpService(config: HttpService, field: string, problems: Problems): HttpAuthorizer {
  const { serverUri, pathPrefix, authorizationRequest, authorizationResponse: response } = config;
  const upstream = serverUri?.httpUpstreamType;
  if (upstream?.case !== 'cluster') problems.report(`${field}.server_uri.cluster`, 'is required');
  const named = (list: ListStringMatcher | undefined, name: string): NameTest =>
    namesIn(list, [], `${field}.authorization_response.${name}`, problems);
  const clientHeaders = response?.allowedClientHeaders;
  return {
    kind: 'http',
    cluster: upstream?.value ?? '',
    pathPrefix,
    addedHeaders: (authorizationRequest?.headersToAdd ?? []).map(({ key, value }, index): HeaderOperation => {
      const format = compileHeaderFormat(value, `${field}.authorization_request.headers_to_add[${index}].value`, problems);
      return { kind: 'set', name: key.toLowerCase(), value: format, mode: 'overwrite', keepEmptyValue: false };
    }),
    toUpstream: named(response?.allowedUpstreamHeaders, 'allowed_upstream_headers'),
    besideUpstream: named(response?.allowedUpstreamHeadersToAppend, 'allowed_upstream_headers_to_append'),
    toDeniedClient:
      (clientHeaders?.patterns.length ?? 0) === 0
        ? (name) => name !== ':authority' && name !== 'host'
        : namesIn(clientHeaders, deniedClientHeaders, `${field}.authorization_response.allowed_client_headers`, problems),
    toAllowedClient: named(response?.allowedClientHeadersOnSuccess, 'allowed_client_headers_on_success'),
    toMetadata: named(response?.dynamicMetadataFromHeaders, 'dynamic_metadata_from_headers'),
  };
}

const deniedClientHeaders: readonly string[] = ['content-length', 'www-authenticate', 'location'];

function compileBody(
  settings: BufferSettings | undefined,
  alwaysAsBytes: boolean | undefined,
  field: string,
  problems: Problems,
): CheckedBody | undefined {
  if (settings === undefined) return undefined;
  if (settings.maxRequestBytes === 0) problems.report(`${field}.max_request_bytes`, 'must be more than 0');
  return {
    maxBytes: settings.maxRequestBytes,
    allowsPartial: settings.allowPartialMessage,
    asBytes: settings.packAsBytes || alwaysAsBytes === true,
  };
}

function compileEnabledBy(matcher: MetadataMatcher | undefined, field: string, problems: Problems): ExtAuthzEntry['enabledBy'] {
  if (matcher === undefined) return undefined;
  const { filter, path, value, invert } = matcher;
  const keys = path.map(({ segment }) => segment.value ?? '');
  const test = compileValueTest(value, `${field}.value`, problems);
  return (metadata: DynamicMetadata | undefined) => test.matches(metadataAt(metadata, filter, keys)) !== invert;
}

function namesIn(list: ListStringMatcher | undefined, always: readonly string[], field: string, problems: Problems): NameTest {
  const tests = (list?.patterns ?? []).map((pattern, index) => compileStringTest(pattern, `${field}.patterns[${index}]`, problems));
  const known = new Set(always);
  if (tests.length === 0) return (name) => known.has(name);
  return (name) => known.has(name) || tests.some((test) => test.matches(name));
}
