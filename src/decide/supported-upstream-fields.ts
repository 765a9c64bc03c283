// The part of the table of supported fields (see supported-fields.ts) that is about clusters, their endpoints, and TLS on either side.
import { fields, type RulesByMessage } from '#decide/supported-rules.ts';

export const clusterFields: RulesByMessage = {
  'envoy.config.cluster.v3.Cluster': {
    ...fields(
      `name type eds_cluster_config connect_timeout load_assignment max_requests_per_connection circuit_breakers common_http_protocol_options
       http2_protocol_options typed_extension_protocol_options least_request_lb_config common_lb_config transport_socket transport_socket_matches
       load_balancing_policy upstream_bind_config upstream_connection_options dns_refresh_rate respect_dns_ttl outlier_detection round_robin_lb_config
       ring_hash_lb_config maglev_lb_config original_dst_lb_config dns_failure_refresh_rate cluster_type`,
      `alt_stat_name per_connection_buffer_limit_bytes http_protocol_options dns_lookup_family typed_dns_resolver_config
       wait_for_warm_on_init cleanup_interval metadata protocol_selection
       close_connections_on_host_health_failure ignore_health_on_host_removal track_timeout_budgets track_cluster_stats`,
    ),
    lb_policy: ['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM', 'RING_HASH', 'MAGLEV', 'CLUSTER_PROVIDED'],
  },
  'envoy.config.cluster.v3.Cluster.CustomClusterType': fields('name typed_config'),
  // Names are asked of the system's resolver with each connection; there is no cache of them.
  'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig': fields('dns_cache_config', 'allow_insecure_cluster_options'),
  'envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig': fields(
    'max_hosts',
    `name dns_lookup_family dns_refresh_rate dns_min_refresh_rate host_ttl dns_failure_refresh_rate
     dns_cache_circuit_breaker use_tcp_for_dns_lookups dns_resolution_config typed_dns_resolver_config preresolve_hostnames dns_query_timeout
     key_value_config`,
  ),
  'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig': fields('', 'dns_cache_config'),
  'envoy.config.cluster.v3.Cluster.TransportSocketMatch': 'all',
  'envoy.config.cluster.v3.Cluster.EdsClusterConfig': fields('eds_config service_name'),
  'envoy.config.cluster.v3.CircuitBreakers': fields('thresholds'),
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds': fields(
    'priority max_connections max_pending_requests max_requests max_retries retry_budget',
    'track_remaining max_connection_pools',
  ),
  'envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget': 'all',
  'envoy.config.cluster.v3.Cluster.LeastRequestLbConfig': fields('choice_count active_request_bias slow_start_config'),
  'envoy.config.cluster.v3.Cluster.RoundRobinLbConfig': 'all',
  'envoy.config.cluster.v3.Cluster.RefreshRate': 'all',
  'envoy.config.cluster.v3.Cluster.SlowStartConfig': 'all',
  'envoy.config.cluster.v3.Cluster.RingHashLbConfig': 'all',
  'envoy.config.cluster.v3.Cluster.MaglevLbConfig': 'all',
  'envoy.config.cluster.v3.Cluster.OriginalDstLbConfig': fields('use_http_header http_header_name upstream_port_override'),
  // Nothing is checked actively here, so there is no success that could end an ejection early.
  'envoy.config.cluster.v3.OutlierDetection': fields(
    `consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx enforcing_success_rate success_rate_minimum_hosts
     success_rate_request_volume success_rate_stdev_factor consecutive_gateway_failure enforcing_consecutive_gateway_failure
     split_external_local_origin_errors consecutive_local_origin_failure enforcing_consecutive_local_origin_failure
     enforcing_local_origin_success_rate failure_percentage_threshold enforcing_failure_percentage enforcing_failure_percentage_local_origin
     failure_percentage_minimum_hosts failure_percentage_request_volume max_ejection_time max_ejection_time_jitter always_eject_one_host`,
    'successful_active_health_check_uneject_host',
  ),
  'envoy.config.core.v3.RuntimeDouble': fields('default_value', 'runtime_key'),
  'envoy.config.cluster.v3.Cluster.CommonLbConfig': fields(
    'healthy_panic_threshold zone_aware_lb_config locality_weighted_lb_config consistent_hashing_lb_config',
    'update_merge_window ignore_new_hosts_until_first_hc close_connections_on_host_set_change',
  ),
  // Without a local cluster (cluster_manager.local_cluster_name) Envoy does not route by zone either.
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig': fields('fail_traffic_on_panic', 'routing_enabled min_cluster_size'),
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig': 'all',
  'envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig': fields('use_hostname_for_hashing'),
  'envoy.type.v3.Percent': 'all',
  'envoy.config.cluster.v3.LoadBalancingPolicy': 'all',
  'envoy.config.cluster.v3.LoadBalancingPolicy.Policy': 'all',
  'envoy.config.core.v3.TypedExtensionConfig': fields('name typed_config'),
  'envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided': 'all',
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': 'all',
  'envoy.extensions.load_balancing_policies.random.v3.Random': 'all',
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest': fields(
    'choice_count active_request_bias slow_start_config locality_lb_config selection_method',
    'enable_full_scan',
  ),
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash': fields(
    `hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing consistent_hashing_lb_config locality_weighted_lb_config`,
  ),
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev': 'all',
  'envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig': fields('use_hostname_for_hashing'),
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig': 'all',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.LocalityWeightedLbConfig': 'all',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig': fields(
    'fail_traffic_on_panic',
    'routing_enabled min_cluster_size',
  ),
  'envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig': 'all',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': fields(
    'common_http_protocol_options explicit_http_config use_downstream_protocol_config outlier_detection upstream_http_protocol_options',
  ),
  'envoy.config.core.v3.UpstreamHttpProtocolOptions': fields('auto_sni auto_san_validation'),
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.OutlierDetection': 'all',
  // Of an answer only its status is looked at: whoever reads another header refuses it.
  'envoy.config.common.matcher.v3.MatchPredicate': fields('or_match and_match not_match any_match http_response_headers_match'),
  'envoy.config.common.matcher.v3.MatchPredicate.MatchSet': 'all',
  'envoy.config.common.matcher.v3.HttpHeadersMatch': 'all',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig': fields('http_protocol_options http2_protocol_options'),
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig': fields('http_protocol_options http2_protocol_options'),
  'envoy.config.core.v3.BindConfig': fields('source_address extra_source_addresses', 'freebind socket_options'),
  'envoy.config.core.v3.ExtraSourceAddress': fields('address', 'socket_options'),
  'envoy.config.cluster.v3.UpstreamConnectionOptions': fields(
    'tcp_keepalive',
    'set_local_interface_name_on_upstream_connections happy_eyeballs_config',
  ),
  'envoy.config.core.v3.TcpKeepalive': fields('keepalive_time', 'keepalive_probes keepalive_interval'),
  'envoy.config.endpoint.v3.ClusterLoadAssignment': fields('cluster_name endpoints policy'),
  'envoy.config.endpoint.v3.ClusterLoadAssignment.Policy': fields('overprovisioning_factor', 'endpoint_stale_after'),
  'envoy.config.endpoint.v3.LocalityLbEndpoints': fields('locality lb_endpoints priority load_balancing_weight', 'metadata proximity'),
  'envoy.config.endpoint.v3.LbEndpoint': fields('endpoint health_status load_balancing_weight', 'metadata'),
  'envoy.config.endpoint.v3.Endpoint': fields('address hostname', 'health_check_config'),
  'envoy.config.core.v3.Locality': 'all',
  // Everything dynamic comes over one aggregated stream.
  'envoy.config.core.v3.ConfigSource': fields('ads api_config_source initial_fetch_timeout', 'resource_api_version'),
  // Of secrets alone: whoever reads another ConfigSource refuses it.
  'envoy.config.core.v3.ApiConfigSource': fields('api_type grpc_services', 'transport_api_version set_node_on_first_message_only'),
  'envoy.config.core.v3.GrpcService': fields('envoy_grpc timeout initial_metadata'),
  'envoy.config.core.v3.GrpcService.EnvoyGrpc': fields('cluster_name authority', 'skip_envoy_headers'),
  'envoy.config.core.v3.AggregatedConfigSource': 'all',
  'envoy.config.core.v3.Address': fields('socket_address pipe'),
  'envoy.config.core.v3.Pipe': fields('path', 'mode'),
  'envoy.config.core.v3.SocketAddress': { ...fields('address port_value', 'resolver_name ipv4_compat'), protocol: ['TCP'] },
  'envoy.config.core.v3.TransportSocket': fields('name typed_config'),
};

export const tlsFields: RulesByMessage = {
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer': 'all',
  'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport': fields('config transport_socket'),
  'envoy.config.core.v3.ProxyProtocolConfig': fields('version'),
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext': fields(
    'common_tls_context require_client_certificate disable_stateless_session_resumption',
    'session_ticket_keys disable_stateful_session_resumption session_timeout full_scan_certs_on_sni_mismatch',
    { ocsp_staple_policy: ['LENIENT_STAPLING'] },
  ),
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': fields(
    'common_tls_context sni',
    'allow_renegotiation max_session_keys enforce_rsa_key_usage',
  ),
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext': fields(
    `tls_params tls_certificates tls_certificate_sds_secret_configs validation_context validation_context_sds_secret_config
     combined_validation_context alpn_protocols`,
  ),
  'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext': fields(
    'default_validation_context validation_context_sds_secret_config',
  ),
  'envoy.extensions.transport_sockets.tls.v3.TlsParameters': fields(
    'tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves signature_algorithms',
  ),
  'envoy.extensions.transport_sockets.tls.v3.TlsCertificate': fields('certificate_chain private_key ocsp_staple', 'watched_directory'),
  'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig': fields('name sds_config'),
  'envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext': {
    ...fields(
      'trusted_ca crl match_typed_subject_alt_names match_subject_alt_names verify_certificate_hash verify_certificate_spki trust_chain_verification',
      'watched_directory',
    ),
  },
  'envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher': fields('san_type matcher'),
};
