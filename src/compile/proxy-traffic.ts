// ProxyConfig.proxyHeaders and connectionSettings. In: what was compiled for a proxy whose ProxyConfig says something about them. Out: the same with that
// said in its listeners, routes and clusters. A resource stays the same object as long as it is made of the same one. Source: Istio,
// buildHTTPConnectionManager, GetProxyHeaders and applyConnectionSettingsToHCM.
import { clone, type DescMessage, fromBinary, isMessage, type MessageShape } from '@bufbuild/protobuf';
import type { CompileCache } from '#compile/compile-cache.ts';
import { applyToManager, type ManagerSide, withPreservedCase } from '#compile/proxy-traffic-manager.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type Cluster, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type Listener, ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { type RouteConfiguration, RouteConfigurationSchema } from '#envoy/gen/envoy/config/route/v3/route_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { HttpProtocolOptionsSchema } from '#envoy/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { type ResourceSet, XdsResource } from '#envoy/resource.ts';
import { type TypeUrl, typeUrls } from '#envoy/type-url.ts';
import type { Proxy } from '#model/proxy.ts';
import { edgeLimits, type ProxyTraffic } from '#model/proxy-traffic.ts';

/** `traffic` is in force for the proxy as a whole. */
export function applyProxyTraffic(before: ResourceSet, traffic: ProxyTraffic, { type }: Proxy, cache: CompileCache): ResourceSet {
  const isEdge = type === 'router' && traffic.limits?.edge === true;
  const said: ProxyTraffic = isEdge ? { ...traffic, limits: { ...edgeLimits, ...traffic.limits } } : traffic;
  const change = new Change(before, `${type} ${JSON.stringify(said)}`, cache);
  change.each(typeUrls.listener, ListenerSchema, (listener) => changeListener(listener, said, type));
  const { attemptCount, preserveCase } = said.headers ?? {};
  if (attemptCount === false) change.each(typeUrls.route, RouteConfigurationSchema, withoutAttemptCount);
  if (preserveCase === true) change.each(typeUrls.cluster, ClusterSchema, changeCluster);
  return change.resources;
}

class Change {
  resources: ResourceSet;
  readonly #key: string;
  readonly #cache: CompileCache;

  constructor(resources: ResourceSet, key: string, cache: CompileCache) {
    this.resources = resources;
    this.#key = key;
    this.#cache = cache;
  }

  /** `change` is given a copy that is its own. */
  each<Schema extends DescMessage>(typeUrl: TypeUrl, schema: Schema, change: (message: MessageShape<Schema>) => void): void {
    const before = this.resources.get(typeUrl);
    if (before === undefined) return;
    const after = new Map<string, XdsResource>();
    for (const [name, resource] of before) {
      const changed = this.#cache.once('proxy traffic', [resource], this.#key, () => {
        const { message } = resource;
        if (!isMessage(message, schema)) return resource;
        const copy = clone(schema, message);
        change(copy);
        return new XdsResource(typeUrl, name, schema, copy);
      });
      after.set(name, changed);
    }
    this.resources = new Map(this.resources).set(typeUrl, after);
  }
}

function changeListener(listener: Listener, said: ProxyTraffic, type: Proxy['type']): void {
  const side: ManagerSide = type === 'router' ? 'gateway' : listener.trafficDirection === TrafficDirection.INBOUND ? 'inbound' : 'outbound';
  const { bufferLimitBytes } = said.limits ?? {};
  if (side === 'gateway' && bufferLimitBytes !== undefined) listener.perConnectionBufferLimitBytes = bufferLimitBytes;
  const chains = [...listener.filterChains, ...(listener.defaultFilterChain === undefined ? [] : [listener.defaultFilterChain])];
  for (const { configType } of chains.flatMap(({ filters }) => filters)) {
    if (configType.case !== 'typedConfig' || !configType.value.typeUrl.endsWith(`/${HttpConnectionManagerSchema.typeName}`)) continue;
    const manager = fromBinary(HttpConnectionManagerSchema, configType.value.value);
    applyToManager(manager, said, side);
    if (said.headers?.attemptCount === false && manager.routeSpecifier.case === 'routeConfig') withoutAttemptCount(manager.routeSpecifier.value);
    configType.value = packAny(HttpConnectionManagerSchema, manager);
  }
}

function withoutAttemptCount(config: RouteConfiguration): void {
  for (const host of config.virtualHosts) host.includeRequestAttemptCount = false;
}

const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What a cluster speaks as HTTP/1; HTTP/2 has no case to preserve. Source: Istio, setUpstreamProtocol. */
function changeCluster(cluster: Cluster): void {
  const packed = cluster.typedExtensionProtocolOptions[httpOptions];
  const options = packed === undefined ? create(HttpProtocolOptionsSchema, {}) : fromBinary(HttpProtocolOptionsSchema, packed.value);
  const { upstreamProtocolOptions: version } = options;
  if (version.case === undefined) {
    options.upstreamProtocolOptions = create(HttpProtocolOptionsSchema, {
      upstreamProtocolOptions: { case: 'explicitHttpConfig', value: { protocolConfig: { case: 'httpProtocolOptions', value: withPreservedCase() } } },
    }).upstreamProtocolOptions;
  } else if (version.case === 'useDownstreamProtocolConfig') version.value.httpProtocolOptions = withPreservedCase(version.value.httpProtocolOptions);
  else if (version.case === 'explicitHttpConfig' && version.value.protocolConfig.case === 'httpProtocolOptions') {
    version.value.protocolConfig.value = withPreservedCase(version.value.protocolConfig.value);
  } else return;
  cluster.typedExtensionProtocolOptions[httpOptions] = packAny(HttpProtocolOptionsSchema, options);
}
