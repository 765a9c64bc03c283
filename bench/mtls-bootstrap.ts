// The configuration of two sidecars in a row, for both kinds of proxy the very same file: the client's takes plaintext and begins mutual TLS, the
// server's ends it, asks an authorisation rule, and goes on in plaintext to the application. Both write the access log of a sidecar.
import { accessLogTo, connectionManager, httpCluster, socketAddress, typedConfig } from '#bench/bootstrap.ts';

export type Identity = { readonly certificate: string; readonly key: string; readonly roots: string };

type Side = { readonly listenPort: number; readonly upstreamPort: number; readonly accessLog: string; readonly identity: Identity };

export const clientId = 'spiffe://cluster.local/ns/default/sa/client';
export const serverId = 'spiffe://cluster.local/ns/default/sa/server';

export function clientBootstrap({ listenPort, upstreamPort, accessLog, identity }: Side): string {
  const tls = {
    sni: 'outbound_.80_._.server.default.svc.cluster.local',
    common_tls_context: { ...commonTls(identity, serverId), alpn_protocols: ['istio'] },
  };
  const socket = {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: typedConfig('extensions.transport_sockets.tls.v3.UpstreamTlsContext', tls),
    },
  };
  const filters = [manager('outbound', 'server', accessLog, [])];
  return bootstrap(
    { name: 'outbound', address: socketAddress(listenPort), filter_chains: [{ filters }] },
    httpCluster('server', upstreamPort, socket),
  );
}

export function serverBootstrap({ listenPort, upstreamPort, accessLog, identity }: Side): string {
  const tls = {
    require_client_certificate: true,
    common_tls_context: { ...commonTls(identity, undefined), alpn_protocols: ['istio', 'h2', 'http/1.1'] },
  };
  const transport_socket = {
    name: 'envoy.transport_sockets.tls',
    typed_config: typedConfig('extensions.transport_sockets.tls.v3.DownstreamTlsContext', tls),
  };
  const inspector = { name: 'tls', typed_config: typedConfig('extensions.filters.listener.tls_inspector.v3.TlsInspector', {}) };
  const filters = [manager('inbound', 'application', accessLog, [allowClient])];
  const listener = {
    name: 'inbound',
    address: socketAddress(listenPort),
    listener_filters: [inspector],
    filter_chains: [{ filters, transport_socket }],
  };
  return bootstrap(listener, httpCluster('application', upstreamPort, {}));
}

/** As an AuthorizationPolicy is compiled: this client, this method. */
const allowClient = {
  name: 'envoy.filters.http.rbac',
  typed_config: typedConfig('extensions.filters.http.rbac.v3.RBAC', {
    rules: {
      action: 'ALLOW',
      policies: {
        'ns[default]-policy[only-client]-rule[0]': {
          permissions: [{ and_rules: { rules: [{ or_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'GET' } } }] } }] } }],
          principals: [{ and_ids: { ids: [{ or_ids: { ids: [{ authenticated: { principal_name: { exact: clientId } } }] } }] } }],
        },
      },
    },
  }),
};

function commonTls({ certificate, key, roots }: Identity, peer: string | undefined): object {
  const names = peer === undefined ? {} : { match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }] };
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
    validation_context: { trusted_ca: { filename: roots }, ...names },
  };
}

function manager(name: string, cluster: string, accessLog: string, filters: readonly object[]): object {
  const forward =
    name === 'inbound'
      ? { forward_client_cert_details: 'APPEND_FORWARD', set_current_client_cert_details: { subject: true, dns: true, uri: true } }
      : {};
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: connectionManager({
      routes: [{ name: 'default', match: { prefix: '/' }, route: { cluster, timeout: '0s' } }],
      filters,
      access_log: [accessLogTo(accessLog)],
      ...forward,
    }),
  };
}

function bootstrap(listener: object, cluster: object): string {
  return JSON.stringify({ node: { id: 'bench', cluster: 'bench' }, static_resources: { listeners: [listener], clusters: [cluster] } }, undefined, 2);
}
