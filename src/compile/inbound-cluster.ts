// The cluster `inbound|8080||`: from the sidecar to its app.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { assertNever } from '#base/assert-never.ts';
import { socketAddress, unixAddress } from '#compile/address.ts';
import { circuitBreakers } from '#compile/circuit-breakers.ts';
import { connectionFields } from '#compile/cluster-connection.ts';
import { bindTo } from '#compile/fixed-clusters.ts';
import type { InboundPort } from '#compile/inbound-port.ts';
import { clusterMetadata } from '#compile/metadata.ts';
import { inboundClusterName } from '#compile/names.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { upstreamProtocolOptions } from '#compile/upstream-protocol.ts';
import { create } from '#envoy/create.ts';
import { type Cluster, Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Address } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { ConnectionPool } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';

/** The longest duration Envoy takes: endpoints of the app are never cleaned up (Istio's value). */
const neverSeconds = 9_223_372_035n;

/**
 * `redirected`: to where the connection was made to, from `sources`, which are not redirected again. `port`: to a port of the app, from `sources` too
 * where connections to that address are redirected. `unix`: to a socket of the app.
 */
export type AppAddress =
  | { readonly kind: 'redirected'; readonly sources: readonly string[] }
  | { readonly kind: 'port'; readonly address: string; readonly port: number; readonly sources: readonly string[] }
  | { readonly kind: 'unix'; readonly path: string };

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
    ...destinationFields(name, app),
  });
  const node = { kind: 'cluster', cluster: name } as const;
  return makeUnit(typeUrls.cluster, name, ClusterSchema, message, [[node, port.servicePort.origin]]);
}

type Fields = Exclude<MessageInitShape<typeof ClusterSchema>, Cluster>;

function destinationFields(clusterName: string, app: AppAddress): Fields {
  switch (app.kind) {
    case 'redirected':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
        lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
        cleanupInterval: create(DurationSchema, { seconds: neverSeconds }),
        ...bindTo(app.sources),
      };
    case 'port':
      return { ...oneEndpoint(clusterName, socketAddress(app.address, app.port)), ...bindTo(app.sources) };
    case 'unix':
      return oneEndpoint(clusterName, unixAddress(app.path));
    default:
      return assertNever(app, 'app address');
  }
}

function oneEndpoint(clusterName: string, address: Address): Fields {
  return {
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    loadAssignment: { clusterName, endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address } } }] }] },
  };
}
