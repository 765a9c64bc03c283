// In: a service, the destination rule in force for the client, and what the client is. Out: the clusters `outbound|…` for it: one for all endpoints
// of a port and one per subset. Same in, same out: the result is shared by all proxies it holds for.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Origin } from '#base/origin.ts';
import { circuitBreakers } from '#compile/circuit-breakers.ts';
import { connectionFields } from '#compile/cluster-connection.ts';
import { type ClientClass, type ClusterTarget, discoveryFields, discoveryOf } from '#compile/cluster-discovery.ts';
import { clusterPolicies } from '#compile/cluster-policy.ts';
import type { Placement } from '#compile/endpoint-locality.ts';
import { loadBalancing } from '#compile/load-balancing.ts';
import { commonLbConfig, localitySetting } from '#compile/locality-balancing.ts';
import { clusterMetadata } from '#compile/metadata.ts';
import { configPath } from '#compile/names.ts';
import { outlierDetection } from '#compile/outlier-detection.ts';
import { announceClient } from '#compile/proxy-protocol.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { speaksHttp2, upstreamProtocolOptions } from '#compile/upstream-protocol.ts';
import { upstreamTls } from '#compile/upstream-tls.ts';
import { create } from '#envoy/create.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { DestinationRule, TrafficPolicy } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Service } from '#model/service.ts';

/** All clusters of one service, for one class of clients at one place. */
export function outboundClusters(
  service: Service,
  rule: DestinationRule | undefined,
  client: ClientClass,
  placement: Placement,
  settings: MeshSettings,
): readonly Unit[] {
  return clusterPolicies(service, rule, settings).flatMap(({ name, port, subset, policy }) => {
    const locality = localitySetting(policy, service, settings);
    const unit = outboundCluster({ name, service, port, subset, locality, placement }, policy, rule, client, settings);
    return unit === undefined ? [] : [unit];
  });
}

function outboundCluster(
  target: ClusterTarget,
  policy: TrafficPolicy | undefined,
  rule: DestinationRule | undefined,
  client: ClientClass,
  settings: MeshSettings,
): Unit | undefined {
  const { name, service, port } = target;
  const { connectionPool: pool, outlierDetection: outlier, loadBalancer } = policy ?? {};
  const discovery = discoveryFields(discoveryOf(service, policy, client), target, client, settings);
  // Encrypted or not at all: what names its server by each request has no TLS yet.
  const isDynamic = discovery?.clusterDiscoveryType?.case === 'clusterType';
  if (discovery === undefined || (isDynamic && policy?.tls !== undefined && policy.tls.mode !== 'disable')) return undefined;
  if (cannotBeEncrypted(policy?.tls, target, rule, client)) return undefined;
  const http = { client: client.type, h2Upgrade: settings.h2Upgrade ?? false, ...(pool !== undefined && { pool }) };
  const tls = upstreamTls(policy?.tls, service, speaksHttp2(port.protocol, http), client.systemRoots);
  const transportSocket = announceClient(policy?.proxyProtocol, tls);
  const message = create(ClusterSchema, {
    name,
    ...connectionFields(pool, settings),
    ...loadBalancing(loadBalancer),
    commonLbConfig: commonLbConfig(target.locality, outlier),
    circuitBreakers: circuitBreakers(pool, policy?.retryBudget),
    ...(outlier !== undefined && { outlierDetection: outlierDetection(outlier) }),
    typedExtensionProtocolOptions: upstreamProtocolOptions(port.protocol, http),
    ...(transportSocket !== undefined && { transportSocket }),
    metadata: clusterMetadata([service], port, ruleMetadata(target, rule)),
    // Last: where connections go by themselves nothing is balanced.
    ...discovery,
    ...(discovery.lbPolicy !== undefined && { lbConfig: { case: undefined } }),
  });
  return makeUnit(
    typeUrls.cluster,
    name,
    ClusterSchema,
    message,
    clusterOrigins(target, policy, rule).map((origin) => [{ kind: 'cluster', cluster: name }, origin]),
  );
}

/**
 * A list of revoked certificates is not read yet, so nobody can be trusted who may be on it. Certificates by name are not given out yet. Where Istio would use one there is no cluster, so that nothing leaves in plaintext: at gateways, for
 * rules that choose their sidecars, and for the workload's own certificate towards hosts outside the mesh. A sidecar that no rule chooses ignores
 * the name, in Istio too.
 */
function cannotBeEncrypted(tls: TrafficPolicy['tls'], { service }: ClusterTarget, rule: DestinationRule | undefined, { type }: ClientClass): boolean {
  if (tls === undefined || tls.mode === 'disable') return false;
  if (tls.mode === 'istio-mutual') return service.external;
  if (tls.caCrl !== undefined) return true;
  return tls.credentialName !== undefined && (type === 'router' || rule?.workloadSelector !== undefined);
}

/** The rule that shaped the cluster, and the subset it is; `external` where the service is outside the mesh, as Istio's telemetry reads it. */
function ruleMetadata({ service, subset }: ClusterTarget, rule: DestinationRule | undefined): JsonObject {
  return {
    ...(service.external && subset === undefined && { external: true }),
    ...(rule !== undefined && { config: configPath('destination-rule', rule) }),
    ...(subset !== undefined && { subset: subset.name }),
  };
}

/** Where the parts of the cluster were written, the most special first. */
function clusterOrigins(
  { subset, port, service }: ClusterTarget,
  policy: TrafficPolicy | undefined,
  rule: DestinationRule | undefined,
): readonly Origin[] {
  const { loadBalancer, outlierDetection: outlier, connectionPool, tls, proxyProtocol } = policy ?? {};
  const parts = [subset, loadBalancer, outlier, connectionPool, tls, proxyProtocol, rule, port, service];
  return parts.flatMap((part) => (part === undefined ? [] : [part.origin]));
}
