// One proxy that is both ends of mutual TLS: `outbound` (plain) calls by HTTP over a cluster whose endpoint is the same proxy's `inbound` port, which
// takes mutual TLS or plaintext (PERMISSIVE) and says in an answer what it knows of its client; `strict` takes mutual TLS alone.
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { extensions } from '#decide/extension.ts';
import { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#envoy/gen/envoy/config/listener/v3/listener_pb.js';
import { XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';

export type StagePorts = { readonly outbound: number; readonly inbound: number; readonly strict: number; readonly backend: number };

/** `spiffe` is the name that the server's certificate must have for the client. */
export function mutualTlsStage(ports: StagePorts, spiffe: string): readonly XdsResource[] {
  return [
    clusterOf('mesh', ports.inbound, { transport_socket_matches: [mutualMatch(spiffe), plainMatch] }, { tlsMode: 'istio' }),
    clusterOf('fresh', ports.inbound, { transport_socket_matches: [mutualMatch(spiffe), plainMatch], ...oneRequestEach }, { tlsMode: 'istio' }),
    clusterOf('plain', ports.inbound, { transport_socket_matches: [mutualMatch(spiffe), plainMatch] }, undefined),
    clusterOf('backend', ports.backend, {}, undefined),
    listenerOf('outbound', ports.outbound, [
      { filters: [http('outbound', [route('/plain', 'plain'), route('/fresh', 'fresh'), route('/', 'mesh')])] },
    ]),
    listenerOf('inbound', ports.inbound, [
      {
        name: 'mutual',
        filter_chain_match: { transport_protocol: 'tls' },
        filters: [http('inbound', [route('/', 'backend')])],
        transport_socket: downstream(false),
      },
      { name: 'plain', filter_chain_match: { transport_protocol: 'raw_buffer' }, filters: [http('inbound', [route('/', 'backend')])] },
    ]),
    listenerOf('strict', ports.strict, [{ filters: [http('strict', [route('/', 'backend')])], transport_socket: downstream(true) }]),
  ];
}

const typed = (name: string, config: JsonObject = {}): JsonObject => ({ '@type': `type.googleapis.com/envoy.${name}`, ...config });

function sds(name: string): JsonObject {
  const service = { envoy_grpc: { cluster_name: 'sds-grpc' } };
  const source = { api_type: 'GRPC', transport_api_version: 'V3', set_node_on_first_message_only: true, grpc_services: [service] };
  return { name, sds_config: { api_config_source: source, initial_fetch_timeout: '0s', resource_api_version: 'V3' } };
}

function common(names: readonly string[]): JsonObject {
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificate_sds_secret_configs: [sds('default')],
    combined_validation_context: {
      default_validation_context: { match_typed_subject_alt_names: names.map((exact) => ({ san_type: 'URI', matcher: { exact } })) },
      validation_context_sds_secret_config: sds('ROOTCA'),
    },
  };
}

function downstream(require: boolean): JsonObject {
  const config = { common_tls_context: { ...common([]), alpn_protocols: ['istio', 'h2', 'http/1.1'] }, require_client_certificate: require };
  return { name: 'envoy.transport_sockets.tls', typed_config: typed('extensions.transport_sockets.tls.v3.DownstreamTlsContext', config) };
}

function mutualMatch(spiffe: string): JsonObject {
  const config = { sni: 'outbound_.80_._.mesh.example', common_tls_context: { ...common([spiffe]), alpn_protocols: ['istio'] } };
  return {
    name: 'tlsMode-istio',
    match: { tlsMode: 'istio' },
    transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: typed('extensions.transport_sockets.tls.v3.UpstreamTlsContext', config) },
  };
}

/** Each request has a connection of its own, and a handshake, which may go on with an earlier session. */
const oneRequestEach: JsonObject = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('extensions.upstreams.http.v3.HttpProtocolOptions', {
      common_http_protocol_options: { max_requests_per_connection: 1 },
      explicit_http_config: { http_protocol_options: {} },
    }),
  },
};

const plainMatch: JsonObject = {
  name: 'tlsMode-disabled',
  match: {},
  transport_socket: { name: 'envoy.transport_sockets.raw_buffer', typed_config: typed('extensions.transport_sockets.raw_buffer.v3.RawBuffer') },
};

function clusterOf(name: string, port_value: number, extra: JsonObject, match: JsonObject | undefined): XdsResource {
  const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value } } };
  const metadata = match === undefined ? {} : { metadata: { filter_metadata: { 'envoy.transport_socket_match': match } } };
  const load_assignment = { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint, ...metadata }] }] };
  const message = fromJson(ClusterSchema, { name, connect_timeout: '5s', load_assignment, ...extra }, { registry: extensions });
  return new XdsResource(typeUrls.cluster, name, ClusterSchema, message);
}

function listenerOf(name: string, port_value: number, filter_chains: JsonObject[]): XdsResource {
  const listener_filters = [{ name: 'tls', typed_config: typed('extensions.filters.listener.tls_inspector.v3.TlsInspector') }];
  const json = { name, address: { socket_address: { address: '127.0.0.1', port_value } }, listener_filters, filter_chains };
  return new XdsResource(typeUrls.listener, name, ListenerSchema, fromJson(ListenerSchema, json, { registry: extensions }));
}

function route(prefix: string, cluster: string): JsonObject {
  return { match: { prefix }, route: { cluster, timeout: '5s' } };
}

function http(name: string, routes: JsonObject[]): JsonObject {
  const inbound =
    name === 'outbound'
      ? {}
      : { forward_client_cert_details: 'APPEND_FORWARD', set_current_client_cert_details: { subject: true, dns: true, uri: true } };
  const config = {
    stat_prefix: name,
    route_config: { name, virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: typed('extensions.filters.http.router.v3.Router') }],
    ...inbound,
  };
  return { name: 'hcm', typed_config: typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', config) };
}
