// EnvoyFilter patches on listeners, listener filters and filter chains: which are meant, and the patch. What is inside a chain is patched in
// envoy-filter-chain.ts. Source: Istio, EnvoyFilter.ListenerMatch.
import { clone } from '@bufbuild/protobuf';
import { concernsChain, patchChain } from '#compile/envoy-filter-chain.ts';
import { isMerge, patchList } from '#compile/envoy-filter-list.ts';
import { isForContext, type Patching, type ResourceContext } from '#compile/envoy-filter-patch.ts';
import { isRoutePatch } from '#compile/envoy-filter-route.ts';
import { TrafficDirection } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { type FilterChain, FilterChainSchema, ListenerFilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import type { EnvoyPatch } from '#model/envoy-filter.ts';

export function listenerContext({ trafficDirection }: Listener, type: 'sidecar' | 'router'): ResourceContext {
  if (type === 'router') return 'gateway';
  return trafficDirection === TrafficDirection.INBOUND ? 'sidecar-inbound' : 'sidecar-outbound';
}

/** Whether the patch may have something to do with this listener, or with the routes that are written into it. */
export function concernsListener(patch: EnvoyPatch, listener: Listener, context: ResourceContext): boolean {
  if (patch.applyTo === 'CLUSTER' || patch.applyTo === 'EXTENSION_CONFIG' || !isForContext(patch, context)) return false;
  if (isRoutePatch(patch)) return context === 'sidecar-inbound';
  if (patch.applyTo === 'LISTENER' && patch.operation === 'ADD') return false;
  const { listener: match } = patch;
  if (match === undefined) return true;
  if (match.name !== undefined && match.name !== listener.name) return false;
  // The ports of virtualInbound are in its chains.
  return match.port === undefined || listener.name === 'virtualInbound' || match.port === portOf(listener);
}

/** The port a listener is named after: where it really listens may be another one. */
export function portOf({ name, address }: Listener): number {
  const named = /_(\d+)$/.exec(name)?.[1];
  if (named !== undefined) return Number(named);
  const { address: at } = address ?? {};
  return at?.case === 'socketAddress' && at.value.portSpecifier.case === 'portValue' ? at.value.portSpecifier.value : 0;
}

/** A patched copy; undefined: the listener is removed. */
export function patchListener(listener: Listener, patching: Patching): Listener | undefined {
  let patched = clone(ListenerSchema, listener);
  for (const patch of patching.of('LISTENER')) {
    if (patch.operation === 'REMOVE') {
      patching.touch(patch);
      return undefined;
    }
    if (!isMerge(patch)) continue;
    patched = patching.merge(ListenerSchema, patched, patch);
    patching.touch(patch);
  }
  patchList(patched.listenerFilters, patching.of('LISTENER_FILTER'), {
    matches: ({ name }, { listener: match }) => match?.listenerFilter === undefined || match.listenerFilter === name,
    namesItem: ({ listener: match }) => match?.listenerFilter !== undefined,
    make: (patch) => patching.read(ListenerFilterSchema, patch),
    merge: (filter, patch) => patching.merge(ListenerFilterSchema, filter, patch),
    touched: patching.touch,
  });
  patchChains(patched, patching);
  return patched;
}

function patchChains(listener: Listener, patching: Patching): void {
  const patches = patching.of('FILTER_CHAIN');
  const all: FilterChain[] = listener.defaultFilterChain === undefined ? [] : [listener.defaultFilterChain];
  const changing = patches.filter(({ operation }) => operation !== 'ADD');
  for (const chains of [listener.filterChains, all]) {
    patchList(chains, changing, {
      matches: (chain, patch) => concernsChain(patch, listener, chain),
      namesItem: ({ listener: match }) => match?.filterChain !== undefined,
      make: (patch) => patching.read(FilterChainSchema, patch),
      merge: (chain, patch) => patching.merge(FilterChainSchema, chain, patch),
      touched: patching.touch,
    });
    for (const chain of chains) patchChain(listener, chain, patching);
  }
  const [fallback] = all;
  if (fallback === undefined) delete listener.defaultFilterChain;
  else listener.defaultFilterChain = fallback;
  for (const patch of patches) {
    const added = patch.operation === 'ADD' ? patching.read(FilterChainSchema, patch) : undefined;
    if (added === undefined) continue;
    listener.filterChains.push(added);
    patching.touch(patch);
  }
}
