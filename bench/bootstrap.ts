// The configuration that all three proxies run: one listener, one route, one cluster, the access log of a sidecar. Envoy's bootstrap for
// the embedded proxy and for Envoy (the very same file), and what comes nearest to it for nginx.

export type ProxyTask = {
  readonly listenPort: number;
  readonly backendPort: number;
  readonly accessLog: string;
  /** How many routes the host has; the last one, for every path, is the one that the load meets. */
  readonly routes?: number;
  /** Further access loggers of its connection manager, in proto JSON. */
  readonly loggers?: readonly object[];
  /** What formats name of the cluster and its endpoint. */
  readonly metadata?: { readonly cluster: object; readonly endpoint: object };
};

/** Istio's default access-log format. */
const accessLogFormat = [
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS%',
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT%',
  '%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%"',
  '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%',
  '%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n',
].join(' ');

export function typedConfig(name: string, config: object): object {
  return { '@type': `type.googleapis.com/envoy.${name}`, ...config };
}

export const socketAddress = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

function route(name: string, prefix: string): object {
  return { name, match: { prefix }, route: { cluster: 'backend', timeout: '0s' } };
}

function otherRoutes(count: number): readonly object[] {
  return Array.from({ length: count }, (_, index) => route(`other-${index}`, `/other/${index}/`));
}

type Manager = { readonly routes: readonly object[]; readonly filters: readonly object[]; readonly access_log: readonly object[] };

/** One host with these routes; `filters` run before the router. Other fields as they are. */
export function connectionManager({ routes, filters, ...fields }: Manager): object {
  const router = { name: 'envoy.filters.http.router', typed_config: typedConfig('extensions.filters.http.router.v3.Router', {}) };
  return typedConfig('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'bench',
    route_config: { name: 'bench', virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [...filters, router],
    ...fields,
  });
}

export function accessLogTo(path: string): object {
  const log_format = { text_format_source: { inline_string: accessLogFormat } };
  return { name: 'envoy.access_loggers.file', typed_config: typedConfig('extensions.access_loggers.file.v3.FileAccessLog', { path, log_format }) };
}

/** One endpoint on 127.0.0.1. */
export function httpCluster(name: string, port: number, fields: object): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    lb_policy: 'ROUND_ROBIN',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }] },
    ...fields,
  };
}

/** The same with what telemetry reads of them. */
function describedCluster(name: string, port: number, { cluster, endpoint }: NonNullable<ProxyTask['metadata']>): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) }, metadata: { filter_metadata: endpoint } }] }];
  return httpCluster(name, port, { metadata: { filter_metadata: cluster }, load_assignment: { cluster_name: name, endpoints } });
}

/** As JSON, which Envoy reads as it reads YAML. */
export function envoyBootstrap({ listenPort, backendPort, accessLog, routes = 1, loggers = [], metadata }: ProxyTask): string {
  const all = [...otherRoutes(routes - 1), route('default', '/')];
  const manager = connectionManager({ routes: all, filters: [], access_log: [accessLogTo(accessLog), ...loggers] });
  const listener = {
    name: 'bench',
    address: socketAddress(listenPort),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  };
  const cluster = metadata === undefined ? httpCluster('backend', backendPort, {}) : describedCluster('backend', backendPort, metadata);
  return JSON.stringify({ node: { id: 'bench', cluster: 'bench' }, static_resources: { listeners: [listener], clusters: [cluster] } }, undefined, 2);
}

/** One worker, upstream connections kept, a buffered access log, as Envoy buffers its own. */
export function nginxProxyConfig({ listenPort, backendPort, accessLog }: ProxyTask, folder: string): string {
  return nginxConfig(
    folder,
    `
  log_format mesh '[$time_iso8601] "$request" $status $request_length $bytes_sent $request_time $upstream_response_time '
                  '"$http_x_forwarded_for" "$http_user_agent" "$request_id" "$host" "$upstream_addr" $server_addr $remote_addr:$remote_port';
  access_log ${accessLog} mesh buffer=64k flush=1s;
  upstream backend { server 127.0.0.1:${backendPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${listenPort};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Forwarded-Proto http;
    }
  }`,
  );
}

/** A server that answers everything with one kilobyte. */
export function nginxBackendConfig(port: number, folder: string): string {
  const body = 'x'.repeat(1024);
  return nginxConfig(folder, `  access_log off;\n  server { listen 127.0.0.1:${port}; location / { return 200 "${body}"; } }`);
}

function nginxConfig(folder: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n');
  return `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
${temporary}
  keepalive_requests 100000000;
${http}
}
`;
}
