// The xDS resource types that Heddle speaks, in the order in which they must be pushed (make before break).

export const typeUrls = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  /** Istio's: for the name server beside a proxy. */
  nameTable: 'type.googleapis.com/istio.networking.nds.v1.NameTable',
} as const;

/** Under which the one name table of a proxy goes. */
export const nameTableName = 'name-table';

export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

/**
 * Push order: a cluster before the routes that name it, endpoints before the listeners that send to them, and an address is only told to apps once
 * there is a listener for it.
 */
export const pushOrder: readonly TypeUrl[] = [
  typeUrls.cluster,
  typeUrls.endpoint,
  typeUrls.listener,
  typeUrls.route,
  typeUrls.secret,
  typeUrls.nameTable,
];

/** Types of which a first request without names asks for all there is. */
export const askedForByNoName: ReadonlySet<TypeUrl> = new Set([typeUrls.cluster, typeUrls.listener, typeUrls.nameTable]);

/**
 * Not a resource: the type of a request by which a workload says of itself whether it is well, with the reason in `error_detail` where it is not.
 * Nothing answers it. Source: Istio, handleWorkloadHealthcheck.
 */
export const healthInformation = 'type.googleapis.com/istio.v1.HealthInformation';
