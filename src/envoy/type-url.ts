// The xDS resource types that Heddle speaks, in the order in which they must be pushed (make before break).

export const typeUrls = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls];

/** Push order: a cluster before the routes that name it, endpoints before the listeners that send to them. */
export const pushOrder: readonly TypeUrl[] = [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route, typeUrls.secret];
