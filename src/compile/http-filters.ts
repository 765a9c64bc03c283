// The HTTP filters of every connection manager, in the order in which a request passes them: Istio's, of which those are left out that only
// Istio's own Envoy has (alpn, stats). Source: Istio, buildHTTPConnectionManager.
import type { Any } from '@bufbuild/protobuf/wkt';
import { dnsCache } from '#compile/dns-cache.ts';
import { filterStateFilter } from '#compile/request-alpn.ts';
import { noWorkloadFilters, type WorkloadFilters } from '#compile/workload-filters.ts';
import { packAny } from '#envoy/any.ts';
import { create } from '#envoy/create.ts';
import { CorsSchema } from '#envoy/gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { FilterConfigSchema } from '#envoy/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js';
import { HTTPFaultSchema } from '#envoy/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { GrpcWebSchema } from '#envoy/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { RouterSchema } from '#envoy/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { ConfigSchema as FilterStateSchema } from '#envoy/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '#envoy/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Protocol } from '#model/protocol.ts';

/** Routes speak to a filter by its name (typed_per_filter_config). */
export const faultFilter = 'envoy.filters.http.fault';
export const corsFilter = 'envoy.filters.http.cors';

/** What decides about the filters, beside the workload's own: the port's protocol, and where requests go. */
export type FilterPlace = {
  readonly protocol: Protocol;
  /** Requests for hosts that are not known go where DNS says. */
  readonly forwardsByHost: boolean;
  /** Requests go to services, not to the app behind the proxy. */
  readonly calls: boolean;
};

type FilterRow = { readonly name: string; readonly config: () => Any; readonly when: (place: FilterPlace) => boolean };

/** Filters that the workload's own policies bring along, in their order. */
type OwnRow = { readonly own: Exclude<keyof WorkloadFilters, 'network'> };

const always = (): boolean => true;

const filters: readonly (FilterRow | OwnRow)[] = [
  // First, so that all behind it see gRPC, not its disguise for browsers.
  { name: 'envoy.filters.http.grpc_web', config: () => packAny(GrpcWebSchema, {}), when: ({ protocol }) => protocol === 'grpc-web' },
  // Whoever is asked elsewhere sees the request as it came, before its token was looked at.
  { own: 'externalAuthorization' },
  // Before the rules that ask what the token says.
  { own: 'requestAuthentication' },
  // Before faults and CORS: who may not call learns nothing of either.
  { own: 'authorization' },
  // Does nothing by itself: a route brings its faults along.
  { name: faultFilter, config: () => packAny(HTTPFaultSchema, {}), when: always },
  // Does nothing by itself: a route brings its policy along. Behind faults, so that a browser's preflight meets them, too.
  { name: corsFilter, config: () => packAny(CorsSchema, {}), when: always },
  {
    // Looks up the hosts of requests that no route is about (ALLOW_ANY_DYNAMIC_DNS); those for other clusters pass it by.
    name: 'envoy.filters.http.dynamic_forward_proxy',
    config: () => packAny(FilterConfigSchema, { implementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache() } }),
    when: ({ forwardsByHost }) => forwardsByHost,
  },
  // Does nothing by itself: routes to sniffed ports say that what comes over mutual TLS is HTTP. In the place of Istio's own alpn filter.
  { name: filterStateFilter, config: () => packAny(FilterStateSchema, {}), when: ({ calls }) => calls },
  // Last: it ends the chain and sends the request on.
  { name: 'envoy.filters.http.router', config: () => packAny(RouterSchema, {}), when: always },
];

const made = new WeakMap<WorkloadFilters, Map<string, readonly HttpFilter[]>>();

/** The filters at a place: the same for all workloads with the same policies (`own`), so made once. Not to be changed. */
export function httpFilters(place: FilterPlace, own: WorkloadFilters = noWorkloadFilters): readonly HttpFilter[] {
  let byKind = made.get(own);
  if (byKind === undefined) {
    byKind = new Map();
    made.set(own, byKind);
  }
  const key = `${place.protocol} ${place.forwardsByHost} ${place.calls}`;
  let found = byKind.get(key);
  if (found === undefined) {
    found = filters.flatMap((row) => {
      if ('own' in row) return own[row.own];
      const { name, config, when } = row;
      return when(place) ? [create(HttpFilterSchema, { name, configType: { case: 'typedConfig', value: config() } })] : [];
    });
    byKind.set(key, found);
  }
  return found;
}
