// The names Istio gives to xDS resources. Users' tools read meaning from them, so they are made in one place.

export const blackHoleCluster = 'BlackHoleCluster';
export const passthroughCluster = 'PassthroughCluster';
export const allowAnyDynamicDnsCluster = 'AllowAnyDynamicDNSCluster';
export const inboundPassthroughCluster = 'InboundPassthroughCluster';

/** MeshConfig.proxyListenPort and proxyInboundListenPort: where traffic is redirected to. */
export const outboundCapturePort = 15001;
export const inboundCapturePort = 15006;

export const httpProxyRouteConfig = 'http_proxy';

/** `outbound|80|v1|hello.default.svc.cluster.local`; no subset is an empty part. */
export function outboundClusterName(port: number, subset: string | undefined, hostname: string): string {
  return `outbound|${port}|${subset ?? ''}|${hostname}`;
}

/** `outbound_.80_.v1_.hello.default.svc.cluster.local`: the server name by which a connection of the mesh says what it is for. */
export function meshServerName(port: number, subset: string | undefined, hostname: string): string {
  return `outbound_.${port}_.${subset ?? ''}_.${hostname}`;
}

/** `inbound|8080||`, by the port of the app. */
export function inboundClusterName(port: number): string {
  return `inbound|${port}||`;
}

/** `0.0.0.0_80`: what a listener binds, or would bind. */
export function listenerName(address: string, port: number): string {
  return `${address}_${port}`;
}

/** `hello.default.svc.cluster.local:80`: a virtual host, or the route configuration of a listener that belongs to one service. */
export function hostAndPort(host: string, port: number): string {
  return `${host}:${port}`;
}

/** `/apis/networking.istio.io/v1/namespaces/default/virtual-service/hello`: the value of `filter_metadata.istio.config`. */
export function configPath(
  kind: 'virtual-service' | 'destination-rule' | 'sidecar',
  resource: { readonly namespace: string; readonly name: string },
): string {
  return `/apis/networking.istio.io/v1/namespaces/${resource.namespace}/${kind}/${resource.name}`;
}
