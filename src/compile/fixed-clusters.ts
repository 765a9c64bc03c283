// The clusters that every proxy has whatever the mesh looks like.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { circuitBreakers } from '#compile/circuit-breakers.ts';
import { connectionFields } from '#compile/cluster-connection.ts';
import { dnsCache } from '#compile/dns-cache.ts';
import { duration } from '#compile/durations.ts';
import { namedMetadata } from '#compile/metadata.ts';
import { allowAnyDynamicDnsCluster, blackHoleCluster, inboundPassthroughCluster, passthroughCluster } from '#compile/names.ts';
import { makeUnit, type Unit } from '#compile/unit.ts';
import { passthroughProtocolOptions } from '#compile/upstream-protocol.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { BindConfigSchema } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import { ClusterConfigSchema } from '#envoy/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { MeshSettings } from '#model/mesh.ts';

/** The addresses that inbound connections to the app come from, so that redirection leaves them alone. `any`: what stands for any in each family. */
export function uncapturedSources(any: readonly string[]): readonly string[] {
  return any.map((address) => (address.includes(':') ? '::6' : '127.0.0.6'));
}

/** Gateways have only the black hole: they have no original destination to pass through to. */
export function fixedClusters(
  type: 'sidecar' | 'router',
  settings: MeshSettings,
  forwardsByHost: boolean,
  any: readonly string[] = ['0.0.0.0'],
): readonly Unit[] {
  const blackHole = blackHoleUnit(settings);
  if (type === 'router') return [blackHole];
  return [
    blackHole,
    ...(forwardsByHost ? [dynamicDnsUnit(settings)] : []),
    passthroughUnit(passthroughCluster, settings, {}),
    passthroughUnit(inboundPassthroughCluster, settings, bindTo(uncapturedSources(any))),
  ];
}

function blackHoleUnit(settings: MeshSettings): Unit {
  const message = create(ClusterSchema, {
    name: blackHoleCluster,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(settings.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
    metadata: namedMetadata(blackHoleCluster),
  });
  return makeUnit(typeUrls.cluster, blackHoleCluster, ClusterSchema, message);
}

/** Source: Istio, buildAllowAnyDFPCluster. */
function dynamicDnsUnit(settings: MeshSettings): Unit {
  const name = allowAnyDynamicDnsCluster;
  const message = create(ClusterSchema, {
    name,
    clusterDiscoveryType: {
      case: 'clusterType',
      value: {
        name: 'envoy.clusters.dynamic_forward_proxy',
        // Plaintext upstream: there is no certificate whose name could be checked.
        typedConfig: packAny(ClusterConfigSchema, {
          clusterImplementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache() },
          allowInsecureClusterOptions: true,
        }),
      },
    },
    connectTimeout: duration(settings.connectTimeoutMs),
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    circuitBreakers: circuitBreakers(),
    typedExtensionProtocolOptions: passthroughProtocolOptions(),
    metadata: namedMetadata(name),
  });
  return makeUnit(typeUrls.cluster, name, ClusterSchema, message);
}

type SourceBinding = { readonly upstreamBindConfig?: MessageInitShape<typeof BindConfigSchema> };

/** That connections come from the address of their family; empty: from whichever the system chooses. */
export function bindTo([first, ...more]: readonly string[]): SourceBinding {
  if (first === undefined) return {};
  const at = (address: string) => ({ address, portSpecifier: { case: 'portValue', value: 0 } }) as const;
  const extra = more.map((address) => ({ address: at(address) }));
  return { upstreamBindConfig: { sourceAddress: at(first), ...(extra.length > 0 && { extraSourceAddresses: extra }) } };
}

function passthroughUnit(name: string, settings: MeshSettings, more: SourceBinding): Unit {
  // What limits calls to hosts of the mesh by default limits those to all others too.
  const pool = settings.defaultTrafficPolicy?.connectionPool;
  const message = create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    ...connectionFields(pool, settings),
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    circuitBreakers: circuitBreakers(pool),
    typedExtensionProtocolOptions: passthroughProtocolOptions(),
    metadata: namedMetadata(name),
    ...more,
  });
  return makeUnit(typeUrls.cluster, name, ClusterSchema, message);
}
