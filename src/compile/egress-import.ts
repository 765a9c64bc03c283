// What an egress listener of a Sidecar lets in of the mesh: services and virtual services, by namespace and host. Source: Istio,
// convertIstioListenerToWrapper, selectServices and SelectVirtualServices.
import type { CompileCache } from '#compile/compile-cache.ts';
import { hostCovers, hostsOverlap, isWildcard } from '#model/hostname.ts';
import type { Service } from '#model/service.ts';
import type { EgressListener } from '#model/sidecar.ts';
import type { VirtualService } from '#model/virtual-service.ts';

type HostSet = { readonly exact: Set<string>; readonly wildcards: string[]; readonly excluded: string[] };

/** The hosts of a listener by namespace; `*` is any. */
export type Imports = ReadonlyMap<string, HostSet>;

/** `.` is the namespace of the proxy, also where the Sidecar stands in the root namespace. */
export function importsOf({ hosts }: EgressListener, proxyNamespace: string): Imports {
  const imports = new Map<string, HostSet>();
  for (const { namespace: written, host, excluded } of hosts) {
    const namespace = written === '.' ? proxyNamespace : written;
    let set = imports.get(namespace);
    if (set === undefined) {
      set = { exact: new Set(), wildcards: [], excluded: [] };
      imports.set(namespace, set);
    }
    if (excluded) set.excluded.push(host);
    else if (isWildcard(host)) set.wildcards.push(host);
    else set.exact.add(host);
  }
  return imports;
}

/** Whether everything is named exactly, so that nothing needs to be searched. */
export function namesExactly(imports: Imports): boolean {
  return !imports.has('*') && [...imports.values()].every(({ wildcards }) => wildcards.length === 0);
}

export function importsService(imports: Imports, { hostname, namespace }: Service): boolean {
  if (isExcluded(imports, namespace, hostname)) return false;
  return relevant(imports, namespace).some(({ exact, wildcards }) => exact.has(hostname) || wildcards.some((host) => hostCovers(host, hostname)));
}

/**
 * Any of its hosts suffices. Rules of a VirtualService are let in by hosts that overlap (`*.com` by `a.com`); those of the Gateway API only
 * by hosts that cover theirs, as services are.
 */
export function importsVirtualService(imports: Imports, { hosts, namespace, semantics }: VirtualService): boolean {
  const matches = semantics === 'gateway-api' ? hostCovers : hostsOverlap;
  return relevant(imports, namespace).some(({ exact, wildcards }) =>
    hosts.some(({ hostname }) => {
      const isIn =
        exact.has(hostname) ||
        wildcards.some((host) => matches(host, hostname)) ||
        (isWildcard(hostname) && [...exact].some((host) => matches(host, hostname)));
      return isIn && !isExcluded(imports, namespace, hostname);
    }),
  );
}

function relevant(imports: Imports, namespace: string): readonly HostSet[] {
  return [imports.get(namespace), imports.get('*')].filter((set) => set !== undefined);
}

function isExcluded(imports: Imports, namespace: string, hostname: string): boolean {
  return relevant(imports, namespace).some(({ excluded }) => excluded.some((host) => hostCovers(host, hostname)));
}

/** The service with these ports only; itself where that is all, undefined where it is none. Remembered, so that it is the same object again. */
export function withPorts(service: Service, isIn: (port: number) => boolean, cache: CompileCache): Service | undefined {
  const numbers = service.ports.map(({ number }) => number).filter(isIn);
  if (numbers.length === service.ports.length) return service;
  if (numbers.length === 0) return undefined;
  const key = numbers.join(',');
  const ports = cache.once('some ports', [service.ports], key, () => service.ports.filter(({ number }) => isIn(number)));
  return cache.once('service with some ports', [service, ports], '', (): Service => ({ ...service, ports }));
}

/** The ports of both, where two egress listeners let in some of the ports of one service. `whole` is the service itself. */
export function joinPorts(whole: Service, known: Service, more: Service, cache: CompileCache): Service {
  const numbers = new Set([...known.ports, ...more.ports].map(({ number }) => number));
  return withPorts(whole, (port) => numbers.has(port), cache) ?? known;
}

/**
 * The services that a virtual service sends to, with the ports it names; `all` where a destination names none. Rules that are for other
 * namespaces only do not count. Source: Istio, virtualServiceDestinationsFilteredBySourceNamespace.
 */
export function destinationsOf(virtualService: VirtualService, namespace: string): ReadonlyMap<string, ReadonlySet<number> | 'all'> {
  const found = new Map<string, Set<number> | 'all'>();
  const add = ({ host, port }: { readonly host: { readonly hostname: string }; readonly port?: number }): void => {
    const known = found.get(host.hostname);
    if (port === undefined) found.set(host.hostname, 'all');
    else if (known === undefined) found.set(host.hostname, new Set([port]));
    else if (known !== 'all') known.add(port);
  };
  for (const { matches, destinations, mirrors = [] } of virtualService.http) {
    const isForOthers = matches.some(({ sourceNamespace }) => sourceNamespace !== undefined);
    if (isForOthers && !matches.some(({ sourceNamespace }) => sourceNamespace === namespace || sourceNamespace === undefined)) continue;
    for (const destination of destinations) add(destination);
    for (const { destination } of mirrors) add(destination);
  }
  for (const { destinations } of [...virtualService.tcp, ...virtualService.tls]) for (const destination of destinations) add(destination);
  return found;
}
