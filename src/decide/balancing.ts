// Envoy's lb_policy with its settings, or load_balancing_policy, compiled.
import type { BalancingEntry, SlowStart } from '#decide/balancing-entry.ts';
import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import { type Extension, unpackExtension } from '#decide/extension.ts';
import type { RingSettings } from '#decide/hash-ring.ts';
import { isPrime } from '#decide/maglev.ts';
import {
  type Cluster,
  Cluster_LbPolicy as LbPolicy,
  Cluster_RingHashLbConfig_HashFunction as LegacyHashFunction,
  type Cluster_RingHashLbConfig as LegacyRing,
  type Cluster_SlowStartConfig as LegacySlowStart,
} from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { LocalityLbConfig, SlowStartConfig } from '#envoy/gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js';
import type { LeastRequest_SelectionMethod as SelectionMethod } from '#envoy/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js';
import type {
  RingHash_HashFunction as HashFunction,
  RingHash,
} from '#envoy/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js';

const defaults: BalancingEntry = {
  balancing: 'round-robin',
  choiceCount: 2,
  fullScan: false,
  activeRequestBias: 1,
  ring: { minimumSize: 1024, maximumSize: 8_388_608, hashFunction: 'xx-hash' },
  maglevTableSize: 65_537,
  hashesHostname: false,
  localityWeighted: false,
  panicThresholdPercent: 50,
  failTrafficOnPanic: false,
};

/** load_balancing_policy wins over lb_policy; of its list the first known one counts (Cluster.load_balancing_policy). */
export function compileBalancing(cluster: Cluster, problems: Problems): BalancingEntry {
  const panicThresholdPercent = cluster.commonLbConfig?.healthyPanicThreshold?.value ?? defaults.panicThresholdPercent;
  if (cluster.loadBalancingPolicy !== undefined) return { ...defaults, panicThresholdPercent, ...compilePolicies(cluster, problems) };
  const common = cluster.commonLbConfig;
  const locality = common?.localityConfigSpecifier;
  if (common?.consistentHashingLbConfig?.hashBalanceFactor !== undefined)
    problems.report('common_lb_config.consistent_hashing_lb_config.hash_balance_factor', 'is not supported');
  return {
    ...defaults,
    panicThresholdPercent,
    localityWeighted: locality?.case === 'localityWeightedLbConfig',
    failTrafficOnPanic: locality?.case === 'zoneAwareLbConfig' && locality.value.failTrafficOnPanic,
    hashesHostname: common?.consistentHashingLbConfig?.useHostnameForHashing ?? false,
    ...compileLegacy(cluster, problems),
  };
}

const policies: Readonly<Partial<Record<LbPolicy, BalancingEntry['balancing']>>> = {
  [LbPolicy.ROUND_ROBIN]: 'round-robin',
  [LbPolicy.LEAST_REQUEST]: 'least-request',
  [LbPolicy.RANDOM]: 'random',
  [LbPolicy.RING_HASH]: 'ring-hash',
  [LbPolicy.MAGLEV]: 'maglev',
  [LbPolicy.CLUSTER_PROVIDED]: 'original-dst',
};

function compileLegacy(cluster: Cluster, problems: Problems): Partial<BalancingEntry> {
  // A policy that is not in the list has been named by the table of supported fields.
  const balancing = policies[cluster.lbPolicy] ?? 'round-robin';
  const config = cluster.lbConfig;
  switch (config.case) {
    case 'leastRequestLbConfig':
      return {
        balancing,
        choiceCount: config.value.choiceCount ?? 2,
        activeRequestBias: config.value.activeRequestBias?.defaultValue ?? 1,
        ...slowStartOf(config.value.slowStartConfig),
      };
    case 'roundRobinLbConfig':
      return { balancing, ...slowStartOf(config.value.slowStartConfig) };
    case 'ringHashLbConfig':
      return {
        balancing,
        ring: ringOf(config.value, config.value.hashFunction === LegacyHashFunction.MURMUR_HASH_2, 'ring_hash_lb_config', problems),
      };
    case 'maglevLbConfig':
      return { balancing, maglevTableSize: tableSizeOf(config.value.tableSize, 'maglev_lb_config.table_size', problems) };
    default:
      return { balancing };
  }
}

function compilePolicies(cluster: Cluster, problems: Problems): Partial<BalancingEntry> {
  for (const [index, { typedExtensionConfig: extension }] of (cluster.loadBalancingPolicy?.policies ?? []).entries()) {
    const message = extension?.typedConfig === undefined ? undefined : unpackExtension(extension.typedConfig);
    const at = `load_balancing_policy.policies[${index}].typed_extension_config.typed_config`;
    const policy = message === undefined ? undefined : compilePolicy(message, at, problems);
    if (policy !== undefined) return policy;
  }
  problems.report('load_balancing_policy', 'none of the policies is supported');
  return {};
}

// Numbers, as their types alone are imported: the compiler holds them against those.
const fullScan: SelectionMethod.FULL_SCAN = 1;
const murmurHash: HashFunction.MURMUR_HASH_2 = 2;

function compilePolicy(message: Extension, at: string, problems: Problems): Partial<BalancingEntry> | undefined {
  if (message.$typeName === 'envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided') return { balancing: 'original-dst' };
  if (message.$typeName === 'envoy.extensions.load_balancing_policies.random.v3.Random')
    return { balancing: 'random', ...localityOf(message.localityLbConfig) };
  if (message.$typeName === 'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin')
    return { balancing: 'round-robin', ...localityOf(message.localityLbConfig), ...slowStartOf(message.slowStartConfig) };
  if (message.$typeName === 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest') {
    return {
      balancing: 'least-request',
      choiceCount: message.choiceCount ?? 2,
      fullScan: message.selectionMethod === fullScan,
      activeRequestBias: message.activeRequestBias?.defaultValue ?? 1,
      ...localityOf(message.localityLbConfig),
      ...slowStartOf(message.slowStartConfig),
    };
  }
  if (message.$typeName === 'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash') {
    return {
      balancing: 'ring-hash',
      ring: ringOf(message, message.hashFunction === murmurHash, at, problems),
      hashesHostname: message.consistentHashingLbConfig?.useHostnameForHashing ?? message.useHostnameForHashing,
      localityWeighted: message.localityWeightedLbConfig !== undefined,
    };
  }
  if (message.$typeName === 'envoy.extensions.load_balancing_policies.maglev.v3.Maglev') {
    return {
      balancing: 'maglev',
      maglevTableSize: tableSizeOf(message.tableSize, `${at}.table_size`, problems),
      hashesHostname: message.consistentHashingLbConfig?.useHostnameForHashing ?? false,
      localityWeighted: message.localityWeightedLbConfig !== undefined,
    };
  }
  return undefined;
}

function localityOf(config: LocalityLbConfig | undefined): Partial<BalancingEntry> {
  const specifier = config?.localityConfigSpecifier;
  if (specifier?.case === 'localityWeightedLbConfig') return { localityWeighted: true };
  return specifier?.case === 'zoneAwareLbConfig' ? { failTrafficOnPanic: specifier.value.failTrafficOnPanic } : {};
}

function slowStartOf(config: LegacySlowStart | SlowStartConfig | undefined): { slowStart?: SlowStart } {
  const windowMs = durationMs(config?.slowStartWindow, 0);
  if (config === undefined || windowMs <= 0) return {};
  const aggression = config.aggression?.defaultValue ?? 1;
  return { slowStart: { windowMs, aggression: aggression > 0 ? aggression : 1, minimum: (config.minWeightPercent?.value ?? 10) / 100 } };
}

const largestRing = 8_388_608;

function ringOf(config: LegacyRing | RingHash, murmur: boolean, at: string, problems: Problems): RingSettings {
  const minimumSize = Number(config.minimumRingSize ?? defaults.ring.minimumSize);
  const maximumSize = Number(config.maximumRingSize ?? defaults.ring.maximumSize);
  if (minimumSize > maximumSize) problems.report(`${at}.minimum_ring_size`, 'must not be above maximum_ring_size');
  if (maximumSize > largestRing || maximumSize < 1) problems.report(`${at}.maximum_ring_size`, `must be 1 to ${largestRing}`);
  return { minimumSize, maximumSize, hashFunction: murmur ? 'murmur-hash-2' : 'xx-hash' };
}

const largestTable = 5_000_011;

function tableSizeOf(size: bigint | undefined, at: string, problems: Problems): number {
  const wanted = Number(size ?? defaults.maglevTableSize);
  if (wanted > largestTable || !isPrime(wanted)) problems.report(at, `must be a prime, at most ${largestTable}`);
  return wanted;
}
