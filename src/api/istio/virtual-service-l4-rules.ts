// What Istio demands of the tcp and tls rules of a VirtualService beyond their schema, as its webhook does. Source: Istio, validateTLSRoute
// and validateTCPRoute. Weights and destinations are checked with those of http rules.
import { isIP } from 'node:net';
import { type Finding, invalid, type Path } from '#api/finding.ts';
import type { VirtualServiceSpec } from '#api/istio/virtual-service.ts';
import { closest } from '#base/closest.ts';

type TlsMatch = NonNullable<VirtualServiceSpec['tls']>[number]['match'][number];

/** All broken rules, in the order of the fields. */
export function checkConnectionRules({ hosts = [], tls = [], tcp = [] }: VirtualServiceSpec): readonly Finding[] {
  return [
    ...tls.flatMap(({ match, route = [] }, index) => {
      const path = ['spec', 'tls', index];
      return [
        ...(match.length === 0 ? [invalid([...path, 'match'], 'value', 'a tls rule needs a match with sniHosts')] : []),
        ...match.flatMap((each, at) => checkTlsMatch(each, hosts, [...path, 'match', at])),
        ...checkRoute(route, 'tls', path),
      ];
    }),
    ...tcp.flatMap(({ match = [], route = [] }, index) => {
      const path = ['spec', 'tcp', index];
      return [
        ...match.flatMap(({ destinationSubnets = [] }, at) => checkSubnets(destinationSubnets, [...path, 'match', at])),
        ...checkRoute(route, 'tcp', path),
      ];
    }),
  ];
}

function checkRoute(route: readonly unknown[], kind: string, path: Path): readonly Finding[] {
  return route.length > 0 ? [] : [invalid([...path, 'route'], 'key', `the ${kind} rule says nothing about where connections go`, 'add route')];
}

/** A server name that none of the hosts covers would never be asked for. */
function checkTlsMatch({ sniHosts, destinationSubnets = [] }: TlsMatch, hosts: readonly string[], path: Path): readonly Finding[] {
  return [
    ...(sniHosts.length === 0 ? [invalid([...path, 'sniHosts'], 'value', 'a tls match needs at least one server name')] : []),
    ...sniHosts.flatMap((name, index) => {
      if (isIP(name) !== 0 || hosts.some((host) => covers(host.toLowerCase(), name.toLowerCase()))) return [];
      const guess = closest(name, hosts);
      const hint = guess === undefined ? 'add it to hosts' : `did you mean ${guess}? Otherwise add it to hosts`;
      return [invalid([...path, 'sniHosts', index], 'value', `server name ${name} is none of the hosts ${hosts.join(', ')}`, hint)];
    }),
    ...checkSubnets(destinationSubnets, path),
  ];
}

function covers(host: string, name: string): boolean {
  if (!host.startsWith('*')) return host === name;
  return name.startsWith('*') ? name.length >= host.length && name.slice(1).endsWith(host.slice(1)) : name.endsWith(host.slice(1));
}

function checkSubnets(subnets: readonly string[], path: Path): readonly Finding[] {
  return subnets.flatMap((subnet, index) =>
    isSubnet(subnet)
      ? []
      : [invalid([...path, 'destinationSubnets', index], 'value', `${subnet} is neither an IP address nor a network`, 'such as 10.0.0.0/8')],
  );
}

function isSubnet(subnet: string): boolean {
  const [address = '', bits, ...rest] = subnet.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32));
}
