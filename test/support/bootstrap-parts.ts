// Envoy bootstraps for tests, put together from small parts: the same object runs on the embedded proxy and on Envoy.

export type Part = Readonly<Record<string, unknown>>;

const typed = (name: string, config: Part = {}): Part => ({ '@type': `type.googleapis.com/envoy.${name}`, ...config });

export function address(port: number): Part {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

/** A listener with these filter chains; `extra` adds listener fields such as listener_filters. */
export function listener(name: string, port: number, chains: readonly Part[], extra: Part = {}): Part {
  return { name, address: address(port), filter_chains: chains, ...extra };
}

/** A filter chain that ends in an HTTP connection manager. */
export function httpChain(routes: readonly Part[], manager: Part = {}, chain: Part = {}): Part {
  const config = typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'test',
    route_config: { name: 'local', virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: typed('extensions.filters.http.router.v3.Router') }],
    ...manager,
  });
  return { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: config }], ...chain };
}

/** A filter chain that ends in a TCP proxy. */
export function tcpChain(cluster: string, proxy: Part = {}, chain: Part = {}): Part {
  const config = typed('extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'tcp', cluster, ...proxy });
  return { filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: config }], ...chain };
}

/** Everything to one cluster, without a timeout. */
export function routeTo(cluster: string, extra: Part = {}): Part {
  return { match: { prefix: '/' }, route: { cluster, timeout: '0s', ...extra } };
}

export function cluster(name: string, port: number, extra: Part = {}): Part {
  return {
    name,
    connect_timeout: '2s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    ...extra,
  };
}

/** Makes a cluster speak HTTP/2, or what the client spoke. */
export function upstreamProtocol(kind: 'http2' | 'same'): Part {
  const options =
    kind === 'http2' ? { explicit_http_config: { http2_protocol_options: {} } } : { use_downstream_protocol_config: { http2_protocol_options: {} } };
  return {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('extensions.upstreams.http.v3.HttpProtocolOptions', options),
    },
  };
}

export function fileLog(path: string, format: string): Part {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: typed('extensions.access_loggers.file.v3.FileAccessLog', { path, log_format: { text_format_source: { inline_string: format } } }),
  };
}

export function downstreamTls(context: Part): Part {
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: typed('extensions.transport_sockets.tls.v3.DownstreamTlsContext', context),
    },
  };
}

export function upstreamTls(context: Part): Part {
  return {
    transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: typed('extensions.transport_sockets.tls.v3.UpstreamTlsContext', context) },
  };
}

export const tlsInspector: Part = {
  listener_filters: [
    { name: 'envoy.filters.listener.tls_inspector', typed_config: typed('extensions.filters.listener.tls_inspector.v3.TlsInspector') },
  ],
};

export function bootstrap(listeners: readonly Part[], clusters: readonly Part[], extra: Part = {}): Part {
  return { node: { id: 'test', cluster: 'test' }, static_resources: { listeners, clusters }, ...extra };
}

export { typed as typedConfig };
