// In: the endpoints of a service, and the network of a client. Out: those that the client calls: its own network's at their addresses, those of others
// through the gateways of their networks, which share what the endpoints weigh. Source: Istio, EndpointsByNetworkFilter.
import { parseIp } from '#base/cidr.ts';
import type { ClientTls } from '#model/destination-rule.ts';
import { topologyLabels } from '#model/locality.ts';
import type { NetworkGateway, Networks } from '#model/network.ts';
import type { Proxy } from '#model/proxy.ts';
import type { Endpoint } from '#model/service.ts';

/** How a client sees the networks of the mesh. */
export type NetworkView = {
  readonly networks: Networks;
  /** Its own; `''`: it has none, and reaches whatever has no gateway. */
  readonly own: string;
  /** Which gateways it can call. */
  readonly families: 'v4' | 'v6' | 'both';
};

/** `ofWorkload`: where the proxy does not say its own network (node metadata NETWORK, and the label that Istio's injection sets it by). `''`: none. */
export function ownNetwork({ metadata, labels }: Proxy, ofWorkload: string | undefined): string {
  return metadata?.['NETWORK'] || labels[topologyLabels.network] || ofWorkload || '';
}

export function networkView(networks: Networks | undefined, proxy: Proxy, ofWorkload: string | undefined): { readonly networks?: NetworkView } {
  if (networks === undefined) return {};
  const own = ownNetwork(proxy, ofWorkload);
  const { addresses } = proxy;
  const [v4, v6] = [addresses.some((address) => !address.includes(':')), addresses.some((address) => address.includes(':'))];
  return { networks: { networks, own, families: v4 === v6 ? 'both' : v4 ? 'v4' : 'v6' } };
}

export function networkViewKey(view: NetworkView | undefined): string {
  return view === undefined ? '' : ` ${view.own} ${view.families} ${view.networks.key}`;
}

/** How an endpoint is called: a gateway passes on mutual TLS of the mesh, and nothing else. */
export type Calls = {
  /** As a destination rule says. Undefined: as the endpoint is labelled. */
  readonly mode: ClientTls['mode'] | undefined;
  /** Endpoints that take no mutual TLS whatever their labels say. */
  readonly plain: ReadonlySet<Endpoint>;
};

export function throughGateways(endpoints: readonly Endpoint[], view: NetworkView | undefined, { mode, plain }: Calls): readonly Endpoint[] {
  // An endpoint without an address is there for its gateway's sake.
  if (view === undefined) return endpoints.filter(({ address }) => address !== '');
  const scale = weightScale(view.networks);
  const isMutual = (endpoint: Endpoint): boolean => endpoint.tlsMode === 'istio' && !plain.has(endpoint);
  const passes = (endpoint: Endpoint): boolean => (mode === undefined ? isMutual(endpoint) : mode === 'istio-mutual');
  const direct: Endpoint[] = [];
  const remote = new Map<string, Endpoint>();
  for (const endpoint of endpoints) {
    const gateways = gatewaysTo(endpoint, view);
    const weight = (endpoint.weight ?? 1) * scale;
    if (gateways === undefined) {
      if (endpoint.address !== '') direct.push(scale === 1 ? endpoint : scaled(endpoint, weight, isMutual(endpoint)));
    } else if (passes(endpoint)) {
      for (const gateway of gateways) addShare(remote, endpoint, gateway, Math.floor(weight / gateways.length));
    }
  }
  return [...direct, ...remote.values()];
}

/** Undefined: it is called itself. Empty: it cannot be reached. */
function gatewaysTo({ network = '' }: Endpoint, { networks, own, families }: NetworkView): readonly NetworkGateway[] | undefined {
  const gateways = networks.gateways.get(network);
  // Whoever does not say its own network is taken to be in none that has a gateway.
  if (gateways === undefined || network === '' || network === own) return undefined;
  return families === 'both' ? gateways : gateways.filter(({ address }) => parseIp(address)?.family === (families === 'v4' ? 4 : 6));
}

/** One of its gateway's for all endpoints of a locality, as labels and weights tell localities apart. */
function addShare(remote: Map<string, Endpoint>, { network = '', locality, ...replaced }: Endpoint, gateway: NetworkGateway, share: number): void {
  const key = `${locality?.region ?? ''}/${locality?.zone ?? ''}/${locality?.subZone ?? ''} ${gateway.address} ${gateway.port}`;
  const known = remote.get(key);
  remote.set(key, {
    ...gateway,
    servicePort: replaced.servicePort,
    servicePortNumber: replaced.servicePortNumber,
    labels: { [topologyLabels.network]: network },
    health: 'ready',
    weight: Math.min(maxWeight, Math.max(1, share + (known?.weight ?? 0))),
    network,
    tlsMode: 'istio',
    ...(locality !== undefined && { locality }),
    origin: known?.origin ?? replaced.origin,
  });
}

/** What Envoy counts at most. */
const maxWeight = 0xffff_ffff;

/** Not the same object any more: from now on it says itself whether it takes mutual TLS. */
function scaled({ tlsMode: _tlsMode, ...endpoint }: Endpoint, weight: number, isMutual: boolean): Endpoint {
  return { ...endpoint, weight: Math.min(maxWeight, weight), ...(isMutual && { tlsMode: 'istio' }) };
}

const scales = new WeakMap<Networks, number>();

/** The least common multiple of how many gateways each network has: so that a weight of 1 can be shared among them. */
function weightScale(networks: Networks): number {
  let scale = scales.get(networks);
  if (scale === undefined) {
    scale = [...networks.gateways.values()].reduce((product, { length }) => leastCommonMultiple(product, length), 1);
    scales.set(networks, scale);
  }
  return scale;
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a * b) / x;
}
