// The rules in a pod's namespace that lead its connections through its proxy, and past it what must not: Istio's, with one difference: the proxy's
// own connections are known by the address that they come from, since a laptop's user has no second user id to give it.
import type { CaptureSettings } from '#runtime/netns/capture-settings.ts';
import type { PacketRule } from '#runtime/netns/packet-rule.ts';

/** The addresses of one family; rules are made for each by itself. */
export type CapturePlaces = {
  readonly podAddress: string;
  readonly proxyAddress: string;
  readonly nodeAddress: string;
  /** Of IPv4 alone: by IPv6 nobody outside reaches a pod's localhost. */
  readonly insideAddress?: string;
  /** Whether user and group 1337 exist there: iptables refuses rules about users that do not. */
  readonly knowsProxyUser: boolean;
};

/** Ports of the proxy in each pod: Istio's. */
export const outboundPort = 15_001;
export const inboundPort = 15_006;
export const dnsPort = 15_053;
/** HBONE is told apart by the proxy itself. */
const tunnelPort = 15_008;
/** Istio's user and group of a proxy. */
const proxyUser = 1337;
/** What a pod knows as itself, and what a proxy binds to when it calls its own application: Istio's. */
const own = {
  ipv4: { localhost: '127.0.0.1', localRange: '127.0.0.0/8', inboundBind: '127.0.0.6' },
  ipv6: { localhost: '::1', localRange: '::1/128', inboundBind: '::6' },
} as const;

const back = { kind: 'return' } as const;
const tcp = 'tcp' as const;

/** For a pod with a proxy beside its application. Source of order and exclusions: Istio, tools/istio-iptables. */
export function captureRules(places: CapturePlaces, settings: CaptureSettings): readonly PacketRule[] {
  return [...outboundRules(places, settings), ...inboundRules(places, settings), ...proxySourceRules(places)];
}

/** For a gateway: nothing of it is captured but its questions for names. */
export function gatewayRules(places: CapturePlaces): readonly PacketRule[] {
  return [{ chain: 'output', source: places.proxyAddress, then: back }, ...dnsRules(places), ...insideRules(places), ...proxySourceRules(places)];
}

/** For a pod without a proxy: its localhost can be reached from the node, that is all. */
export function plainRules(places: CapturePlaces): readonly PacketRule[] {
  return insideRules(places);
}

function isIpv6({ podAddress }: CapturePlaces): boolean {
  return podAddress.includes(':');
}

function outboundRules(places: CapturePlaces, { outbound, excludeInterfaces }: CaptureSettings): readonly PacketRule[] {
  const { podAddress, proxyAddress, knowsProxyUser } = places;
  const chain = 'output' as const;
  const { localhost, localRange, inboundBind } = isIpv6(places) ? own.ipv6 : own.ipv4;
  const toProxyOut = { kind: 'redirect', port: outboundPort } as const;
  const toProxyIn = { kind: 'redirect', port: inboundPort } as const;
  const users = knowsProxyUser ? [{ uid: proxyUser }, { gid: proxyUser }] : [];
  return [
    { chain, source: inboundBind, then: back },
    ...excludeInterfaces.map((outInterface) => ({ chain, outInterface, then: back })),
    ...outbound.excludePorts.map((port) => ({ chain, protocol: tcp, port, then: back })),
    // A call that the proxy makes to its own pod comes in like any other.
    { chain, source: proxyAddress, destination: podAddress, outInterface: 'lo', protocol: tcp, notPort: tunnelPort, then: toProxyIn },
    ...users.map((user) => ({
      chain,
      outInterface: 'lo',
      notDestination: localhost,
      ...user,
      protocol: tcp,
      notPort: tunnelPort,
      then: toProxyIn,
    })),
    { chain, source: proxyAddress, then: back },
    ...users.map((user) => ({ chain, ...user, then: back })),
    ...dnsRules(places),
    // The control plane is there, which knows every proxy by its certificate.
    { chain, destination: places.nodeAddress, then: back },
    { chain, outInterface: 'lo', then: back },
    { chain, destination: localRange, then: back },
    ...outbound.includePorts.map((port) => ({ chain, protocol: tcp, port, then: toProxyOut })),
    ...ofFamily(outbound.excludeRanges, places).map((destination) => ({ chain, destination, then: back })),
    ...(outbound.includeRanges === 'all'
      ? [{ chain, protocol: tcp, then: toProxyOut }]
      : ofFamily(outbound.includeRanges, places).map((destination) => ({ chain, destination, protocol: tcp, then: toProxyOut }))),
  ];
}

function inboundRules(places: CapturePlaces, { inbound, excludeInterfaces }: CaptureSettings): readonly PacketRule[] {
  const chain = 'prerouting' as const;
  const toProxy = { kind: 'redirect', port: inboundPort } as const;
  return [
    ...insideRules(places),
    // Probes: on a cluster they come from the node, too.
    { chain, source: places.nodeAddress, then: back },
    ...excludeInterfaces.map((inInterface) => ({ chain, inInterface, then: back })),
    { chain, protocol: tcp, port: tunnelPort, then: back },
    ...inbound.exclude.map((port) => ({ chain, protocol: tcp, port, then: back })),
    ...(inbound.include === 'all'
      ? [{ chain, protocol: tcp, then: toProxy }]
      : inbound.include.map((port) => ({ chain, protocol: tcp, port, then: toProxy }))),
  ];
}

/** Questions to the name server of the pod's resolv.conf. */
function dnsRules({ nodeAddress }: CapturePlaces): readonly PacketRule[] {
  return (['udp', 'tcp'] as const).map((protocol) => ({
    chain: 'output',
    destination: nodeAddress,
    protocol,
    port: 53,
    then: { kind: 'redirect', port: dnsPort },
  }));
}

function insideRules({ insideAddress }: CapturePlaces): readonly PacketRule[] {
  if (insideAddress === undefined) return [];
  return [{ chain: 'prerouting', source: insideAddress, protocol: tcp, then: { kind: 'dnat', to: own.ipv4.localhost } }];
}

/** Peers see the pod, not its proxy. */
function proxySourceRules({ proxyAddress, podAddress }: CapturePlaces): readonly PacketRule[] {
  return [{ chain: 'postrouting', source: proxyAddress, then: { kind: 'snat', to: podAddress } }];
}

function ofFamily(ranges: readonly string[], places: CapturePlaces): readonly string[] {
  return ranges.filter((range) => range.includes(':') === isIpv6(places));
}
