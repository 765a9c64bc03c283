// What Istio demands of a loadBalancer beyond its schema. Source: Istio, validateLoadBalancer, ValidateLocalityLbSetting, ValidateZoneAwareLbSetting.
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { TrafficPolicy } from '#api/istio/destination-rule.ts';

type LoadBalancer = NonNullable<TrafficPolicy['loadBalancer']>;
type Hash = NonNullable<LoadBalancer['consistentHash']>;
type Locality = NonNullable<LoadBalancer['localityLbSetting']>;
type Failovers = NonNullable<Locality['failover']>;

const topology: readonly string[] = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'];

export function checkLoadBalancer(balancer: LoadBalancer | undefined, path: Path): readonly Finding[] {
  if (balancer === undefined) return [];
  const { consistentHash, localityLbSetting, zoneAwareLbSetting, warmup } = balancer;
  const both = localityLbSetting !== undefined && zoneAwareLbSetting !== undefined;
  return [
    ...checkHash(consistentHash, [...path, 'consistentHash']),
    ...(both ? [invalid([...path, 'zoneAwareLbSetting'], 'key', 'localityLbSetting and zoneAwareLbSetting exclude each other')] : []),
    ...checkLocality(localityLbSetting, [...path, 'localityLbSetting']),
    ...checkZoneAware(zoneAwareLbSetting, [...path, 'zoneAwareLbSetting']),
    ...(warmup?.aggression === 0 ? [invalid([...path, 'warmup', 'aggression'], 'value', 'aggression must be above 0')] : []),
  ];
}

/** Above this Envoy takes no table. */
const maglevLimit = 5_000_011;

function checkHash(hash: Hash | undefined, path: Path): readonly Finding[] {
  if (hash === undefined) return [];
  const { httpCookie, minimumRingSize = 0, ringHash, maglev } = hash;
  const found: Finding[] = [];
  if (httpCookie?.name === '') found.push(invalid([...path, 'httpCookie', 'name'], 'value', 'the cookie needs a name'));
  for (const [index, { name }] of (httpCookie?.attributes ?? []).entries()) {
    const at = [...path, 'httpCookie', 'attributes', index, 'name'];
    if (name === '') found.push(invalid(at, 'value', 'the attribute needs a name'));
    else if (httpCookie?.attributes?.findIndex((other) => other.name === name) !== index) {
      found.push(invalid(at, 'value', `the cookie has the attribute ${name} already`));
    }
  }
  if (minimumRingSize > 0 && (ringHash !== undefined || maglev !== undefined)) {
    found.push(
      invalid([...path, 'minimumRingSize'], 'key', 'minimumRingSize cannot stand beside ringHash or maglev', 'use ringHash.minimumRingSize'),
    );
  }
  const size = maglev?.tableSize;
  if (maglev !== undefined && (size === undefined || size >= maglevLimit || !isPrime(size))) {
    const message = `the table of maglev needs a size that is a prime number below ${maglevLimit}${size === undefined ? '' : `, not ${size}`}`;
    found.push(
      invalid(
        size === undefined ? [...path, 'maglev'] : [...path, 'maglev', 'tableSize'],
        size === undefined ? 'key' : 'value',
        message,
        'such as 65537',
      ),
    );
  }
  return found;
}

function isPrime(number: number): boolean {
  if (number < 2 || (number > 2 && number % 2 === 0)) return false;
  for (let factor = 3; factor * factor <= number; factor += 2) if (number % factor === 0) return false;
  return true;
}

/** As Istio's webhook: the first finding of a kind ends the check, as what follows would only repeat it. */
function checkLocality(setting: Locality | undefined, path: Path): readonly Finding[] {
  if (setting === undefined) return [];
  const { distribute = [], failover = [], failoverPriority = [] } = setting;
  if (distribute.length > 0 && failover.length > 0) {
    return [invalid([...path, 'failover'], 'key', 'distribute and failover exclude each other', 'keep one of them')];
  }
  const clash = failover.length > 0 ? failoverPriority.findIndex((label) => topology.includes(label)) : -1;
  if (clash >= 0) {
    const message = `the label ${failoverPriority[clash] ?? ''} cannot be a failoverPriority where failover speaks of regions`;
    return [invalid([...path, 'failoverPriority', clash], 'value', message)];
  }
  return [
    ...distribute.flatMap(({ to = {} }, index) => checkShares(to, [...path, 'distribute', index, 'to'])),
    ...checkLocalities(
      distribute.map(({ from = '' }) => from),
      (index) => [...path, 'distribute', index, 'from'],
    ),
    ...checkFailover(failover, [...path, 'failover']),
  ];
}

function checkShares(to: Readonly<Record<string, number>>, path: Path): readonly Finding[] {
  const shares = Object.entries(to);
  const wrong = shares.find(([, share]) => share < 1 || share > 100);
  if (wrong !== undefined)
    return [invalid([...path, wrong[0]], 'value', `the weight of a locality is 1 to 100, not ${wrong[1]}`, 'leave out what gets nothing')];
  const total = shares.reduce((sum, [, share]) => sum + share, 0);
  if (total !== 100) return [invalid(path, 'key', `the weights of the localities add up to ${total}, not to 100`)];
  return checkLocalities(
    shares.map(([locality]) => locality),
    (index) => [...path, shares[index]?.[0] ?? ''],
  );
}

/** `region`, `region/zone`, `region/zone/subzone`, of which the last part may be `*`; none may cover a later one. */
function checkLocalities(localities: readonly string[], pathOf: (index: number) => Path): readonly Finding[] {
  for (const [index, locality] of localities.entries()) {
    const star = locality.indexOf('*');
    if (star >= 0 && star !== locality.length - 1) return [invalid(pathOf(index), 'value', `${locality}: a * may only stand at the end`)];
    if (locality.split('/', 3).includes('')) return [invalid(pathOf(index), 'value', `'${locality}' has an empty region, zone or sub-zone`)];
    const covering = localities.slice(0, index).find((earlier) => overlap(earlier, locality));
    if (covering !== undefined) return [invalid(pathOf(index), 'value', `${locality} overlaps with ${covering}`)];
  }
  return [];
}

function overlap(a: string, b: string): boolean {
  const right = b.split('/');
  return a.split('/').every((part, index) => part === '*' || right[index] === undefined || right[index] === '*' || part === right[index]);
}

function checkZoneAware(setting: LoadBalancer['zoneAwareLbSetting'], path: Path): readonly Finding[] {
  if (setting === undefined) return [];
  const { failover = [], failoverPriority = [] } = setting;
  return [
    ...failoverPriority.flatMap((label, index) =>
      topology.includes(label)
        ? [invalid([...path, 'failoverPriority', index], 'value', `${label} is looked at anyway where balancing knows zones`)]
        : [],
    ),
    ...checkFailover(failover, [...path, 'failover']),
  ];
}

function checkFailover(failover: Failovers, path: Path): readonly Finding[] {
  return failover.flatMap(({ from = '', to = '' }, index) => {
    const at = [...path, index];
    return [
      ...(from === to ? [invalid([...at, 'to'], 'value', `region ${from} cannot fail over to itself`, 'name another region')] : []),
      ...(from.includes('/') || to.includes('/') ? [invalid(at, 'key', 'failover is between regions, without zones')] : []),
      ...(from.includes('*') || to.includes('*') ? [invalid(at, 'key', 'failover is from one region to another, without *')] : []),
    ];
  });
}
