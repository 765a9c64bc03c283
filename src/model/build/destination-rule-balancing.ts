// In: a loadBalancer as written. Out: the balancing of the model.
import type { TrafficPolicy as WrittenPolicy } from '#api/istio/destination-rule.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { parseDurationMs } from '#base/duration.ts';
import type { Origin } from '#base/origin.ts';
import type {
  ConsistentHash,
  Failover,
  HashKey,
  LoadBalancer,
  LocalityBalancing,
  SimpleBalancing,
  Warmup,
  ZoneAwareBalancing,
} from '#model/destination-rule.ts';

type Written = NonNullable<WrittenPolicy['loadBalancer']>;
type WrittenHash = NonNullable<Written['consistentHash']>;
export type WrittenLocality = NonNullable<Written['localityLbSetting']>;

const simpleKinds: Readonly<Record<string, SimpleBalancing['kind']>> = {
  ROUND_ROBIN: 'round-robin',
  LEAST_REQUEST: 'least-request',
  LEAST_CONN: 'least-request',
  RANDOM: 'random',
  PASSTHROUGH: 'passthrough',
};

export function buildLoadBalancer(written: Written, path: readonly (string | number)[], origins: FieldOrigins): LoadBalancer {
  const kind = simpleKinds[written.simple ?? ''];
  const { consistentHash, localityLbSetting, zoneAwareLbSetting } = written;
  const hashOrigin = origins.at([...path, 'consistentHash']);
  const warmup = buildWarmup(written);
  const locality =
    zoneAwareLbSetting !== undefined
      ? buildZoneAware(zoneAwareLbSetting, origins.at([...path, 'zoneAwareLbSetting']))
      : localityLbSetting === undefined
        ? undefined
        : buildLocality(localityLbSetting, origins.at([...path, 'localityLbSetting']));
  return {
    ...(kind !== undefined && { algorithm: { kind } }),
    ...(consistentHash !== undefined && { algorithm: buildHash(consistentHash, hashOrigin) }),
    ...(warmup !== undefined && { warmup }),
    ...(locality !== undefined && { locality }),
    origin: origins.at(consistentHash !== undefined ? [...path, 'consistentHash'] : kind !== undefined ? [...path, 'simple'] : path),
  };
}

function buildHash(written: WrittenHash, origin: Origin): ConsistentHash {
  const key = hashKey(written);
  return { kind: 'consistent-hash', ...(key !== undefined && { key }), table: hashTable(written), origin };
}

/** The deprecated minimumRingSize is that of a ring. Sizes of 0 mean "not set". */
function hashTable({ maglev, ringHash, minimumRingSize }: WrittenHash): ConsistentHash['table'] {
  if (maglev !== undefined) return positive(maglev.tableSize) ? { kind: 'maglev', size: maglev.tableSize } : { kind: 'maglev' };
  const size = ringHash === undefined ? minimumRingSize : ringHash.minimumRingSize;
  return positive(size) ? { kind: 'ring', minimumSize: size } : { kind: 'ring' };
}

function hashKey({ httpHeaderName, httpCookie, httpQueryParameterName, useSourceIp }: WrittenHash): HashKey | undefined {
  if (httpHeaderName !== undefined) return { kind: 'header', name: httpHeaderName };
  if (httpCookie !== undefined) {
    const { name, path = '', ttl, attributes = [] } = httpCookie;
    const ttlMs = ttl === undefined ? undefined : parseDurationMs(ttl);
    return {
      kind: 'cookie',
      name,
      path,
      ...(ttlMs !== undefined && { ttlMs }),
      attributes: attributes.map((attribute) => ({ name: attribute.name, value: attribute.value ?? '' })),
    };
  }
  if (httpQueryParameterName !== undefined) return { kind: 'query-parameter', name: httpQueryParameterName };
  return useSourceIp === true ? { kind: 'source-ip' } : undefined;
}

/** The deprecated warmupDurationSecs is a duration alone. */
function buildWarmup({ warmup, warmupDurationSecs }: Written): Warmup | undefined {
  const windowMs = parseDurationMs(warmup?.duration ?? warmupDurationSecs ?? '');
  if (windowMs === undefined) return undefined;
  if (warmup === undefined) return { windowMs };
  return { windowMs, aggression: warmup.aggression ?? 1, minimumPercent: warmup.minimumPercent ?? 10 };
}

/** Also for MeshConfig.localityLbSetting. */
export function buildLocality(written: WrittenLocality, origin: Origin): LocalityBalancing {
  return {
    kind: 'locality',
    enabled: written.enabled ?? true,
    distribute: (written.distribute ?? []).map(({ from = '', to = {} }) => ({ from, to: new Map(Object.entries(to)) })),
    failover: buildFailover(written.failover),
    failoverPriority: written.failoverPriority ?? [],
    origin,
  };
}

/** Of a rule, or of MeshConfig. */
export function buildZoneAware(written: NonNullable<Written['zoneAwareLbSetting']>, origin: Origin): ZoneAwareBalancing {
  const { enabled = true, minClusterSize, failover, failoverPriority = [] } = written;
  return {
    kind: 'zone-aware',
    enabled,
    ...(minClusterSize !== undefined && { minClusterSize }),
    failover: buildFailover(failover),
    failoverPriority,
    origin,
  };
}

function buildFailover(written: readonly { readonly from?: string; readonly to?: string }[] | undefined): readonly Failover[] {
  return (written ?? []).map(({ from = '', to = '' }) => ({ from, to }));
}

function positive(count: number | undefined): count is number {
  return count !== undefined && count > 0;
}
