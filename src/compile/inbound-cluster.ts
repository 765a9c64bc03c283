// The cluster `inbound|8080||`: from the sidecar to its app.
import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { socketAddress } from '#compile/address.ts';
import { circuitBreakers } from '#compile/circuit-breakers.ts';
import { connectionFields } from '#compile/cluster-connection.ts';
import { inboundSourceAddress } from '#compile/fixed-clusters.ts';
import type { InboundPort } from '#compile/inbound-port.ts';
import { clusterMetadata } from '#compile/metadata.ts';
import { inboundClusterName } from '#compile/names.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { upstreamProtocolOptions } from '#compile/upstream-protocol.ts';
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { ConnectionPool } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';

/** The longest duration Envoy takes: endpoints of the app are never cleaned up (Istio's value). */
const neverSeconds = 9_223_372_035n;

/** `redirected`: to where the connection was made to, from an address that is not redirected again. Else: to the app's port. */
export type AppAddress = { readonly kind: 'redirected' } | { readonly kind: 'port'; readonly address: string; readonly port: number };

/** `pool`: what limits the connections of clients limits those to the app too. Source: Istio, buildInboundCluster. */
export function inboundCluster(port: InboundPort, app: AppAddress, settings: MeshSettings, pool?: ConnectionPool): Unit {
  const name = inboundClusterName(port.targetPort);
  const message = create(ClusterSchema, {
    name,
    ...connectionFields(pool, settings),
    commonLbConfig: {},
    circuitBreakers: circuitBreakers(pool),
    typedExtensionProtocolOptions: upstreamProtocolOptions(port.servicePort.protocol, {
      client: 'inbound',
      h2Upgrade: false,
      ...(pool !== undefined && { pool }),
    }),
    metadata: clusterMetadata(port.services, port.servicePort),
    ...(app.kind === 'redirected'
      ? {
          clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
          lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
          cleanupInterval: create(DurationSchema, { seconds: neverSeconds }),
          upstreamBindConfig: { sourceAddress: { address: inboundSourceAddress, portSpecifier: { case: 'portValue', value: 0 } } },
        }
      : {
          clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
          lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
          loadAssignment: {
            clusterName: name,
            endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: socketAddress(app.address, app.port) } } }] }],
          },
        }),
  });
  const node = { kind: 'cluster', cluster: name } as const;
  return makeUnit(typeUrls.cluster, name, ClusterSchema, message, [[node, port.servicePort.origin]]);
}
