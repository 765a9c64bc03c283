// The node's rules for Services and for the way out, as text for nft and for iptables-restore. Each takes the place of an earlier one whole. Pure.
import type { ServedPort } from '#runtime/netns/served-port.ts';

/** What leaves the mesh's range, and the port on the node that takes it instead: the relay to the real network. */
export type Egress = { readonly cidr: string; readonly port: number };

/** What rules are about; those of IPv6 are a table of their own, where a range of it is. */
export type RulesFamily = { readonly nodeAddress: string; readonly egress: Egress | undefined };

const own = { ip: '127.0.0.0/8', ip6: '::1/128' } as const;

/**
 * A connection to a Service's address goes to one of its ready endpoints, chosen at random, as kube-proxy does it. A pod that reaches itself by a
 * Service gets the node as its caller, since what comes back to a pod from its own address is thrown away. `all`: ports of the other family are
 * left out.
 */
export function serviceRules(all: readonly ServedPort[], { nodeAddress, egress }: RulesFamily): string {
  const family = isIpv6(nodeAddress) ? 'ip6' : 'ip';
  const ports = ofFamily(all, nodeAddress);
  const endpoints = ports.flatMap(({ protocol, endpoints: list }) => list.map((one) => ({ ...one, protocol, chain: chainOf(one, protocol) })));
  const chains = new Map(
    endpoints.map(({ chain, protocol, address, port }) => [
      chain,
      `  chain ${chain} { meta l4proto ${protocol} dnat to ${placeOf(address, port)}; }`,
    ]),
  );
  const toItself = [...new Set(endpoints.map(({ address }) => `${address} . ${address}`))];
  return [
    `table ${family} heddle-services {}`,
    `delete table ${family} heddle-services`,
    `table ${family} heddle-services {`,
    ...chains.values(),
    '  chain prerouting {',
    '    type nat hook prerouting priority -100; policy accept;',
    ...ports.map((port) => wayTo(port, family)),
    ...(egress === undefined
      ? []
      : [`    ${family} daddr != { ${egress.cidr}, ${own[family]} } meta l4proto tcp dnat to ${placeOf(nodeAddress, egress.port)}`]),
    '  }',
    '  chain postrouting {',
    '    type nat hook postrouting priority 100; policy accept;',
    ...(toItself.length === 0 ? [] : [`    ${family} saddr . ${family} daddr { ${toItself.join(', ')} } snat to ${nodeAddress}`]),
    '  }',
    '}',
    '',
  ].join('\n');
}

function wayTo({ address, protocol, port, endpoints }: ServedPort, family: 'ip' | 'ip6'): string {
  const choices = endpoints.map((one, index) => `${index} : goto ${chainOf(one, protocol)}`).join(', ');
  return `    ${family} daddr ${address} ${protocol} dport ${port} numgen random mod ${endpoints.length} vmap { ${choices} }`;
}

function chainOf({ address, port }: ServedPort['endpoints'][number], protocol: ServedPort['protocol']): string {
  return `to-${address.replace(/[.:]/g, '-')}-${protocol}-${port}`;
}

function ofFamily(ports: readonly ServedPort[], nodeAddress: string): readonly ServedPort[] {
  return ports.filter(({ address }) => isIpv6(address) === isIpv6(nodeAddress));
}

function isIpv6(address: string): boolean {
  return address.includes(':');
}

function placeOf(address: string, port: number): string {
  return isIpv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The same for iptables-restore, or ip6tables-restore: the whole table `nat`, which is the node's own. */
export function serviceRulesForIptables(all: readonly ServedPort[], { nodeAddress, egress }: RulesFamily): string {
  const ports = ofFamily(all, nodeAddress);
  const served = new Set(ports.flatMap(({ endpoints }) => endpoints.map(({ address }) => address)));
  return [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ...ports.flatMap(({ address, protocol, port, endpoints }) =>
      endpoints.map((one, index) => {
        // Of those that are left each has the same chance; the last takes what comes.
        const left = endpoints.length - index;
        const chance = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(8)}`;
        return `-A PREROUTING -d ${address} -p ${protocol} --dport ${port}${chance} -j DNAT --to-destination ${placeOf(one.address, one.port)}`;
      }),
    ),
    ...(egress === undefined
      ? []
      : [
          `-A PREROUTING -d ${egress.cidr} -j RETURN`,
          `-A PREROUTING -d ${own[isIpv6(nodeAddress) ? 'ip6' : 'ip']} -j RETURN`,
          `-A PREROUTING -p tcp -j DNAT --to-destination ${placeOf(nodeAddress, egress.port)}`,
        ]),
    ...[...served].map((address) => `-A POSTROUTING -s ${address} -d ${address} -j SNAT --to-source ${nodeAddress}`),
    'COMMIT',
    '',
  ].join('\n');
}
