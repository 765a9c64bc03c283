// Where a cluster gets its endpoints from: the control plane (EDS), DNS, or the connection itself. For DNS the names to ask for stand in the cluster.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { assertNever } from '#base/assert-never.ts';
import { adsConfigSource } from '#compile/config-source.ts';
import { dnsCache } from '#compile/dns-cache.ts';
import { duration } from '#compile/durations.ts';
import { assignEndpoints } from '#compile/endpoint.ts';
import type { Placement } from '#compile/endpoint-locality.ts';
import type { LocalitySetting } from '#compile/locality-balancing.ts';
import { packAny } from '#envoy/any.ts';
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  type ClusterSchema,
} from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterConfigSchema } from '#envoy/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import type { ClientTls, Subset, TrafficPolicy } from '#model/destination-rule.ts';
import { isWildcard } from '#model/hostname.ts';
import type { MeshSettings } from '#model/mesh.ts';
import { isHttp } from '#model/protocol.ts';
import type { Endpoint, Service, ServicePort } from '#model/service.ts';

/** What of the client changes its clusters. */
export type ClientClass = {
  readonly type: 'sidecar' | 'router';
  /** Whether connections carry the address they were made to (redirect mode). Without it there is nothing to pass through to. */
  readonly hasOriginalDestination: boolean;
  /** All its addresses are IPv6: so are the addresses it asks DNS for. */
  readonly ipv6Only: boolean;
  /** It has a certificate of the mesh, so that mutual TLS can be begun. */
  readonly hasIdentity: boolean;
  /** The file with the roots that its machine trusts. */
  readonly systemRoots: string;
};

export type Discovery = 'endpoints' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'original-destination';

/**
 * A headless service, or a ServiceEntry without resolution, has no endpoints of the mesh's choosing: a sidecar goes where the app went. Gateways, and
 * proxies that nothing is redirected to, have no such address and use the endpoints, such a sidecar also the name (differs from Istio in
 * INTERCEPTION_MODE NONE, where such traffic fails). Source: Istio, convertResolution.
 */
export function discoveryOf(service: Service, policy: TrafficPolicy | undefined, client: ClientClass): Discovery {
  const canPassThrough = client.type === 'sidecar' && client.hasOriginalDestination;
  if (canPassThrough && policy?.loadBalancer?.algorithm?.kind === 'passthrough') return 'original-destination';
  switch (service.resolution) {
    case 'dns':
    case 'dns-round-robin':
      return service.resolution;
    case 'none':
      if (canPassThrough) return 'original-destination';
      // What cannot be passed on is asked for by its name; a wildcard names nobody.
      return client.type === 'sidecar' && service.endpoints.length > 0 ? 'dns' : 'endpoints';
    case 'dynamic-dns':
      return isWildcard(service.hostname) ? 'dynamic-dns' : 'endpoints';
    case 'endpoints':
      return canPassThrough && service.headless ? 'original-destination' : 'endpoints';
    default:
      return assertNever(service.resolution, 'resolution');
  }
}

export type ClusterTarget = {
  readonly name: string;
  readonly service: Service;
  readonly port: ServicePort;
  readonly subset: Subset | undefined;
  readonly locality: LocalitySetting | undefined;
  readonly placement: Placement;
  /** Endpoints that take no mutual TLS whatever their labels say. */
  readonly plain: ReadonlySet<Endpoint>;
  /** How a destination rule has them called. */
  readonly mode: ClientTls['mode'] | undefined;
};

export type DiscoveryFields = Omit<MessageInitShape<typeof ClusterSchema>, '$typeName' | '$unknown'>;

/** Undefined where there is nobody to ask for: a DNS cluster without a name is not made, as in Istio. */
export function discoveryFields(kind: Discovery, target: ClusterTarget, client: ClientClass, settings: MeshSettings): DiscoveryFields | undefined {
  switch (kind) {
    case 'endpoints':
      return {
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: { edsConfig: adsConfigSource(), serviceName: target.name },
      };
    case 'original-destination':
      return { clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST }, lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED };
    case 'dns':
    case 'dns-round-robin':
      return dnsFields(kind, target, client, settings);
    case 'dynamic-dns':
      return dynamicFields(target);
    default:
      return assertNever(kind, 'discovery');
  }
}

/** Answers are kept as long as they say; the refresh rate is for failures. Source: Istio, buildCluster. */
function dnsFields(kind: 'dns' | 'dns-round-robin', target: ClusterTarget, client: ClientClass, settings: MeshSettings): DiscoveryFields | undefined {
  const message = assignEndpoints(target);
  if (message.endpoints.length === 0) return undefined;
  return {
    clusterDiscoveryType: { case: 'type', value: kind === 'dns' ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS },
    loadAssignment: message,
    dnsRefreshRate: duration(settings.dnsRefreshMs ?? 60_000),
    respectDnsTtl: true,
    dnsLookupFamily: client.ipv6Only ? Cluster_DnsLookupFamily.V6_ONLY : Cluster_DnsLookupFamily.V4_ONLY,
  };
}

/**
 * One cluster for all hosts that the wildcard covers, of which each request says one. Only for HTTP, which says it. TLS that is to verify nobody, or
 * whose server name is written, counts as insecure there. Source: Istio, buildDFPCluster.
 */
function dynamicFields({ port, subset }: ClusterTarget): DiscoveryFields | undefined {
  if (subset !== undefined || !isHttp(port.protocol)) return undefined;
  return {
    clusterDiscoveryType: {
      case: 'clusterType',
      value: {
        name: 'envoy.clusters.dynamic_forward_proxy',
        typedConfig: packAny(ClusterConfigSchema, {
          clusterImplementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache() },
          allowInsecureClusterOptions: true,
        }),
      },
    },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  };
}
