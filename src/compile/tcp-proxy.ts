// The network filter that passes bytes on to one cluster, or to one of several by weight.
import { isIPv6 } from 'node:net';
import { connectionLogs } from '#compile/access-log.ts';
import { duration } from '#compile/durations.ts';
import { encodePart, packAnyOf } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { type Filter, FilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { TcpProxySchema } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { Tunnel } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';

/** Where the connections of a chain go. `clusters` is never empty; those without weight get nothing. */
export type TcpTarget = {
  /** The cluster's name, or `rule.namespace` where there are several (Istio's stat prefix). */
  readonly statPrefix: string;
  readonly clusters: readonly { readonly cluster: string; readonly weight: number }[];
  readonly options?: TcpOptions;
};

/** What a DestinationRule says about connections, as far as the proxy beside the client acts on it. */
export type TcpOptions = {
  readonly idleTimeoutMs?: number;
  readonly maxConnectionDurationMs?: number;
  /** The client's address decides about the endpoint. */
  readonly hashesSourceIp?: boolean;
  /** The cluster is a proxy, which is asked to connect to what the tunnel names. */
  readonly tunnel?: Tunnel;
};

/** `log` is off for black holes, which are there to stop loops. */
export function tcpProxy(target: string | TcpTarget, settings: MeshSettings, { log }: { readonly log: boolean } = { log: true }): Filter {
  const { statPrefix, clusters, options = {} } = typeof target === 'string' ? toCluster(target) : target;
  const [only] = clusters.length === 1 ? clusters : [];
  const own = {
    statPrefix,
    clusterSpecifier:
      only === undefined
        ? { case: 'weightedClusters' as const, value: { clusters: weighted(clusters) } }
        : { case: 'cluster' as const, value: only.cluster },
    ...(options.idleTimeoutMs !== undefined && { idleTimeout: duration(options.idleTimeoutMs) }),
    ...(options.maxConnectionDurationMs !== undefined && { maxDownstreamConnectionDuration: duration(options.maxConnectionDurationMs) }),
    ...(options.tunnel !== undefined && { tunnelingConfig: tunnelingConfig(options.tunnel) }),
    ...(options.hashesSourceIp === true && { hashPolicy: [{ policySpecifier: { case: 'sourceIp' as const, value: {} } }] }),
  };
  return create(FilterSchema, {
    name: 'envoy.filters.network.tcp_proxy',
    configType: { case: 'typedConfig', value: packAnyOf(TcpProxySchema, log ? logPart(settings) : noPart, own) },
  });
}

const noPart = new Uint8Array();

/** The log is most of the message, and encoded once for each settings. */
const logParts = new WeakMap<MeshSettings, Uint8Array>();

function logPart(settings: MeshSettings): Uint8Array {
  let part = logParts.get(settings);
  if (part === undefined) {
    part = encodePart(TcpProxySchema, { accessLog: [...connectionLogs(settings)] });
    logParts.set(settings, part);
  }
  return part;
}

/** Source: Istio, tunnelingconfig.Apply. */
function tunnelingConfig({ method, host, port }: Tunnel): { readonly hostname: string; readonly usePost: boolean } {
  return { hostname: `${isIPv6(host) ? `[${host}]` : host}:${port}`, usePost: method === 'POST' };
}

/** A target of one cluster, named after it. */
export function toCluster(cluster: string, options?: TcpOptions): TcpTarget {
  return { statPrefix: cluster, clusters: [{ cluster, weight: 1 }], ...(options !== undefined && { options }) };
}

function weighted(clusters: TcpTarget['clusters']): { readonly name: string; readonly weight: number }[] {
  return clusters.filter(({ weight }) => weight > 0).map(({ cluster, weight }) => ({ name: cluster, weight }));
}
