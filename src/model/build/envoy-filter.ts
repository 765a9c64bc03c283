// EnvoyFilters as lists of patches. Patches of a kind that Istio itself does not act on are left out.
import type { EnvoyFilterSpec } from '#api/istio/envoy-filter.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';
import type { Origin } from '#base/origin.ts';
import { targetReferences } from '#model/build/target-references.ts';
import type { EnvoyFilter, EnvoyPatch, ListenerMatch, PatchContext, RouteConfigurationMatch } from '#model/envoy-filter.ts';

type FilterResource = KindMap['EnvoyFilter'];
type WrittenPatch = NonNullable<EnvoyFilterSpec['configPatches']>[number];
type WrittenMatch = NonNullable<WrittenPatch['match']>;

const contexts: Readonly<Record<string, PatchContext>> = {
  SIDECAR_INBOUND: 'sidecar-inbound',
  SIDECAR_OUTBOUND: 'sidecar-outbound',
  GATEWAY: 'gateway',
};

export function buildEnvoyFilter({ metadata, spec, origins }: FilterResource): EnvoyFilter {
  const labels = spec.workloadSelector?.labels;
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    ...(labels !== undefined && { selector: labels }),
    ...(spec.targetRefs !== undefined && spec.targetRefs.length > 0 && { targets: targetReferences(spec.targetRefs, origins) }),
    priority: spec.priority ?? 0,
    patches: (spec.configPatches ?? []).flatMap((patch, index) => buildPatch(patch, origins.at(['spec', 'configPatches', index]))),
    origin: origins.start,
  };
}

/** A warning for each patch that Istio accepts and does not act on: BOOTSTRAP, and the context WAYPOINT. */
export function ineffectivePatches({ spec, origins }: FilterResource): readonly Diagnostic[] {
  return (spec.configPatches ?? []).flatMap(({ applyTo, match }, index): readonly Diagnostic[] => {
    const at = (field: readonly string[]): Origin => origins.at(['spec', 'configPatches', index, ...field]);
    const none = { code: 'HDL0012', severity: 'warning', hint: 'Istio accepts it and does not act on it either' } as const;
    if (applyTo === 'BOOTSTRAP') return [{ ...none, message: 'a patch of BOOTSTRAP has no effect', at: at(['applyTo']) }];
    return match?.context === 'WAYPOINT'
      ? [{ ...none, message: 'a patch for the context WAYPOINT has no effect', at: at(['match', 'context']) }]
      : [];
  });
}

function buildPatch({ applyTo, match = {}, patch }: WrittenPatch, origin: Origin): readonly EnvoyPatch[] {
  const { operation } = patch ?? {};
  if (applyTo === undefined || applyTo === 'INVALID' || applyTo === 'BOOTSTRAP') return [];
  if (operation === undefined || operation === 'INVALID' || match.context === 'WAYPOINT') return [];
  const { proxyVersion, metadata = {} } = match.proxy ?? {};
  return [
    {
      applyTo,
      context: contexts[match.context ?? 'ANY'] ?? 'any',
      proxy: { ...(proxyVersion !== undefined && proxyVersion !== '' && { version: proxyVersion }), metadata },
      ...(match.listener !== undefined && { listener: listenerMatch(match.listener) }),
      ...(match.routeConfiguration !== undefined && { routeConfiguration: routeConfigurationMatch(match.routeConfiguration) }),
      ...(match.cluster !== undefined && { cluster: clusterMatch(match.cluster) }),
      operation,
      value: patch?.value,
      origin,
    },
  ];
}

/** Istio does not tell an empty text from none. */
function text<Key extends string>(key: Key, value: string | undefined): { readonly [K in Key]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { readonly [K in Key]?: string }); // a computed key is widened to string
}

function listenerMatch({ name, portNumber, listenerFilter, filterChain }: NonNullable<WrittenMatch['listener']>): ListenerMatch {
  return {
    ...text('name', name),
    ...text('listenerFilter', listenerFilter),
    ...(portNumber !== undefined && { port: portNumber }),
    ...(filterChain !== undefined && {
      filterChain: {
        ...text('name', filterChain.name),
        ...text('sni', filterChain.sni),
        ...text('transportProtocol', filterChain.transportProtocol),
        ...(filterChain.applicationProtocols !== undefined && { applicationProtocols: filterChain.applicationProtocols.split(',') }),
        ...(filterChain.destinationPort !== undefined && { destinationPort: filterChain.destinationPort }),
        ...text('filter', filterChain.filter?.name),
        ...text('subFilter', filterChain.filter?.subFilter?.name),
      },
    }),
  };
}

function routeConfigurationMatch(written: NonNullable<WrittenMatch['routeConfiguration']>): RouteConfigurationMatch {
  const { name, portNumber, portName, gateway, vhost } = written;
  return {
    ...text('name', name),
    ...text('portName', portName),
    ...text('gateway', gateway),
    ...(portNumber !== undefined && { port: portNumber }),
    ...(vhost !== undefined && { virtualHost: { ...text('name', vhost.name), ...text('domain', vhost.domainName) } }),
    ...(vhost?.route !== undefined && { route: { ...text('name', vhost.route.name), action: vhost.route.action ?? 'ANY' } }),
  };
}

function clusterMatch({ name, service, subset, portNumber }: NonNullable<WrittenMatch['cluster']>): NonNullable<EnvoyPatch['cluster']> {
  return { ...text('name', name), ...text('service', service), ...text('subset', subset), ...(portNumber !== undefined && { port: portNumber }) };
}
