// Which setting decides between localities, and what of it the cluster itself must know. The endpoints' part is in endpoint-locality.ts.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Cluster_CommonLbConfigSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { LocalityBalancing, OutlierDetection, TrafficPolicy, ZoneAwareBalancing } from '#model/destination-rule.ts';
import { topologyLabels } from '#model/locality.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Service } from '#model/service.ts';

/** `failover`: endpoints get priorities. Where they are not watched for errors, Envoy would hardly ever leave the first, so they get none. */
export type LocalitySetting = { readonly balancing: LocalityBalancing | ZoneAwareBalancing; readonly failover: boolean };

/**
 * The destination rule's setting, else the service's trafficDistribution, else the mesh's; undefined where that is switched off, or where it changes
 * nothing for this cluster. Source: Istio, GetEffectiveLbSetting.
 */
export function localitySetting(policy: TrafficPolicy | undefined, service: Service, settings: MeshSettings): LocalitySetting | undefined {
  const written = policy?.loadBalancer?.locality;
  const watched = policy?.outlierDetection !== undefined;
  if (written !== undefined) return acting(written, watched);
  const distributed = trafficDistribution(service);
  if (distributed !== undefined) return { balancing: distributed, failover: true };
  return acting(settings.localityBalancing ?? byDefault(service), watched);
}

function acting(balancing: LocalityBalancing | ZoneAwareBalancing, failover: boolean): LocalitySetting | undefined {
  // Switched off, it is said to the cluster all the same: Envoy would prefer the client's zone by itself.
  if (balancing.kind === 'zone-aware') return { balancing, failover: balancing.enabled };
  if (!balancing.enabled) return undefined;
  return failover || balancing.distribute.length > 0 ? { balancing, failover } : undefined;
}

/** MeshConfig.localityLbSetting as Istio has it by default: enabled, without more. */
function byDefault({ origin }: Service): LocalityBalancing {
  return { kind: 'locality', enabled: true, distribute: [], failover: [], failoverPriority: [], origin };
}

/** Source: Kubernetes, Service spec.trafficDistribution; Istio, TrafficDistribution. */
function trafficDistribution(service: Service): LocalityBalancing | undefined {
  const { network, region, zone, subZone, host } = topologyLabels;
  switch (service.trafficDistribution) {
    case 'prefer-same-zone':
      return { ...byDefault(service), failoverPriority: [network, region, zone] };
    case 'prefer-same-node':
      return { ...byDefault(service), failoverPriority: [network, region, zone, subZone, host] };
    default:
      return undefined;
  }
}

/**
 * The panic threshold is what minHealthPercent says, 0 included, as soon as there is an outlierDetection; else Envoy's 50. Localities are
 * weighted where a rule speaks of them: it would change how single endpoints are chosen. Source: Istio, applyOutlierDetection and ApplyToCluster.
 */
export function commonLbConfig(
  setting: LocalitySetting | undefined,
  outlier: OutlierDetection | undefined,
): MessageInitShape<typeof Cluster_CommonLbConfigSchema> {
  return {
    ...(outlier !== undefined && { healthyPanicThreshold: { value: outlier.minHealthPercent } }),
    ...(setting !== undefined && localitySpecifier(setting)),
  };
}

function localitySpecifier({
  balancing,
  failover,
}: LocalitySetting): Pick<MessageInitShape<typeof Cluster_CommonLbConfigSchema>, 'localityConfigSpecifier'> {
  if (balancing.kind === 'zone-aware') {
    const { enabled, minClusterSize } = balancing;
    return {
      localityConfigSpecifier: {
        case: 'zoneAwareLbConfig',
        value: { ...(!enabled && { routingEnabled: { value: 0 } }), ...(minClusterSize !== undefined && { minClusterSize: BigInt(minClusterSize) }) },
      },
    };
  }
  const ordered = failover && (balancing.failover.length > 0 || balancing.failoverPriority.length > 0);
  return ordered || balancing.distribute.length > 0 ? { localityConfigSpecifier: { case: 'localityWeightedLbConfig', value: {} } } : {};
}
