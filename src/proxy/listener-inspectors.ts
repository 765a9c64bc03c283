// What a listener finds out about a connection before it chooses a chain: which of its filters look at the first bytes, by the port that the client
// wanted to connect to.
import type { ListenerEntry } from '#decide/listener-entry.ts';
import type { Inspectors } from '#proxy/inspect.ts';

export type ListenerInspectors = Inspectors & { readonly proxyHeader: 'none' | 'optional' | 'required' };

/** Asked for each connection whose port is not the listener's own: cheap. */
export function inspectorsOf(entry: ListenerEntry): (port: number) => ListenerInspectors {
  const find = (kind: 'tls-inspector' | 'http-inspector' | 'proxy-protocol') => entry.listenerFilters.find((filter) => filter.kind === kind);
  const [tls, http, proxy] = [find('tls-inspector'), find('http-inspector'), find('proxy-protocol')];
  const addsTls = tls === undefined && asksForTls(entry);
  return (port) => ({
    tls: addsTls || tls?.disabled(port) === false,
    http: http?.disabled(port) === false,
    proxyHeader: proxy === undefined || proxy.disabled(port) ? 'none' : proxy.optional === true ? 'optional' : 'required',
  });
}

/** Envoy adds the TLS inspector by itself, where a filter chain asks for what only it can know and the listener has none. */
function asksForTls({ index }: ListenerEntry): boolean {
  return index.some(({ match }) => match.serverNames.length > 0 || match.transportProtocol !== '' || match.applicationProtocols.length > 0);
}

/** Whether clients are asked where they wanted to go. Envoy adds the filter by itself where connections are handed over. */
export function restoresDestination(entry: ListenerEntry): boolean {
  return entry.useOriginalDst || entry.listenerFilters.some(({ kind, disabled }) => kind === 'original-dst' && !disabled(entry.port));
}
