// In: a provider of MeshConfig.extensionProviders that authorises. Out: the filters that ask it, for the requests or connections that the rules in
// front of them picked. Source: Istio, builder/extauthz.go.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { metadataMatcher, stringValue } from '#compile/authorization-matcher.ts';
import { shadowPrefixes } from '#compile/authorization-names.ts';
import { duration } from '#compile/durations.ts';
import { outboundClusterName } from '#compile/names.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { ApiVersion } from '#envoy/gen/envoy/config/core/v3/config_source_pb.js';
import type { GrpcServiceSchema } from '#envoy/gen/envoy/config/core/v3/grpc_service_pb.js';
import { type Filter, FilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { ExtAuthzSchema as HttpExtAuthzSchema } from '#envoy/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { ExtAuthzSchema as NetworkExtAuthzSchema } from '#envoy/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { ListStringMatcherSchema, StringMatcherSchema } from '#envoy/gen/envoy/type/matcher/v3/string_pb.js';
import type { ExternalAuthorizer } from '#model/extension-provider.ts';
import type { Service } from '#model/service.ts';

export const httpRbacFilter = 'envoy.filters.http.rbac';
export const networkRbacFilter = 'envoy.filters.network.rbac';

type HttpInit = Exclude<MessageInitShape<typeof HttpExtAuthzSchema>, { readonly $typeName: string }>;

/** For HTTP. `prefix`: how the names of the rules begin that ask this provider. */
export function httpExternalAuthorizer(provider: ExternalAuthorizer, { hostname }: Service, prefix: string): HttpFilter {
  const { failOpen, statusOnError, body, clearRouteCache } = provider;
  const fields: HttpInit = {
    services: services(provider, hostname),
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: failOpen,
    ...(statusOnError !== undefined && { statusOnError: { code: statusOnError } }),
    ...(clearRouteCache && { clearRouteCache }),
    ...(body !== undefined && {
      withRequestBody: { maxRequestBytes: body.maxBytes, allowPartialMessage: body.allowPartial, packAsBytes: body.asBytes },
    }),
    filterEnabledMetadata: pickedBy(httpRbacFilter, prefix),
    ...allowedHeaders(provider),
  };
  return create(HttpFilterSchema, {
    name: 'envoy.filters.http.ext_authz',
    configType: { case: 'typedConfig', value: packAny(HttpExtAuthzSchema, fields) },
  });
}

/** For bytes; undefined where the provider speaks HTTP, and so can be told nothing about a connection. */
export function networkExternalAuthorizer(provider: ExternalAuthorizer, { hostname }: Service, prefix: string): Filter | undefined {
  if (provider.protocol.kind === 'http') return undefined;
  const value = packAny(NetworkExtAuthzSchema, {
    statPrefix: 'tcp.',
    failureModeAllow: provider.failOpen,
    transportApiVersion: ApiVersion.V3,
    grpcService: grpcService(provider, hostname),
    filterEnabledMetadata: pickedBy(networkRbacFilter, prefix),
  });
  return create(FilterSchema, { name: 'envoy.filters.network.ext_authz', configType: { case: 'typedConfig', value } });
}

/** The rules in front leave the name of the one that matched. */
function pickedBy(filter: string, prefix: string): ReturnType<typeof metadataMatcher> {
  const key = `${shadowPrefixes.custom}shadow_effective_policy_id`;
  return metadataMatcher(filter, [key], stringValue({ matchPattern: { case: 'prefix', value: prefix } }));
}

function services(provider: ExternalAuthorizer, hostname: string): NonNullable<HttpInit['services']> {
  const { protocol, timeoutMs, port } = provider;
  if (protocol.kind === 'grpc') return { case: 'grpcService', value: grpcService(provider, hostname) };
  const { pathPrefix, addToCheck, headersToUpstreamOnAllow, headersToDownstreamOnAllow, headersToDownstreamOnDeny } = protocol;
  const headersToAdd = Object.entries(addToCheck)
    .map(([key, value]) => ({ key, value }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const toUpstream = headerList(headersToUpstreamOnAllow);
  const onDeny = headerList(headersToDownstreamOnDeny);
  const onAllow = headerList(headersToDownstreamOnAllow);
  const answers = toUpstream !== undefined || onDeny !== undefined || onAllow !== undefined;
  return {
    case: 'httpService',
    value: {
      // Only the cluster of the URI is looked at.
      serverUri: {
        uri: `http://${hostname}`,
        httpUpstreamType: { case: 'cluster', value: outboundClusterName(port, undefined, hostname) },
        timeout: duration(timeoutMs),
      },
      pathPrefix,
      ...(headersToAdd.length > 0 && { authorizationRequest: { headersToAdd } }),
      ...(answers && {
        authorizationResponse: {
          ...(toUpstream !== undefined && { allowedUpstreamHeaders: toUpstream }),
          ...(onDeny !== undefined && { allowedClientHeaders: onDeny }),
          ...(onAllow !== undefined && { allowedClientHeadersOnSuccess: onAllow }),
        },
      }),
    },
  };
}

function grpcService({ port, timeoutMs }: ExternalAuthorizer, hostname: string): MessageInitShape<typeof GrpcServiceSchema> {
  return {
    targetSpecifier: { case: 'envoyGrpc', value: { clusterName: outboundClusterName(port, undefined, hostname), authority: hostname } },
    timeout: duration(timeoutMs),
  };
}

/** What of the request is told; without a list, Envoy's own choice. */
function allowedHeaders({ protocol }: ExternalAuthorizer): Pick<HttpInit, 'allowedHeaders'> {
  const list = protocol.kind === 'http' ? headerList(protocol.includeRequestHeaders) : undefined;
  return list === undefined ? {} : { allowedHeaders: list };
}

function headerList(names: readonly string[]): MessageInitShape<typeof ListStringMatcherSchema> | undefined {
  return names.length === 0 ? undefined : { patterns: names.map(headerPattern) };
}

function headerPattern(name: string): MessageInitShape<typeof StringMatcherSchema> {
  const ignoreCase = true;
  if (name.startsWith('*')) return { matchPattern: { case: 'suffix', value: name.slice(1) }, ignoreCase };
  if (name.endsWith('*')) return { matchPattern: { case: 'prefix', value: name.slice(0, -1) }, ignoreCase };
  return { matchPattern: { case: 'exact', value: name }, ignoreCase };
}
