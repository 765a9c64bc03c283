// In: a service port, the destination rule in force for the client, and what the client is. Out: the clusters `outbound|…` for it: one
// for all endpoints and one per subset. Same in, same out: the result is shared by all proxies it holds for.
import { create } from '@bufbuild/protobuf';
import type { Origin } from '#base/origin.ts';
import { circuitBreakers } from '#compile/circuit-breakers.ts';
import { adsConfigSource } from '#compile/config-source.ts';
import { duration } from '#compile/durations.ts';
import { lbPolicy } from '#compile/load-balancing.ts';
import { clusterMetadata } from '#compile/metadata.ts';
import { configPath, outboundClusterName } from '#compile/names.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { upstreamProtocolOptions } from '#compile/upstream-protocol.ts';
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { DestinationRule, Subset, TrafficPolicy } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Service, ServicePort } from '#model/service.ts';

/** What of the client changes its clusters. */
export type ClientClass = {
  readonly type: 'sidecar' | 'router';
  /** Whether connections carry the address they were made to (redirect mode). Without it there is nothing to pass through to. */
  readonly hasOriginalDestination: boolean;
};

/** All clusters of one service, for one class of clients. */
export function outboundClusters(service: Service, rule: DestinationRule | undefined, client: ClientClass, settings: MeshSettings): readonly Unit[] {
  return service.ports
    .filter((port) => port.protocol !== 'udp')
    .flatMap((port) => [
      outboundCluster(service, port, rule, undefined, client, settings),
      ...(rule?.subsets ?? []).map((subset) => outboundCluster(service, port, rule, subset, client, settings)),
    ]);
}

function outboundCluster(
  service: Service,
  port: ServicePort,
  rule: DestinationRule | undefined,
  subset: Subset | undefined,
  client: ClientClass,
  settings: MeshSettings,
): Unit {
  const name = outboundClusterName(port.number, subset?.name, service.hostname);
  const policy: TrafficPolicy = { ...rule?.policy, ...subset?.policy };
  const passThrough = passesThrough(service, policy, client);
  const message = create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: passThrough ? Cluster_DiscoveryType.ORIGINAL_DST : Cluster_DiscoveryType.EDS },
    ...(!passThrough && { edsClusterConfig: { edsConfig: adsConfigSource(), serviceName: name } }),
    connectTimeout: duration(settings.connectTimeoutMs),
    lbPolicy: passThrough ? Cluster_LbPolicy.CLUSTER_PROVIDED : lbPolicy(policy.balancing),
    commonLbConfig: {},
    circuitBreakers: circuitBreakers(),
    typedExtensionProtocolOptions: upstreamProtocolOptions(port.protocol, client.type),
    metadata: clusterMetadata([service], port, {
      ...(rule !== undefined && { config: configPath('destination-rule', rule) }),
      ...(subset !== undefined && { subset: subset.name }),
    }),
  });
  const node = { kind: 'cluster', cluster: name } as const;
  const origins: readonly (Origin | undefined)[] = [subset?.origin, policy.balancing?.origin, rule?.origin, port.origin, service.origin];
  return makeUnit(
    typeUrls.cluster,
    name,
    ClusterSchema,
    message,
    origins.flatMap((origin) => (origin === undefined ? [] : [[node, origin]])),
  );
}

/**
 * A headless service has no endpoints of the mesh's choosing: a sidecar goes where the app went. Gateways, and proxies that nothing is
 * redirected to, have no such address and use the endpoints (differs from Istio in INTERCEPTION_MODE NONE, where such traffic fails).
 */
function passesThrough(service: Service, policy: TrafficPolicy, client: ClientClass): boolean {
  if (client.type === 'router' || !client.hasOriginalDestination) return false;
  return service.headless || policy.balancing?.kind === 'passthrough';
}
