// EnvoyFilter patches inside a filter chain: network filters, the HTTP filters of a connection manager, and routes written into it.
// Source: Istio, EnvoyFilter.ListenerMatch.FilterChainMatch.
import { fromBinary } from '@bufbuild/protobuf';
import { patchList } from '#compile/envoy-filter-list.ts';
import { Patching } from '#compile/envoy-filter-patch.ts';
import { concernsRoutes, patchRoutes } from '#compile/envoy-filter-route.ts';
import { packAny } from '#envoy/any.ts';
import { type Filter, type FilterChain, FilterSchema } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  type HttpFilter,
  HttpFilterSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { EnvoyPatch } from '#model/envoy-filter.ts';

const managerName = 'envoy.filters.network.http_connection_manager';

/** Whether the patch may have something to do with this chain of the listener. */
export function concernsChain({ listener: match }: EnvoyPatch, { name }: Listener, chain: FilterChain): boolean {
  const found = chain.filterChainMatch;
  // In virtualInbound a port is that of a chain.
  if (match?.port !== undefined && name === 'virtualInbound' && found?.destinationPort !== match.port) return false;
  const wanted = match?.filterChain;
  if (wanted === undefined) return true;
  if (wanted.name !== undefined && wanted.name !== chain.name) return false;
  if (wanted.sni !== undefined && found?.serverNames.includes(wanted.sni) !== true) return false;
  if (wanted.transportProtocol !== undefined && wanted.transportProtocol !== (found?.transportProtocol ?? '')) return false;
  if (wanted.destinationPort !== undefined && wanted.destinationPort !== found?.destinationPort) return false;
  return wanted.applicationProtocols?.every((protocol) => found?.applicationProtocols.includes(protocol) === true) !== false;
}

/** Changes the filters of `chain` in place. */
export function patchChain(listener: Listener, chain: FilterChain, patching: Patching): void {
  const concerned = (patch: EnvoyPatch): boolean => concernsChain(patch, listener, chain);
  patchList(chain.filters, patching.of('NETWORK_FILTER').filter(concerned), {
    matches: ({ name }, patch) => filterName(patch) === undefined || filterName(patch) === name,
    namesItem: (patch) => filterName(patch) !== undefined,
    make: (patch) => patching.read(FilterSchema, patch),
    merge: (filter, patch) => mergeFilter(filter, patch, patching),
    touched: patching.touch,
  });
  for (const filter of chain.filters) patchManager(filter, concerned, patching);
}

function filterName({ listener }: EnvoyPatch): string | undefined {
  return listener?.filterChain?.filter;
}

/** The name may change; typed configuration is merged where both are of one type. */
function mergeFilter(filter: Filter, patch: EnvoyPatch, patching: Patching): Filter {
  const value = patching.read(FilterSchema, patch);
  if (value === undefined) return filter;
  const typedConfig = patching.mergeTyped(typedConfigOf(filter), typedConfigOf(value), patch);
  const configType = typedConfig === undefined ? value.configType : ({ case: 'typedConfig', value: typedConfig } as const);
  return { ...filter, name: value.name === '' ? filter.name : value.name, configType };
}

function typedConfigOf({ configType }: Filter | HttpFilter) {
  return configType.case === 'typedConfig' ? configType.value : undefined;
}

/** HTTP filters and inline routes of a connection manager, which is opened and closed again only where there is a patch for it. */
function patchManager(filter: Filter, concerned: (patch: EnvoyPatch) => boolean, patching: Patching): void {
  const packed = typedConfigOf(filter);
  if (packed === undefined || !packed.typeUrl.endsWith(HttpConnectionManagerSchema.typeName)) return;
  const ofFilters = patching.of('HTTP_FILTER').filter((patch) => concerned(patch) && isOfManager(patch, filter));
  const ofRoutes = patching.patches.filter((patch) => patch.routeConfiguration !== undefined || patch.listener === undefined);
  if (ofFilters.length === 0 && ofRoutes.length === 0) return;
  const manager = fromBinary(HttpConnectionManagerSchema, packed.value);
  patchHttpFilters(manager.httpFilters, ofFilters, patching);
  patchInlineRoutes(manager, ofRoutes, patching);
  filter.configType = { case: 'typedConfig', value: packAny(HttpConnectionManagerSchema, manager) };
}

function isOfManager(patch: EnvoyPatch, { name }: Filter): boolean {
  const wanted = filterName(patch);
  return wanted === undefined || wanted === name || wanted === managerName;
}

function patchHttpFilters(filters: HttpFilter[], patches: readonly EnvoyPatch[], patching: Patching): void {
  const subFilter = ({ listener }: EnvoyPatch): string | undefined => listener?.filterChain?.subFilter;
  patchList(filters, patches, {
    matches: ({ name }, patch) => subFilter(patch) === undefined || subFilter(patch) === name,
    namesItem: (patch) => subFilter(patch) !== undefined,
    make: (patch) => patching.read(HttpFilterSchema, patch),
    merge: (filter, patch) => {
      const value = patching.read(HttpFilterSchema, patch);
      if (value === undefined) return filter;
      const typedConfig = patching.mergeTyped(typedConfigOf(filter), typedConfigOf(value), patch);
      const configType = typedConfig === undefined ? value.configType : ({ case: 'typedConfig', value: typedConfig } as const);
      return { ...filter, name: value.name === '' ? filter.name : value.name, configType };
    },
    touched: patching.touch,
  });
}

function patchInlineRoutes(manager: HttpConnectionManager, patches: readonly EnvoyPatch[], patching: Patching): void {
  const { routeSpecifier } = manager;
  if (routeSpecifier.case !== 'routeConfig') return;
  const concerning = patches.filter((patch) => concernsRoutes(patch, routeSpecifier.value, 'sidecar-inbound'));
  if (concerning.length === 0) return;
  manager.routeSpecifier = { case: 'routeConfig', value: patchRoutes(routeSpecifier.value, new Patching(concerning, patching)) };
}
