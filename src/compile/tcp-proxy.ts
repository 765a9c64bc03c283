// The network filter that passes bytes on to one cluster.
import { create } from '@bufbuild/protobuf';
import { accessLogs } from '#compile/access-log.ts';
import { packAny } from '#envoy/any.ts';
import { type Filter, FilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { TcpProxySchema } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { MeshSettings } from '#model/mesh.ts';

/** The stat prefix is the cluster's name, as Istio's. `log` is off for black holes, which are there to stop loops. */
export function tcpProxy(cluster: string, settings: MeshSettings, { log }: { readonly log: boolean } = { log: true }): Filter {
  return create(FilterSchema, {
    name: 'envoy.filters.network.tcp_proxy',
    configType: {
      case: 'typedConfig',
      value: packAny(TcpProxySchema, {
        statPrefix: cluster,
        clusterSpecifier: { case: 'cluster', value: cluster },
        accessLog: log ? [...accessLogs(settings)] : [],
      }),
    },
  });
}
