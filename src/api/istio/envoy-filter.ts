// networking.istio.io EnvoyFilter, whole: https://istio.io/latest/docs/reference/config/networking/envoy-filter/
import { anything, array, integer, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const listenerMatch = object({
  portNumber: port(),
  portName: string(),
  name: string(),
  listenerFilter: string(),
  filterChain: object({
    name: string(),
    sni: string(),
    transportProtocol: string(),
    applicationProtocols: string(),
    destinationPort: port(),
    filter: object({ name: string(), subFilter: object({ name: string() }) }),
  }),
});

const routeMatch = object({
  portNumber: port(),
  portName: string(),
  gateway: string(),
  name: string(),
  vhost: object({
    name: string(),
    domainName: string(),
    route: object({ name: string(), action: oneOf('ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE') }),
  }),
});

const clusterMatch = object({ portNumber: port(), service: string(), subset: string(), name: string() });

const match = object(
  {
    context: oneOf('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'),
    proxy: object({ proxyVersion: string(), metadata: map(string()) }),
    listener: listenerMatch,
    routeConfiguration: routeMatch,
    cluster: clusterMatch,
    waypoint: anything(),
  },
  { atMostOneOf: [['listener', 'routeConfiguration', 'cluster', 'waypoint']] },
);

const configPatch = object({
  applyTo: oneOf(
    'INVALID',
    'LISTENER',
    'FILTER_CHAIN',
    'NETWORK_FILTER',
    'HTTP_FILTER',
    'ROUTE_CONFIGURATION',
    'VIRTUAL_HOST',
    'HTTP_ROUTE',
    'CLUSTER',
    'EXTENSION_CONFIG',
    'BOOTSTRAP',
    'LISTENER_FILTER',
  ),
  match,
  patch: object({
    operation: oneOf('INVALID', 'MERGE', 'ADD', 'REMOVE', 'INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST', 'REPLACE', 'MERGE_AND_REPLACE_LIST'),
    value: anything(),
    filterClass: oneOf('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
  }),
});

const targetRef = object({
  group: string(),
  kind: required(string({ minLength: 1 })),
  name: required(string({ minLength: 1 })),
  namespace: string(),
});

export const envoyFilterSpec = object(
  {
    workloadSelector: object({ labels: map(string()) }),
    targetRefs: array(targetRef, { maxItems: 16 }),
    configPatches: array(configPatch),
    priority: integer(),
  },
  { atMostOneOf: [['workloadSelector', 'targetRefs']] },
);

export type EnvoyFilterSpec = Static<typeof envoyFilterSpec>;
