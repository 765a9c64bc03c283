// In: what a sidecar sees. Out: the listeners it needs for what its app calls, each with its chains as plain values. Source: Istio,
// buildSidecarOutboundListeners.
import { isIP } from 'node:net';
import { isUnixSocket } from '#compile/address.ts';
import type { Client } from '#compile/client.ts';
import { hostAndPort, listenerName } from '#compile/names.ts';
import { byteChains, type OutboundChain, type RoutesOf } from '#compile/outbound-chain.ts';
import { addToEntries, type ListenerKind, type OutboundEntries, type OutboundEntry } from '#compile/outbound-entry.ts';
import type { Scope } from '#compile/scope.ts';
import { isHttp } from '#model/protocol.ts';
import type { Proxy } from '#model/proxy.ts';
import { addressesFor, type Service, type ServicePort } from '#model/service.ts';

/**
 * The addresses that stand for "any" and "this host" in the proxy's IP family, "any" of the other one where it has both; and whether automatic
 * addresses count.
 */
export type OutboundAddresses = { readonly any: string; readonly alsoAny: readonly string[]; readonly local: string; readonly capturesDns: boolean };

/** IPv4 unless all of the proxy's addresses are IPv6. Source: Istio, getWildcardsAndLocalHost (ISTIO_DUAL_STACK). */
export function outboundAddresses({ addresses, capturesDns = false }: Pick<Proxy, 'addresses' | 'capturesDns'>): OutboundAddresses {
  const hasV6 = addresses.some((address) => isIP(address) === 6);
  if (hasV6 && addresses.every((address) => isIP(address) === 6)) return { any: '::', alsoAny: [], local: '::1', capturesDns };
  return { any: '0.0.0.0', alsoAny: hasV6 ? ['::'] : [], local: '127.0.0.1', capturesDns };
}

/** What a listener is bound to, and the CIDRs that tell the service from others there. */
type BytePlace = { readonly bind: string; readonly alsoBound: readonly string[]; readonly prefixes: readonly string[] };

/** A port of a service, as one egress listener has it. */
type Place = {
  readonly view: Scope;
  readonly service: Service;
  readonly port: ServicePort;
  /** Where the Sidecar says; undefined: by the protocol and the service's addresses. */
  readonly bind: string | undefined;
  readonly opensPort: boolean;
  readonly httpProxy: boolean;
};

/** By what they are bound to, in the order in which services ask for them. `bindsAll`: nothing is redirected, so all of them open their ports. */
export function outboundEntries(scope: Scope, addresses: OutboundAddresses, client: Client, bindsAll = false): readonly OutboundEntry[] {
  const entries: OutboundEntries = new Map();
  for (const view of scope.egress) {
    const { port, captureMode } = view.listener ?? { captureMode: 'default' };
    // Nothing is redirected to a socket.
    const opensPort = bindsAll || captureMode === 'none' || isSocketView(view);
    const bind = view.listener?.bind ?? (opensPort ? addresses.local : undefined);
    const common = { view, bind, opensPort };
    if (port === undefined) for (const entry of entries.values()) entry.locked = true;
    for (const service of view.services.values()) {
      if (port !== undefined) {
        const listenPort = { ...port, targetPort: port.number, origin: view.listener?.origin ?? service.origin };
        addAt(entries, { ...common, service, port: listenPort, httpProxy: port.httpProxy }, addresses, client);
      } else {
        for (const servicePort of service.ports) addAt(entries, { ...common, service, port: servicePort, httpProxy: false }, addresses, client);
      }
    }
  }
  return [...entries.values()];
}

/** The listeners on Unix sockets alone: what a proxy has of its egress listeners that is given a port of its own for each service. */
export function socketEntries(scope: Scope, addresses: OutboundAddresses, client: Client): readonly OutboundEntry[] {
  return outboundEntries(scope, addresses, client).filter(({ bind }) => isUnixSocket(bind));
}

/** Whether this is the view of an egress listener on a Unix socket. */
export function isSocketView({ listener }: Scope): boolean {
  return isUnixSocket(listener?.bind ?? '');
}

function addAt(entries: OutboundEntries, at: Place, addresses: OutboundAddresses, client: Client): void {
  if (at.port.protocol === 'udp') return;
  if (at.bind !== undefined || isHttp(at.port.protocol)) {
    const place = at.bind === undefined ? anyPlace(addresses) : { bind: at.bind, alsoBound: [], prefixes: [] };
    addTo(entries, at, place, addresses, client);
    return;
  }
  for (const place of bytePlaces(at.service, at.port, addresses)) addTo(entries, at, place, addresses, client);
}

function anyPlace({ any, alsoAny }: OutboundAddresses, prefixes: readonly string[] = []): BytePlace {
  return { bind: any, alsoBound: alsoAny, prefixes };
}

/**
 * Where an app connects to for a service that is not HTTP: its address, any address where it has none or only CIDRs, or each endpoint of a
 * headless one. A service entry's addresses are each a place of their own; of a Service's the first of each family counts.
 */
function bytePlaces(service: Service, port: ServicePort, addresses: OutboundAddresses): readonly BytePlace[] {
  const { registry } = service;
  const own = addressesFor(service, addresses);
  if (own.length === 0 && (service.headless || service.resolution === 'none')) {
    const found = service.endpoints
      .filter(({ servicePortNumber, address }) => servicePortNumber === port.number && isIP(address) !== 0)
      .flatMap(({ address, otherAddresses = [] }) => (addresses.alsoAny.length > 0 ? [address, ...otherAddresses] : [address]));
    if (found.length > 0) return [...new Set(found)].map((bind) => ({ bind, alsoBound: [], prefixes: [] }));
    // A Service without endpoints, or an entry that selects none yet: a listener for any address would only be in the way of others.
    if (registry === 'kubernetes' || service.selector !== undefined) return [];
  }
  const usable = familyOf(own, addresses);
  const [first, ...more] = usable;
  if (first === undefined) return [anyPlace(addresses)];
  if (registry === 'kubernetes') {
    const other = more.find((address) => address.includes(':') !== first.includes(':'));
    return [placeAt(first, addresses, addresses.alsoAny.length === 0 || other === undefined ? [] : [other])];
  }
  return usable.map((address) => placeAt(address, addresses));
}

function placeAt(address: string, addresses: OutboundAddresses, alsoBound: readonly string[] = []): BytePlace {
  const single = singleAddress(address);
  return single === undefined ? anyPlace(addresses, [address]) : { bind: single, alsoBound, prefixes: [] };
}

/** The proxy's own family where there is any of it; all where it has both. */
function familyOf(all: readonly string[], { any, alsoAny }: OutboundAddresses): readonly string[] {
  if (alsoAny.length > 0) return all;
  const own = all.filter((address) => address.includes(':') === any.includes(':'));
  return own.length > 0 ? own : all;
}

/** `10.0.0.1`, also where it is written as a network of one address; undefined for a larger network. */
function singleAddress(address: string): string | undefined {
  const [base = '', bits] = address.split('/');
  return bits === undefined || bits === (base.includes(':') ? '128' : '32') ? base : undefined;
}

function addTo(entries: OutboundEntries, place: Place, { bind, alsoBound, prefixes }: BytePlace, addresses: OutboundAddresses, client: Client): void {
  const { view, service, port, opensPort, httpProxy } = place;
  const asked: ListenerKind = isHttp(port.protocol) ? 'http' : port.protocol === 'auto' ? 'sniffed' : 'bytes';
  const isWildcard = bind === addresses.any;
  // A proxy port takes HTTP alone; elsewhere on a wildcard bytes of unknown destinations must pass, too.
  const sniffsHttp = !httpProxy && (asked === 'sniffed' || isWildcard);
  const listener = { port, bind, isWildcard, prefixes, hasOriginalDestination: !opensPort };
  addToEntries(entries, `${bind} ${port.number}`, {
    bind,
    alsoBound,
    port,
    opensPort,
    asked,
    becomes: asked === 'http' && sniffsHttp ? 'sniffed' : asked,
    bytes: () => byteChains(view, service, listener, client),
    http: () => [httpChain(place, sniffsHttp, asked === 'sniffed' && !isWildcard)],
  });
}

function httpChain({ view, service, port, httpProxy }: Place, sniffedHttp: boolean, isOwn: boolean): OutboundChain {
  return {
    serverNames: [],
    prefixes: [],
    sniffedHttp,
    content: { kind: 'http', routes: httpRoutes(view, service, port, httpProxy, isOwn), protocol: port.protocol },
    origin: port.origin,
  };
}

function httpRoutes(view: Scope, service: Service, port: ServicePort, httpProxy: boolean, isOwn: boolean): RoutesOf {
  const bind = view.listener?.bind ?? '';
  if (isUnixSocket(bind)) return { kind: 'socket', name: bind, view };
  if (httpProxy) return { kind: 'http-proxy', name: String(port.number), view };
  if (isOwn) return { kind: 'service', name: hostAndPort(service.hostname, port.number), view, service, port };
  return { kind: 'port', name: String(port.number), view, port: port.number };
}

/** `0.0.0.0_80`. */
export function entryName({ bind, port }: OutboundEntry): string {
  return listenerName(bind, port.number);
}
