// A rule about packets, and how it is written for nft and for iptables-restore: what the two can say alike.

export type PacketRule = {
  readonly chain: 'output' | 'prerouting' | 'postrouting';
  readonly source?: string;
  readonly destination?: string;
  readonly notDestination?: string;
  readonly outInterface?: string;
  readonly inInterface?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly protocol?: 'tcp' | 'udp';
  /** Of the destination; with `protocol` only. */
  readonly port?: number;
  readonly notPort?: number;
  readonly then: Verdict;
};

export type Verdict =
  | { readonly kind: 'return' }
  | { readonly kind: 'redirect'; readonly port: number }
  | { readonly kind: 'dnat'; readonly to: string }
  | { readonly kind: 'snat'; readonly to: string };

export type Family = 'ip' | 'ip6';

/** The ruleset of one table with the three chains, in the order of the rules. Numbers as priorities: older versions of nft take no names at `output`. */
export function nftText(rules: readonly PacketRule[], family: Family = 'ip'): string {
  const chain = (name: PacketRule['chain'], priority: number): readonly string[] => [
    `  chain ${name} {`,
    `    type nat hook ${name} priority ${priority}; policy accept;`,
    ...rules.filter((rule) => rule.chain === name).map((rule) => `    ${nftRule(rule, family)}`),
    '  }',
  ];
  return [`table ${family} heddle {`, ...chain('output', -100), ...chain('prerouting', -100), ...chain('postrouting', 100), '}', ''].join('\n');
}

function nftRule(rule: PacketRule, family: Family): string {
  const { source, destination, notDestination, outInterface, inInterface, uid, gid, protocol, port, notPort } = rule;
  return [
    ...(inInterface === undefined ? [] : [`iifname "${inInterface}"`]),
    ...(outInterface === undefined ? [] : [`oifname "${outInterface}"`]),
    ...(source === undefined ? [] : [`${family} saddr ${source}`]),
    ...(destination === undefined ? [] : [`${family} daddr ${destination}`]),
    ...(notDestination === undefined ? [] : [`${family} daddr != ${notDestination}`]),
    ...(uid === undefined ? [] : [`meta skuid ${uid}`]),
    ...(gid === undefined ? [] : [`meta skgid ${gid}`]),
    ...(protocol === undefined ? [] : [`meta l4proto ${protocol}`]),
    ...(port === undefined ? [] : [`${protocol} dport ${port}`]),
    ...(notPort === undefined ? [] : [`${protocol} dport != ${notPort}`]),
    nftVerdict(rule.then),
  ].join(' ');
}

function nftVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'return':
      return 'return';
    case 'redirect':
      return `redirect to :${verdict.port}`;
    case 'dnat':
    case 'snat':
      return `${verdict.kind} to ${verdict.to}`;
  }
}

/** The same for `iptables-restore --noflush` (or `ip6tables-restore`). */
export function iptablesText(rules: readonly PacketRule[]): string {
  return ['*nat', ...rules.map(iptablesRule), 'COMMIT', ''].join('\n');
}

function iptablesRule(rule: PacketRule): string {
  const { source, destination, notDestination, outInterface, inInterface, uid, gid, protocol, port, notPort } = rule;
  return [
    `-A ${rule.chain.toUpperCase()}`,
    ...(inInterface === undefined ? [] : [`-i ${inInterface}`]),
    ...(outInterface === undefined ? [] : [`-o ${outInterface}`]),
    ...(source === undefined ? [] : [`-s ${source}`]),
    ...(destination === undefined ? [] : [`-d ${destination}`]),
    ...(notDestination === undefined ? [] : [`! -d ${notDestination}`]),
    ...(uid === undefined ? [] : [`-m owner --uid-owner ${uid}`]),
    ...(gid === undefined ? [] : [`-m owner --gid-owner ${gid}`]),
    ...(protocol === undefined ? [] : [`-p ${protocol}`]),
    ...(port === undefined ? [] : [`--dport ${port}`]),
    ...(notPort === undefined ? [] : [`! --dport ${notPort}`]),
    iptablesVerdict(rule.then),
  ].join(' ');
}

function iptablesVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'return':
      return '-j RETURN';
    case 'redirect':
      return `-j REDIRECT --to-ports ${verdict.port}`;
    case 'dnat':
      return `-j DNAT --to-destination ${verdict.to}`;
    case 'snat':
      return `-j SNAT --to-source ${verdict.to}`;
  }
}
