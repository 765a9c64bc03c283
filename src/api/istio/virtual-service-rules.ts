// What Istio demands of a VirtualService beyond its schema, as its webhook does: a resource that breaks a rule is refused. Source: Istio,
// ValidateVirtualService. Takes a spec that fits the schema; paths are those of the resource.

import { type Finding, invalid, type Path } from '#api/finding.ts';
import { checkExportTo } from '#api/istio/export-to-rules.ts';
import type { VirtualServiceSpec } from '#api/istio/virtual-service.ts';
import { checkHttpRoute } from '#api/istio/virtual-service-http-rules.ts';
import { checkConnectionRules } from '#api/istio/virtual-service-l4-rules.ts';

/** All broken rules, in the order of the fields. */
export function checkVirtualService({ spec }: { readonly spec: VirtualServiceSpec }): readonly Finding[] {
  const { hosts = [], gateways = [], http = [], tcp = [], tls = [], exportTo = [] } = spec;
  const isDelegate = hosts.length === 0;
  const owner = { isDelegate, isForGateways: gateways.length > 0 && !gateways.includes('mesh') };
  return [
    ...(isDelegate ? checkDelegate(spec) : checkHosts(spec)),
    ...(http.length + tcp.length + tls.length === 0 ? [invalid(['spec'], 'key', 'a VirtualService needs rules: http, tcp or tls')] : []),
    ...http.flatMap((route, index) => [
      ...checkHttpRoute(route, owner, ['spec', 'http', index]),
      ...checkDestinations(route.route ?? [], ['spec', 'http', index, 'route']),
    ]),
    ...checkConnectionRules(spec),
    ...checkExportTo(exportTo, ['spec', 'exportTo'], { isServiceEntry: false }),
    ...(['tcp', 'tls'] as const).flatMap((protocol) =>
      (spec[protocol] ?? []).flatMap(({ route = [] }, index) => checkDestinations(route, ['spec', protocol, index, 'route'])),
    ),
  ];
}

/** Without hosts it is a delegate: another VirtualService refers to it. */
function checkDelegate({ gateways = [], tcp = [], tls = [] }: VirtualServiceSpec): readonly Finding[] {
  const found = { gateways, tcp, tls };
  return (['gateways', 'tcp', 'tls'] as const)
    .filter((field) => found[field].length > 0)
    .map((field) => invalid(['spec', field], 'key', `a VirtualService without hosts is a delegate and may not have ${field}`, 'add hosts'));
}

function checkHosts({ hosts = [], gateways = [] }: VirtualServiceSpec): readonly Finding[] {
  const isForMesh = gateways.length === 0 || gateways.includes('mesh');
  return hosts.flatMap((host, index) => {
    const path = ['spec', 'hosts', index];
    if (host === '*' && isForMesh) return [invalid(path, 'value', 'the host * is for gateways only, not for calls inside the mesh')];
    const earlier = hosts.slice(0, index).find((other) => overlap(other, host));
    return earlier === undefined ? [] : [invalid(path, 'value', `host ${host} is already covered by ${earlier}`, 'keep one of them')];
  });
}

function overlap(a: string, b: string): boolean {
  if (a === b || a === '*' || b === '*') return true;
  if (a.startsWith('*') && b.startsWith('*')) return a.endsWith(b.slice(1)) || b.endsWith(a.slice(1));
  if (a.startsWith('*')) return b.endsWith(a.slice(1));
  return b.startsWith('*') && a.endsWith(b.slice(1));
}

function checkDestinations(
  route: readonly { readonly weight?: number; readonly destination: { readonly host: string } }[],
  path: Path,
): readonly Finding[] {
  const total = route.reduce((sum, { weight = 0 }) => sum + weight, 0);
  const hint = 'give each destination its share, such as weight: 90 and weight: 10';
  return [
    ...(route.length > 1 && total === 0 ? [invalid([...path, 0, 'weight'], 'key', 'the weights of all destinations add up to 0', hint)] : []),
    ...route.flatMap(({ destination }, index) =>
      destination.host === '*' ? [invalid([...path, index, 'destination', 'host'], 'value', 'a destination must name a host, not *')] : [],
    ),
  ];
}
