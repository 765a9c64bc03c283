// Patches on the finished configuration, as users wrote them. What a patch holds is Envoy's API and stays JSON here.
import type { Origin } from '#base/origin.ts';
import type { TargetReference } from '#model/target-reference.ts';

export type EnvoyFilter = {
  readonly name: string;
  readonly namespace: string;
  /** Labels of the workloads whose proxies are patched; undefined: all of the namespace, or of the mesh in the root namespace. */
  readonly selector?: Readonly<Record<string, string>>;
  /** Gateways (and services of waypoints) instead of a selector. */
  readonly targets?: readonly TargetReference[];
  readonly priority: number;
  readonly patches: readonly EnvoyPatch[];
  readonly origin: Origin;
};

export type PatchContext = 'any' | 'sidecar-inbound' | 'sidecar-outbound' | 'gateway';

export type EnvoyPatch = {
  readonly applyTo:
    | 'LISTENER'
    | 'LISTENER_FILTER'
    | 'FILTER_CHAIN'
    | 'NETWORK_FILTER'
    | 'HTTP_FILTER'
    | 'ROUTE_CONFIGURATION'
    | 'VIRTUAL_HOST'
    | 'HTTP_ROUTE'
    | 'CLUSTER'
    | 'EXTENSION_CONFIG';
  readonly context: PatchContext;
  /** `version`: a regular expression for the version of Istio. */
  readonly proxy: { readonly version?: string; readonly metadata: Readonly<Record<string, string>> };
  readonly listener?: ListenerMatch;
  readonly routeConfiguration?: RouteConfigurationMatch;
  readonly cluster?: ClusterMatch;
  readonly operation: 'MERGE' | 'ADD' | 'REMOVE' | 'INSERT_BEFORE' | 'INSERT_AFTER' | 'INSERT_FIRST' | 'REPLACE' | 'MERGE_AND_REPLACE_LIST';
  /** Undefined for REMOVE. */
  readonly value: unknown;
  readonly origin: Origin;
};

/** What is not given matches everything. */
export type ListenerMatch = {
  readonly name?: string;
  readonly port?: number;
  readonly listenerFilter?: string;
  readonly filterChain?: FilterChainMatch;
};

export type FilterChainMatch = {
  readonly name?: string;
  readonly sni?: string;
  readonly transportProtocol?: string;
  readonly applicationProtocols?: readonly string[];
  readonly destinationPort?: number;
  readonly filter?: string;
  readonly subFilter?: string;
};

export type RouteConfigurationMatch = {
  readonly name?: string;
  readonly port?: number;
  readonly portName?: string;
  /** `namespace/name`. */
  readonly gateway?: string;
  readonly virtualHost?: { readonly name?: string; readonly domain?: string };
  readonly route?: { readonly name?: string; readonly action: 'ANY' | 'ROUTE' | 'REDIRECT' | 'DIRECT_RESPONSE' };
};

export type ClusterMatch = { readonly name?: string; readonly service?: string; readonly subset?: string; readonly port?: number };
