// In: which side of a proxy a listener is on, and its routes. Out: the network filter that speaks HTTP there, with Istio's settings.
import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { assertNever } from '#base/assert-never.ts';
import { accessLogs } from '#compile/access-log.ts';
import { adsConfigSource } from '#compile/config-source.ts';
import { noTimeout } from '#compile/durations.ts';
import { type FilterPlace, httpFilters } from '#compile/http-filters.ts';
import { explainingLocalReply } from '#compile/local-reply.ts';
import { noWorkloadFilters, type WorkloadFilters } from '#compile/workload-filters.ts';
import { encodePart, packAny, packAnyOf } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type Filter, FilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import type { RouteConfiguration } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { UuidRequestIdConfigSchema } from '#envoy/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js';
import type { GatewayTopology } from '#model/gateway-topology.ts';
import type { MeshSettings, PathNormalization } from '#model/mesh.ts';
import { isHttp2, type Protocol } from '#model/protocol.ts';

/** Where routes come from: discovered by name, or (towards the app) written into the listener. */
export type RouteSource = { readonly kind: 'discovered'; readonly name: string } | { readonly kind: 'inline'; readonly config: RouteConfiguration };

/** `http-proxy` is the outbound side as a client sees it that has been told to use a proxy: requests carry absolute URLs. */
export type Side = 'sidecar-inbound' | 'sidecar-outbound' | 'http-proxy' | 'gateway';

export type ConnectionManagerOptions = {
  readonly side: Side;
  readonly routes: RouteSource;
  readonly statPrefix: string;
  readonly protocol: Protocol;
  readonly explainFailures: boolean;
  /** Requests for hosts that are not known go where DNS says. */
  readonly forwardsByHost?: boolean;
  /** Of a gateway: what stands in front of it. */
  readonly topology?: GatewayTopology;
  /** CONNECT is taken, as routes say. */
  readonly endsConnect?: boolean;
  /** What the policies of the workload behind it, or of the gateway itself, ask for. */
  readonly filters?: WorkloadFilters;
};

type Schema = typeof HttpConnectionManagerSchema;

/** The fields as written, not as a message. */
type Fields = Exclude<MessageInitShape<Schema>, MessageShape<Schema>>;

/** Source of the values: Istio, buildHTTPConnectionManager and GetProxyHeaders. */
export function httpConnectionManager(options: ConnectionManagerOptions, settings: MeshSettings): Filter {
  const { statPrefix, routes } = options;
  const own = { statPrefix, routeSpecifier: routeSpecifier(routes) };
  return create(FilterSchema, {
    name: 'envoy.filters.network.http_connection_manager',
    configType: { case: 'typedConfig', value: packAnyOf(HttpConnectionManagerSchema, commonPart(options, settings), own) },
  });
}

/** What all managers of one side and protocol have in common is most of them, and encoded once for each settings and set of policies. */
const commonParts = new WeakMap<MeshSettings, WeakMap<WorkloadFilters, Map<string, Uint8Array>>>();

function commonPart(options: CommonOptions, settings: MeshSettings): Uint8Array {
  const ofSettings = partsOf(settings, options.filters ?? noWorkloadFilters);
  const topology = options.topology === undefined ? '' : JSON.stringify(options.topology);
  const key = `${options.side} ${topology} ${options.protocol} ${options.explainFailures} ${options.forwardsByHost === true} ${options.endsConnect === true}`;
  let part = ofSettings.get(key);
  if (part === undefined) {
    part = encodePart(HttpConnectionManagerSchema, commonFields(options, settings));
    ofSettings.set(key, part);
  }
  return part;
}

function partsOf(settings: MeshSettings, filters: WorkloadFilters): Map<string, Uint8Array> {
  let byFilters = commonParts.get(settings);
  if (byFilters === undefined) {
    byFilters = new WeakMap();
    commonParts.set(settings, byFilters);
  }
  let found = byFilters.get(filters);
  if (found === undefined) {
    found = new Map();
    byFilters.set(filters, found);
  }
  return found;
}

type CommonOptions = Omit<ConnectionManagerOptions, 'routes' | 'statPrefix'>;

/** Whatever is looked at in here is part of the key above. */
function commonFields(options: CommonOptions, settings: MeshSettings): Fields {
  return {
    codecType: HttpConnectionManager_CodecType.AUTO,
    httpFilters: [...httpFilters(filterPlace(options), options.filters)],
    accessLog: [...accessLogs(settings)],
    ...pathFields(settings.pathNormalization ?? 'BASE'),
    upgradeConfigs: [{ upgradeType: 'websocket' }, ...(options.endsConnect === true ? [{ upgradeType: 'CONNECT' }] : [])],
    streamIdleTimeout: noTimeout(),
    requestIdExtension: { typedConfig: packAny(UuidRequestIdConfigSchema, { useRequestIdForTraceSampling: true }) },
    ...(options.explainFailures && { localReplyConfig: explainingLocalReply() }),
    ...sideFields(options),
  };
}

function filterPlace({ protocol, forwardsByHost = false, side }: CommonOptions): FilterPlace {
  return { protocol, forwardsByHost, calls: side !== 'sidecar-inbound' };
}

/** Source: Istio, MeshConfig.pathNormalization. */
function pathFields(normalization: PathNormalization): Fields {
  const { KEEP_UNCHANGED, UNESCAPE_AND_FORWARD } = HttpConnectionManager_PathWithEscapedSlashesAction;
  switch (normalization) {
    case 'NONE':
      return { normalizePath: false, pathWithEscapedSlashesAction: KEEP_UNCHANGED };
    case 'BASE':
      return { normalizePath: true, pathWithEscapedSlashesAction: KEEP_UNCHANGED };
    case 'MERGE_SLASHES':
      return { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: KEEP_UNCHANGED };
    case 'DECODE_AND_MERGE_SLASHES':
      return { normalizePath: true, mergeSlashes: true, pathWithEscapedSlashesAction: UNESCAPE_AND_FORWARD };
  }
}

/**
 * Only a gateway stands at the edge: it takes the peer's address as the client's and writes X-Forwarded-For itself; sidecars trust what
 * comes. The `server` header is `istio-envoy` everywhere but on the outbound side, where it stays Envoy's.
 */
function sideFields(options: CommonOptions): Fields {
  switch (options.side) {
    case 'gateway':
      return {
        useRemoteAddress: true,
        serverName: 'istio-envoy',
        ...topologyFields(options.topology ?? {}),
        httpProtocolOptions: {},
        proxy100Continue: true,
      };
    case 'sidecar-inbound':
      return {
        useRemoteAddress: false,
        serverName: 'istio-envoy',
        forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.APPEND_FORWARD,
        setCurrentClientCertDetails: { subject: true, dns: true, uri: true },
        proxy100Continue: true,
        ...(isHttp2(options.protocol) && { http2ProtocolOptions: {} }),
      };
    case 'sidecar-outbound':
      return { useRemoteAddress: false, proxy100Continue: true };
    case 'http-proxy':
      return { useRemoteAddress: false, httpProtocolOptions: { allowAbsoluteUrl: true } };
    default:
      return assertNever(options.side, 'side');
  }
}

/** What is said about client certificates only where it is added to or set. Source: Istio, buildGatewayConnectionManager. */
function topologyFields({ numTrustedProxies = 0, forwardClientCert = 'SANITIZE_SET' }: GatewayTopology): Fields {
  const tells = forwardClientCert === 'SANITIZE_SET' || forwardClientCert === 'APPEND_FORWARD';
  return {
    ...(numTrustedProxies > 0 && { xffNumTrustedHops: numTrustedProxies }),
    forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails[forwardClientCert],
    ...(tells && { setCurrentClientCertDetails: { subject: true, cert: true, dns: true, uri: true } }),
  };
}

function routeSpecifier(routes: RouteSource): NonNullable<Fields['routeSpecifier']> {
  switch (routes.kind) {
    case 'discovered':
      return { case: 'rds', value: { configSource: adsConfigSource(), routeConfigName: routes.name } };
    case 'inline':
      return { case: 'routeConfig', value: routes.config };
    default:
      return assertNever(routes, 'route source');
  }
}
