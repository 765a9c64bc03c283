// The node's rules for Services and for the way out, as text for nft and for iptables-restore. Each takes the place of an earlier one whole. Pure.
import type { ServedPort } from '#runtime/netns/served-port.ts';

/** What leaves the mesh's range, and the port on the node that takes it instead: the relay to the real network. */
export type Egress = { readonly cidr: string; readonly port: number };

/**
 * A connection to a Service's address goes to one of its ready endpoints, chosen at random, as kube-proxy does it. A pod that reaches itself by a
 * Service gets the node as its caller, since what comes back to a pod from its own address is thrown away.
 */
export function serviceRules(ports: readonly ServedPort[], nodeAddress: string, egress: Egress | undefined): string {
  const endpoints = ports.flatMap(({ protocol, endpoints: list }) => list.map((one) => ({ ...one, protocol, chain: chainOf(one, protocol) })));
  const chains = new Map(
    endpoints.map(({ chain, protocol, address, port }) => [chain, `  chain ${chain} { meta l4proto ${protocol} dnat to ${address}:${port}; }`]),
  );
  const own = [...new Set(endpoints.map(({ address }) => `${address} . ${address}`))];
  return [
    'table ip heddle-services {}',
    'delete table ip heddle-services',
    'table ip heddle-services {',
    ...chains.values(),
    '  chain prerouting {',
    '    type nat hook prerouting priority -100; policy accept;',
    ...ports.map(wayTo),
    ...(egress === undefined ? [] : [`    ip daddr != { ${egress.cidr}, 127.0.0.0/8 } meta l4proto tcp dnat to ${nodeAddress}:${egress.port}`]),
    '  }',
    '  chain postrouting {',
    '    type nat hook postrouting priority 100; policy accept;',
    ...(own.length === 0 ? [] : [`    ip saddr . ip daddr { ${own.join(', ')} } snat to ${nodeAddress}`]),
    '  }',
    '}',
    '',
  ].join('\n');
}

function wayTo({ address, protocol, port, endpoints }: ServedPort): string {
  const choices = endpoints.map((one, index) => `${index} : goto ${chainOf(one, protocol)}`).join(', ');
  return `    ip daddr ${address} ${protocol} dport ${port} numgen random mod ${endpoints.length} vmap { ${choices} }`;
}

function chainOf({ address, port }: ServedPort['endpoints'][number], protocol: ServedPort['protocol']): string {
  return `to-${address.replaceAll('.', '-')}-${protocol}-${port}`;
}

/** The same for iptables-restore: the whole table `nat`, which is the node's own. */
export function serviceRulesForIptables(ports: readonly ServedPort[], nodeAddress: string, egress: Egress | undefined): string {
  const own = new Set(ports.flatMap(({ endpoints }) => endpoints.map(({ address }) => address)));
  return [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ...ports.flatMap(({ address, protocol, port, endpoints }) =>
      endpoints.map((one, index) => {
        // Of those that are left each has the same chance; the last takes what comes.
        const left = endpoints.length - index;
        const chance = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(8)}`;
        return `-A PREROUTING -d ${address} -p ${protocol} --dport ${port}${chance} -j DNAT --to-destination ${one.address}:${one.port}`;
      }),
    ),
    ...(egress === undefined
      ? []
      : [
          `-A PREROUTING -d ${egress.cidr} -j RETURN`,
          '-A PREROUTING -d 127.0.0.0/8 -j RETURN',
          `-A PREROUTING -p tcp -j DNAT --to-destination ${nodeAddress}:${egress.port}`,
        ]),
    ...[...own].map((address) => `-A POSTROUTING -s ${address} -d ${address} -j SNAT --to-source ${nodeAddress}`),
    'COMMIT',
    '',
  ].join('\n');
}
