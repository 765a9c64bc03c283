// A VirtualService names a Gateway that does not exist (IST0101), or none of its hosts is served by the Gateway (IST0132), so nothing reaches
// it that way. Source: Istio's virtualservice.GatewayAnalyzer.
import { type Analyzer, notFound } from '#analyze/analyzer.ts';
import type { KindMap, ResourcesByKind } from '#api/kinds.ts';
import { closest } from '#base/closest.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import { hostsOverlap } from '#model/hostname.ts';

export const virtualServiceGateway: Analyzer = {
  name: 'virtual-service-gateway',
  run: ({ resources }) =>
    [...resources.VirtualService.values()].flatMap((virtualService) =>
      (virtualService.spec.gateways ?? []).flatMap((written, index) => checkGateway(virtualService, written, index, resources)),
    ),
};

function checkGateway(
  virtualService: KindMap['VirtualService'],
  written: string,
  index: number,
  { Gateway }: ResourcesByKind,
): readonly Diagnostic[] {
  if (written === 'mesh') return [];
  const { namespace } = virtualService.metadata;
  const key = gatewayKey(written, namespace);
  const at = virtualService.origins.at(['spec', 'gateways', index]);
  const gateway = Gateway.get(key);
  if (gateway === undefined) return [notFound('gateway', written, at, missingHint(written, key, [...Gateway.keys()]))];
  const { hosts = [] } = virtualService.spec;
  const offered = (gateway.spec.servers ?? []).flatMap((server) => hostsFor(server.hosts, gateway.metadata.namespace, namespace));
  if (hosts.length === 0 || hosts.some((host) => offered.some((offer) => hostsOverlap(offer, host.toLowerCase())))) return [];
  return [
    {
      code: 'IST0132',
      severity: 'warning',
      message: `Gateway ${key} serves none of the hosts ${hosts.join(', ')} to namespace ${namespace}`,
      hint: offered.length === 0 ? 'it serves no host to this namespace' : `it serves ${offered.join(', ')}`,
      at,
      related: [{ message: 'the Gateway', at: gateway.origins.at(['spec', 'servers', 0, 'hosts']) }],
    },
  ];
}

/** `name`, `./name`, `namespace/name` → `namespace/name`. */
function gatewayKey(written: string, namespace: string): string {
  if (!written.includes('/')) return `${namespace}/${written}`;
  return written.startsWith('./') ? `${namespace}/${written.slice(2)}` : written;
}

function missingHint(written: string, key: string, known: readonly string[]): string | undefined {
  const name = written.split('/').at(-1) ?? written;
  const elsewhere = known.filter((candidate) => candidate.endsWith(`/${name}`));
  if (elsewhere.length > 0) return `${written} means ${key}; write ${elsewhere.join(' or ')}`;
  const similar = closest(key, known);
  return similar === undefined ? undefined : `did you mean ${similar}?`;
}

/** The hosts of a server that VirtualServices of `namespace` may bind: `*` or no prefix for all, `.` for the Gateway's own namespace. */
function hostsFor(hosts: readonly string[], gatewayNamespace: string, namespace: string): readonly string[] {
  return hosts.flatMap((entry) => {
    const [first = '', second] = entry.toLowerCase().split('/');
    if (second === undefined) return [first];
    const scope = first === '.' ? gatewayNamespace : first;
    return scope === '*' || scope === namespace ? [second] : [];
  });
}
