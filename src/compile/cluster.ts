// In: a service, the destination rule in force for the client, and what the client is. Out: the clusters `outbound|…` for it: one for all endpoints
// of a port and one per subset. Same in, same out: the result is shared by all proxies it holds for.
import type { JsonObject } from '@bufbuild/protobuf';
import type { Origin } from '#base/origin.ts';
import { circuitBreakers } from '#compile/circuit-breakers.ts';
import { secretsOf } from '#compile/client-secrets.ts';
import { connectionFields } from '#compile/cluster-connection.ts';
import { type ClientClass, type ClusterTarget, type DiscoveryFields, discoveryFields, discoveryOf } from '#compile/cluster-discovery.ts';
import type { ClusterPolicy } from '#compile/cluster-policy.ts';
import type { Placement } from '#compile/endpoint-locality.ts';
import { loadBalancing } from '#compile/load-balancing.ts';
import { commonLbConfig } from '#compile/locality-balancing.ts';
import { clusterMetadata } from '#compile/metadata.ts';
import { configPath, meshServerName } from '#compile/names.ts';
import { outlierDetection } from '#compile/outlier-detection.ts';
import { announceClient, plaintextSocket } from '#compile/proxy-protocol.ts';
import type { ServiceMtls } from '#compile/service-mtls.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { carriedBy, type UpstreamHttp, upstreamProtocolOptions } from '#compile/upstream-protocol.ts';
import { type ClientSecrets, type EncryptedCluster, type Encryption, encryptionOf } from '#compile/upstream-tls.ts';
import { create } from '#envoy/create.ts';
import {
  Cluster_DiscoveryType,
  type Cluster_TransportSocketMatch,
  Cluster_TransportSocketMatchSchema,
  ClusterSchema,
} from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { createShared } from '#envoy/shared-message.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { DestinationRule, TrafficPolicy } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';
import { isHttp } from '#model/protocol.ts';
import type { Endpoint, Service } from '#model/service.ts';

/** What of the mesh a service's clusters depend on, beside the service and its rule. `secrets`: by the name of the credential; those the client may have. */
export type ClusterContext = {
  readonly client: ClientClass;
  readonly placement: Placement;
  readonly mtls: ServiceMtls;
  /** Endpoints that take no mutual TLS whatever their labels say. */
  readonly plain: ReadonlySet<Endpoint>;
  readonly secrets: ReadonlyMap<string, ClientSecrets>;
  readonly settings: MeshSettings;
};

/** All clusters of one service, for one class of clients at one place. `policies`: see `clusterPolicies`. */
export function outboundClusters(
  service: Service,
  rule: DestinationRule | undefined,
  policies: readonly ClusterPolicy[],
  context: ClusterContext,
): readonly Unit[] {
  const { placement, plain } = context;
  const units: Unit[] = [];
  for (const { name, port, subset, policy, locality } of policies) {
    const unit = outboundCluster({ name, service, port, subset, locality, placement, plain, mode: policy?.tls?.mode }, policy, rule, context);
    if (unit !== undefined) units.push(unit);
  }
  return units;
}

function outboundCluster(
  target: ClusterTarget,
  policy: TrafficPolicy | undefined,
  rule: DestinationRule | undefined,
  context: ClusterContext,
): Unit | undefined {
  const { name, service, port } = target;
  const { client, settings } = context;
  const { connectionPool: pool, outlierDetection: outlier, loadBalancer } = policy ?? {};
  const discovery = discoveryFields(discoveryOf(service, policy, client), target, client, settings);
  if (discovery === undefined) return undefined;
  const http = { client: client.type, h2Upgrade: settings.h2Upgrade ?? false, ...(pool !== undefined && { pool }), ...errorsOf(outlier) };
  const encryption = encryptionFor(target, policy, discovery, carriedBy(port.protocol, http), context);
  if (encryption.kind === 'impossible') return undefined;
  const message = create(ClusterSchema, {
    name,
    ...connectionFields(pool, settings),
    ...loadBalancing(loadBalancer),
    commonLbConfig: commonLbConfig(target.locality, outlier),
    circuitBreakers: circuitBreakers(pool, policy?.retryBudget),
    ...(outlier !== undefined && { outlierDetection: outlierDetection(outlier) }),
    typedExtensionProtocolOptions: upstreamProtocolOptions(port.protocol, withNames(http, encryption)),
    ...socketFields(encryption, policy?.proxyProtocol),
    metadata: clusterMetadata([service], port, ruleMetadata(target, rule)),
    // Last: where connections go by themselves nothing is balanced.
    ...discovery,
    ...(discovery.lbPolicy !== undefined && { lbConfig: { case: undefined } }),
  });
  return makeUnit(typeUrls.cluster, name, ClusterSchema, message, () =>
    clusterOrigins(target, policy, rule).map((origin) => [{ kind: 'cluster', cluster: name }, origin]),
  );
}

function encryptionFor(
  { service, port, subset }: ClusterTarget,
  policy: TrafficPolicy | undefined,
  { clusterDiscoveryType: type }: DiscoveryFields,
  protocol: EncryptedCluster['protocol'],
  { client, mtls, secrets, settings }: ClusterContext,
): Encryption {
  const tls = policy?.tls;
  // Whom a request names is no service of the mesh, which could do mutual TLS.
  if (type?.case === 'clusterType' && tls === undefined) return { kind: 'plaintext' };
  if (type?.case === 'clusterType' && tls?.mode === 'istio-mutual') return { kind: 'impossible' };
  return encryptionOf(tls, {
    service,
    meshServerName: meshServerName(port.number, subset?.name, service.hostname),
    protocol,
    isHttp: isHttp(port.protocol),
    passesThrough: type?.case === 'type' && type.value === Cluster_DiscoveryType.ORIGINAL_DST,
    port: port.number,
    mtls,
    hasIdentity: client.hasIdentity,
    systemRoots: client.systemRoots,
    secrets: tls?.credentialName === undefined ? undefined : secrets.get(secretsOf(tls, tls.credentialName)),
    settings,
  });
}

function errorsOf(outlier: TrafficPolicy['outlierDetection']): Pick<UpstreamHttp, 'errorStatuses'> {
  return outlier?.errorStatuses === undefined ? {} : { errorStatuses: outlier.errorStatuses };
}

function withNames(http: UpstreamHttp, encryption: Encryption): UpstreamHttp {
  return encryption.kind === 'always' && encryption.names !== undefined ? { ...http, requestNames: encryption.names } : http;
}

/** What most clusters have is made once. */
function plaintextMatch(): Cluster_TransportSocketMatch {
  forPlaintext ??= createShared(Cluster_TransportSocketMatchSchema, { name: 'tlsMode-disabled', match: {}, transportSocket: plaintextSocket });
  return forPlaintext;
}

let forPlaintext: Cluster_TransportSocketMatch | undefined;

/** Source: Istio, applyUpstreamTLSSettings. */
function socketFields(
  encryption: Encryption,
  announced: TrafficPolicy['proxyProtocol'],
): Pick<DiscoveryFields, 'transportSocket' | 'transportSocketMatches'> {
  if (encryption.kind !== 'by-endpoint') {
    const socket = announceClient(announced, encryption.kind === 'always' ? encryption.socket : undefined);
    return socket === undefined ? {} : { transportSocket: socket };
  }
  return {
    transportSocketMatches: [
      { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transportSocket: announceClient(announced, encryption.socket) ?? encryption.socket },
      announced === undefined
        ? plaintextMatch()
        : { name: 'tlsMode-disabled', match: {}, transportSocket: announceClient(announced, undefined) ?? plaintextSocket },
    ],
  };
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
