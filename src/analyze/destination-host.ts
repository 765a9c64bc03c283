// A VirtualService routes to a host that nobody has, or to a port that the host does not have (IST0101), or does not say to which of its
// several ports (IST0112). Source: Istio's analyzer virtualservice.DestinationHostAnalyzer.
import { type Analyzer, notFound } from '#analyze/analyzer.ts';
import type { Facts } from '#analyze/facts.ts';
import type { KnownHost } from '#analyze/host-index.ts';
import { routeDestinations, type WrittenDestination } from '#analyze/route-destinations.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { explainMissingHost } from '#model/missing-host.ts';

export const destinationHost: Analyzer = {
  name: 'destination-host',
  run: (facts) =>
    [...facts.resources.VirtualService.values()].flatMap((virtualService) =>
      routeDestinations(virtualService).flatMap((written) => checkDestination(virtualService, written, facts)),
    ),
};

function checkDestination(virtualService: KindMap['VirtualService'], written: WrittenDestination, facts: Facts): readonly Diagnostic[] {
  const { destination, path, isMirror } = written;
  const { namespace } = virtualService.metadata;
  const hostname = qualify(destination.host, namespace, facts.domain);
  const host = facts.hosts.find(hostname, viewers(virtualService));
  const at = virtualService.origins.at([...path, 'host']);
  if (host === undefined) {
    return [{ ...notFound(isMirror ? 'mirror host' : 'host', destination.host, at), ...explain(destination.host, hostname, namespace, facts) }];
  }
  const number = destination.port?.number;
  if (number === undefined) return host.ports.length > 1 ? [portNeeded(destination.host, host, at)] : [];
  if (host.ports.includes(number)) return [];
  const hint = host.ports.length === 0 ? `${host.kind} ${host.namespace}/${host.name} has no port` : `its ports are ${host.ports.join(', ')}`;
  return [notFound('host:port', `${destination.host}:${number}`, virtualService.origins.at([...path, 'port', 'number']), hint)];
}

/** `hello` → `hello.<namespace>.svc.<domain>`; names with a dot and wildcards stay. */
export function qualify(host: string, namespace: string, domain: string): string {
  const name = host.toLowerCase();
  return name.includes('.') || name.startsWith('*') ? name : `${name}.${namespace}.svc.${domain}`;
}

/** The namespaces whose proxies get the VirtualService: a destination must be seen from one of them. */
function viewers({ metadata, spec }: KindMap['VirtualService']): readonly string[] {
  const { exportTo = [] } = spec;
  return exportTo.length === 0 ? [metadata.namespace] : exportTo.map((scope) => (scope === '.' ? metadata.namespace : scope));
}

function portNeeded(written: string, host: KnownHost, at: Diagnostic['at']): Diagnostic {
  return {
    code: 'IST0112',
    severity: 'error',
    message: `${written} has several ports (${host.ports.join(', ')}), and the destination does not say which`,
    hint: `add port: { number: ${host.ports[0]} }`,
    ...(at !== undefined && { at }),
  };
}

/** Why a host was not found. */
function explain(written: string, hostname: string, namespace: string, facts: Facts): { readonly message?: string; readonly hint?: string } {
  if (facts.hosts.exists(hostname)) return { hint: `${hostname} exists, but its exportTo does not let namespace ${namespace} see it` };
  const known = facts.hosts.all().map((host) => ({ ...host, isService: host.kind === 'Service' }));
  const { because, hint } = explainMissingHost({ written, hostname, namespace }, known);
  return { ...(because !== undefined && { message: `host "${written}" not found: ${because}` }), ...(hint !== undefined && { hint }) };
}
