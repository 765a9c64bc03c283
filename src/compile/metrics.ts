// In: what was compiled for a proxy, and which metrics it reports. Out: the same with the loggers of metrics in each HTTP connection manager and
// TCP proxy of its listeners. They go behind what is encoded already, so that nothing is decoded; a listener stays the same object as long as it is
// made of the same one for the same metrics.

import { isMessage } from '@bufbuild/protobuf';
import type { CompileCache } from '#compile/compile-cache.ts';
import { connectionLoggers, type Reporter, requestLoggers } from '#compile/metric-loggers.ts';
import { appendToAny, encodePart } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type Filter, type FilterChain, FilterChainSchema, FilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema, UpstreamConnectMode } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { type ResourceSet, XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { MetricsPlan } from '#model/metrics-plan.ts';
import type { Proxy } from '#model/proxy.ts';

/**
 * `plan` is the same object for all proxies for which the same holds. `tellsBegins`: other logs of connections say that they are for ends alone, so that
 * proxies may log begins as well; else a connection that begins is told of when it ends.
 */
export function applyMetrics(before: ResourceSet, plan: MetricsPlan, { type }: Proxy, tellsBegins: boolean, cache: CompileCache): ResourceSet {
  const listeners = before.get(typeUrls.listener);
  if (listeners === undefined) return before;
  const after = new Map<string, XdsResource>();
  for (const [name, resource] of listeners) {
    after.set(
      name,
      cache.once('metrics', [resource, plan], type, () => withLoggers(resource, plan, type, tellsBegins, cache)),
    );
  }
  return new Map(before).set(typeUrls.listener, after);
}

function withLoggers(resource: XdsResource, plan: MetricsPlan, type: Proxy['type'], tellsBegins: boolean, cache: CompileCache): XdsResource {
  const { message, name } = resource;
  if (!isMessage(message, ListenerSchema)) return resource;
  const reporter = type === 'sidecar' && message.trafficDirection === TrafficDirection.INBOUND ? 'destination' : 'source';
  const parts = cache.once('metric loggers', [plan], reporter, () => loggerParts(plan, reporter, tellsBegins));
  const change = (chain: FilterChain): FilterChain =>
    isLoopStop(chain) ? chain : create(FilterChainSchema, { ...chain, filters: chain.filters.map((filter) => log(filter, parts)) });
  const { defaultFilterChain } = message;
  const changed = create(ListenerSchema, {
    ...message,
    filterChains: message.filterChains.map(change),
    ...(defaultFilterChain !== undefined && { defaultFilterChain: change(defaultFilterChain) }),
  });
  return new XdsResource(typeUrls.listener, name, ListenerSchema, changed);
}

/** The chains that end connections to a proxy's own port: what comes there is no traffic of anybody. */
function isLoopStop({ name }: FilterChain): boolean {
  return name === 'virtualOutbound-blackhole' || name === 'virtualInbound-blackhole';
}

/** By the type of the filter that they are for: its field access_log, encoded. */
type Parts = ReadonlyMap<string, Uint8Array>;

function loggerParts(plan: MetricsPlan, reporter: Reporter, tellsBegins: boolean): Parts {
  const ofRequests = encodePart(HttpConnectionManagerSchema, { accessLog: [...requestLoggers(plan, reporter)] });
  // Before the handshake nobody knows who connects, and the app is connected sooner than it is done.
  const afterHandshake = { upstreamConnectMode: UpstreamConnectMode.ON_DOWNSTREAM_TLS_HANDSHAKE, maxEarlyDataBytes: 0 };
  const ofConnections = encodePart(TcpProxySchema, {
    accessLog: [...connectionLoggers(plan, reporter, tellsBegins)],
    ...(tellsBegins && { accessLogOptions: { flushAccessLogOnConnected: true } }),
    ...(reporter === 'destination' && afterHandshake),
  });
  return new Map([
    [HttpConnectionManagerSchema.typeName, ofRequests],
    [TcpProxySchema.typeName, ofConnections],
  ]);
}

function log(filter: Filter, parts: Parts): Filter {
  if (filter.configType.case !== 'typedConfig') return filter;
  const { value } = filter.configType;
  const part = parts.get(value.typeUrl.slice(value.typeUrl.lastIndexOf('/') + 1));
  if (part === undefined || part.length === 0) return filter;
  return create(FilterSchema, { ...filter, configType: { case: 'typedConfig', value: appendToAny(value, part) } });
}
