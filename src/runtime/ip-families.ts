// Which families of addresses a Service asks for, and what of it this network cannot give. Source: Kubernetes, spec.ipFamilies and spec.ipFamilyPolicy:
// https://kubernetes.io/docs/concepts/services-networking/dual-stack/
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

export type IpFamily = 'IPv4' | 'IPv6';

type Service = KindMap['Service'];

/** At least one, that of the ClusterIP first. A Service that says nothing has IPv4 alone. `hasIpv6`: where pods have none it is all that there is. */
export function serviceFamilies({ spec }: Pick<Service, 'spec'>, hasIpv6: boolean): readonly IpFamily[] {
  if (!hasIpv6) return ['IPv4'];
  const asked = askedFamilies(spec);
  return asked.length > 0 ? asked : ['IPv4'];
}

/** For each Service that asks for IPv6, and does without. Not for what takes IPv6 only where it can be had (PreferDualStack). */
export function unmetFamilies(services: Iterable<Service>, hasIpv6: boolean): readonly Diagnostic[] {
  if (hasIpv6) return [];
  return [...services].flatMap(({ spec, metadata, origins }): readonly Diagnostic[] => {
    if (spec.type === 'ExternalName' || spec.ipFamilyPolicy === 'PreferDualStack' || !askedFamilies(spec).includes('IPv6')) return [];
    const field =
      spec.ipFamilies?.includes('IPv6') === true ? 'ipFamilies' : spec.ipFamilyPolicy === 'RequireDualStack' ? 'ipFamilyPolicy' : 'clusterIP';
    const message = `${field} of Service ${metadata.namespace}/${metadata.name} asks for IPv6, which pods do not have here: it has an address of IPv4 alone`;
    const hint = 'heddle up --network netns --network-cidr 198.18.0.0/15,fd00:18::/64 gives pods and Services both';
    return [{ code: 'HDL0403', severity: 'warning', message, hint, at: origins.at(['spec', field]) }];
  });
}

function askedFamilies({ ipFamilies = [], ipFamilyPolicy, clusterIP, clusterIPs = [] }: Service['spec']): readonly IpFamily[] {
  const written = [...(clusterIP === undefined ? [] : [clusterIP]), ...clusterIPs].filter((address) => address !== '' && address !== 'None');
  const named: readonly IpFamily[] = ipFamilies.length > 0 ? ipFamilies : written.map((address) => (address.includes(':') ? 'IPv6' : 'IPv4'));
  const [first = 'IPv4'] = named;
  const wantsBoth = ipFamilyPolicy === 'PreferDualStack' || ipFamilyPolicy === 'RequireDualStack';
  return wantsBoth ? [first, first === 'IPv4' ? 'IPv6' : 'IPv4'] : [...new Set(named)];
}
