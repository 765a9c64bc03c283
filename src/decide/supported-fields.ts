// THE table of what the embedded proxy honours of Envoy's API, by message and field. `honoured` fields have their effect (and are looked
// into); `accepted` fields have none by nature here (statistics, metadata, tuning of what this proxy does not have); a list names the
// only values that are honoured. A field that is in no list is an error wherever it is set.
import { fields, type RulesByMessage } from '#decide/supported-rules.ts';
import { clusterFields, tlsFields } from '#decide/supported-upstream-fields.ts';

const listener: RulesByMessage = {
  'envoy.config.listener.v3.Listener': fields(
    `name address additional_addresses filter_chains default_filter_chain use_original_dst listener_filters listener_filters_timeout continue_on_listener_filters_timeout
     traffic_direction access_log bind_to_port`,
    `stat_prefix per_connection_buffer_limit_bytes metadata deprecated_v1 drain_type transparent freebind socket_options tcp_fast_open_queue_length
     connection_balance_config reuse_port enable_reuse_port tcp_backlog_size max_connections_to_accept_per_socket_event enable_mptcp
     ignore_global_conn_limit bypass_overload_manager`,
  ),
  'envoy.config.listener.v3.AdditionalAddress': fields('address', 'socket_options'),
  'envoy.config.listener.v3.ListenerFilter': fields('name typed_config filter_disabled'),
  'envoy.config.listener.v3.ListenerFilterChainMatchPredicate': 'all',
  'envoy.config.listener.v3.ListenerFilterChainMatchPredicate.MatchSet': 'all',
  'envoy.config.listener.v3.FilterChain': fields('filter_chain_match filters transport_socket transport_socket_connect_timeout name', 'metadata'),
  'envoy.config.listener.v3.FilterChainMatch': fields(
    `destination_port prefix_ranges direct_source_prefix_ranges source_type source_prefix_ranges source_ports server_names transport_protocol
     application_protocols`,
  ),
  'envoy.config.listener.v3.Filter': fields('name typed_config'),
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': 'all',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': fields('', 'enable_ja3_fingerprinting initial_read_buffer_size'),
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector': 'all',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol': fields('allow_requests_without_proxy_protocol', 'stat_prefix'),
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': {
    ...fields(
      `cluster weighted_clusters idle_timeout access_log max_connect_attempts hash_policy max_downstream_connection_duration tunneling_config
       access_log_options`,
      'stat_prefix access_log_flush_interval max_early_data_bytes',
    ),
    // TLS is always ended first.
    upstream_connect_mode: ['IMMEDIATE', 'ON_DOWNSTREAM_TLS_HANDSHAKE'],
  },
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TcpAccessLogOptions': fields('flush_access_log_on_connected', 'access_log_flush_interval'),
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster': 'all',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight': fields('name weight'),
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig': fields('hostname use_post post_path'),
  'envoy.type.v3.HashPolicy': fields('source_ip'),
  'envoy.type.v3.HashPolicy.SourceIp': 'all',
  'envoy.extensions.filters.network.rbac.v3.RBAC': {
    ...fields('rules shadow_rules stat_prefix shadow_rules_stat_prefix delay_deny'),
    // What is asked about does not change while a connection lasts: asking once or always is the same.
    enforcement_type: ['ONE_TIME_ON_FIRST_BYTE', 'CONTINUOUS'],
  },
  'envoy.config.accesslog.v3.AccessLog': fields('name filter typed_config'),
  // Filters and formats are compiled by telemetry, which names what it does not know.
  'envoy.config.accesslog.v3.AccessLogFilter': fields(
    '',
    `status_code_filter duration_filter not_health_check_filter traceable_filter and_filter or_filter header_filter response_flag_filter
     log_type_filter`,
  ),
  'envoy.extensions.access_loggers.file.v3.FileAccessLog': fields('path format json_format typed_json_format log_format'),
  // Looked into by telemetry.
  'envoy.extensions.access_loggers.stats.v3.Config': fields('', 'stat_prefix stats_scope histograms counters'),
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': 'all',
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': 'all',
  'envoy.config.core.v3.SubstitutionFormatString': fields(
    'text_format json_format text_format_source omit_empty_values content_type',
    'json_format_options formatters',
  ),
};

const manager = 'envoy.extensions.filters.network.http_connection_manager.v3';

const http: RulesByMessage = {
  [`${manager}.HttpConnectionManager`]: {
    ...fields(
      `rds route_config http_filters common_http_protocol_options http_protocol_options http2_protocol_options server_name
       server_header_transformation max_request_headers_kb stream_idle_timeout request_timeout request_headers_timeout drain_timeout
       delayed_close_timeout access_log use_remote_address xff_num_trusted_hops skip_xff_append via generate_request_id preserve_external_request_id
       always_set_request_id_in_response forward_client_cert_details set_current_client_cert_details upgrade_configs normalize_path merge_slashes
       path_with_escaped_slashes_action local_reply_config strip_matching_host_port strip_any_host_port strip_trailing_host_dot
       append_x_forwarded_port proxy_100_continue request_id_extension internal_address_config`,
      `stat_prefix add_user_agent access_log_flush_interval flush_access_log_on_new_request access_log_options
       stream_error_on_invalid_http_message path_normalization_options proxy_status_config
       append_local_overload typed_header_validation_config`,
    ),
    codec_type: ['AUTO', 'HTTP1', 'HTTP2'],
  },
  [`${manager}.HttpConnectionManager.InternalAddressConfig`]: fields('cidr_ranges'),
  [`${manager}.HttpConnectionManager.UpgradeConfig`]: fields('upgrade_type enabled'),
  [`${manager}.HttpConnectionManager.SetCurrentClientCertDetails`]: fields('subject cert dns uri'),
  [`${manager}.RequestIDExtension`]: 'all',
  'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig': fields('', 'pack_trace_reason use_request_id_for_trace_sampling'),
  [`${manager}.Rds`]: fields('config_source route_config_name'),
  [`${manager}.HttpFilter`]: fields('name is_optional disabled typed_config'),
  // Compiled by telemetry and the proxy, which name what they do not know.
  [`${manager}.LocalReplyConfig`]: fields('', 'mappers body_format'),
  'envoy.extensions.filters.http.router.v3.Router': fields(
    'suppress_envoy_headers',
    'dynamic_stats start_child_span suppress_grpc_request_failure_code_stats',
  ),
  'envoy.config.route.v3.FilterConfig': fields('config is_optional disabled'),
  'envoy.extensions.filters.http.cors.v3.Cors': 'all',
  'envoy.extensions.filters.http.cors.v3.CorsPolicy': fields(
    `allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials filter_enabled allow_private_network_access
     forward_not_matching_preflights`,
    // Only counted.
    'shadow_enabled',
  ),
  'envoy.extensions.filters.http.fault.v3.HTTPFault': fields(
    'delay abort upstream_cluster headers downstream_nodes max_active_faults',
    `delay_percent_runtime abort_percent_runtime delay_duration_runtime abort_http_status_runtime max_active_faults_runtime
     response_rate_limit_percent_runtime abort_grpc_status_runtime disable_downstream_cluster_stats filter_metadata`,
  ),
  'envoy.extensions.filters.http.fault.v3.FaultAbort': fields('http_status grpc_status percentage'),
  'envoy.extensions.filters.common.fault.v3.FaultDelay': fields('fixed_delay percentage'),
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit': fields(
    `status token_bucket filter_enabled filter_enforced response_headers_to_add request_headers_to_add_when_not_enforced descriptors stage
     enable_x_ratelimit_headers vh_rate_limits always_consume_default_token_bucket rate_limited_as_resource_exhausted rate_limits
     max_dynamic_descriptors`,
    'stat_prefix',
  ),
  'envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor': 'all',
  'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry': 'all',
  'envoy.type.v3.TokenBucket': 'all',
  'envoy.type.v3.HttpStatus': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication': fields(
    'providers rules bypass_cors_preflight requirement_map strip_failure_response',
  ),
  'envoy.extensions.filters.http.jwt_authn.v3.JwtProvider': fields(
    `issuer audiences local_jwks forward from_headers from_params from_cookies forward_payload_header pad_forward_payload_header payload_in_metadata
     normalize_payload_in_metadata header_in_metadata clock_skew_seconds claim_to_headers clear_route_cache`,
    'jwt_cache_config',
  ),
  'envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.NormalizePayload': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtHeader': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.RequirementRule': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementOrList': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementAndList': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.ProviderWithAudiences': 'all',
  'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig': fields('disabled'),
  'envoy.extensions.filters.http.set_filter_state.v3.Config': 'all',
  'envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue': fields(
    'object_key factory_key format_string read_only skip_if_empty',
    'shared_with_upstream',
  ),
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb': 'all',
  'envoy.extensions.filters.http.buffer.v3.Buffer': 'all',
  'envoy.extensions.filters.http.buffer.v3.BufferPerRoute': 'all',
  'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': fields('rbac'),
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz': {
    ...fields(
      `grpc_service http_service failure_mode_allow failure_mode_allow_header_add with_request_body clear_route_cache status_on_error
       validate_mutations metadata_context_namespaces filter_enabled filter_enabled_metadata deny_at_disable include_peer_certificate
       include_tls_session allowed_headers disallowed_headers encode_raw_headers enable_dynamic_metadata_ingestion`,
      'stat_prefix charge_cluster_response_stats',
    ),
    transport_api_version: ['V3'],
  },
  'envoy.extensions.filters.http.ext_authz.v3.BufferSettings': 'all',
  'envoy.extensions.filters.http.ext_authz.v3.HttpService': 'all',
  'envoy.extensions.filters.http.ext_authz.v3.AuthorizationRequest': 'all',
  'envoy.extensions.filters.http.ext_authz.v3.AuthorizationResponse': 'all',
  'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute': 'all',
  'envoy.extensions.filters.http.ext_authz.v3.CheckSettings': 'all',
  'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz': {
    ...fields('grpc_service failure_mode_allow include_peer_certificate filter_enabled_metadata include_tls_session', 'stat_prefix'),
    transport_api_version: ['V3'],
  },
  'envoy.config.core.v3.HttpUri': fields('cluster timeout', 'uri'),
  'envoy.config.core.v3.RuntimeFeatureFlag': fields('default_value', 'runtime_key'),
  'envoy.type.matcher.v3.ListStringMatcher': 'all',
  'envoy.extensions.filters.http.rbac.v3.RBAC': fields('rules shadow_rules', 'rules_stat_prefix shadow_rules_stat_prefix track_per_rule_stats'),
  'envoy.config.core.v3.HttpProtocolOptions': fields(
    'idle_timeout max_connection_duration max_headers_count headers_with_underscores_action max_requests_per_connection max_stream_duration',
  ),
  'envoy.config.core.v3.Http1ProtocolOptions': fields(
    'accept_http_10 default_host_for_http_10 header_key_format',
    `allow_absolute_url enable_trailers override_stream_error_on_invalid_http_message use_balsa_parser`,
  ),
  'envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat': fields('stateful_formatter'),
  'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig': fields(
    '',
    'forward_reason_phrase formatter_type_on_envoy_headers',
  ),
  'envoy.config.core.v3.Http2ProtocolOptions': fields(
    'max_concurrent_streams allow_connect',
    `hpack_table_size initial_stream_window_size initial_connection_window_size max_outbound_frames max_outbound_control_frames
     max_consecutive_inbound_frames_with_empty_payload max_inbound_priority_frames_per_stream max_inbound_window_update_frames_per_data_frame_sent
     stream_error_on_invalid_http_messaging override_stream_error_on_invalid_http_message connection_keepalive use_oghttp2_codec`,
  ),
};

const route: RulesByMessage = {
  'envoy.config.route.v3.RouteConfiguration': fields(
    `name virtual_hosts response_headers_to_add response_headers_to_remove request_headers_to_add request_headers_to_remove
     most_specific_header_mutations_wins ignore_port_in_host_matching typed_per_filter_config`,
    'validate_clusters max_direct_response_body_size_bytes metadata',
  ),
  'envoy.config.route.v3.VirtualHost': fields(
    `name domains routes require_tls request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove
     include_request_attempt_count include_attempt_count_in_response retry_policy typed_per_filter_config rate_limits
     per_request_buffer_limit_bytes`,
    'virtual_clusters metadata',
  ),
  'envoy.config.route.v3.Route': fields(
    `name match route redirect direct_response non_forwarding_action request_headers_to_add request_headers_to_remove response_headers_to_add
     response_headers_to_remove typed_per_filter_config per_request_buffer_limit_bytes`,
    'metadata decorator tracing stat_prefix',
  ),
  'envoy.config.route.v3.RouteMatch': fields(
    `prefix path safe_regex connect_matcher path_separated_prefix case_sensitive runtime_fraction headers query_parameters grpc
     dynamic_metadata`,
  ),
  'envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions': 'all',
  'envoy.config.route.v3.RouteMatch.ConnectMatcher': 'all',
  'envoy.config.core.v3.RuntimeFractionalPercent': fields('default_value', 'runtime_key'),
  'envoy.type.v3.FractionalPercent': 'all',
  'envoy.config.route.v3.HeaderMatcher': 'all',
  'envoy.config.route.v3.QueryParameterMatcher': 'all',
  'envoy.type.v3.DoubleRange': 'all',
  'envoy.type.v3.Int64Range': 'all',
  'envoy.type.v3.Int32Range': 'all',
  'envoy.type.matcher.v3.StringMatcher': fields('exact prefix suffix safe_regex contains ignore_case'),
  'envoy.type.matcher.v3.RegexMatcher': fields('regex', 'google_re2'),
  'envoy.type.matcher.v3.RegexMatchAndSubstitute': 'all',
  'envoy.config.core.v3.HeaderValueOption': 'all',
  'envoy.config.core.v3.HeaderValue': 'all',
  'envoy.config.route.v3.WeightedCluster': fields('clusters', 'total_weight runtime_key_prefix'),
  'envoy.config.route.v3.WeightedCluster.ClusterWeight': fields(
    `name weight request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove host_rewrite_literal
     typed_per_filter_config`,
  ),
  'envoy.config.route.v3.RouteAction': fields(
    `cluster cluster_header weighted_clusters cluster_not_found_response_code prefix_rewrite regex_rewrite host_rewrite_literal auto_host_rewrite
     host_rewrite_header host_rewrite_path_regex append_x_forwarded_host timeout idle_timeout retry_policy hash_policy priority upgrade_configs
     max_stream_duration request_mirror_policies rate_limits include_vh_rate_limits max_grpc_timeout grpc_timeout_offset`,
    'early_data_policy',
  ),
  'envoy.config.route.v3.RouteAction.UpgradeConfig': fields('upgrade_type enabled connect_config'),
  'envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig': fields(''),
  'envoy.config.route.v3.RouteAction.MaxStreamDuration': fields('max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset'),
  'envoy.config.route.v3.RouteAction.RequestMirrorPolicy': fields(
    'cluster cluster_header runtime_fraction disable_shadow_host_suffix_append',
    'trace_sampled',
  ),
  'envoy.config.route.v3.RateLimit': fields('stage disable_key actions'),
  'envoy.config.route.v3.RateLimit.Action': fields(
    'request_headers remote_address generic_key header_value_match query_parameter_value_match destination_cluster metadata',
  ),
  'envoy.config.route.v3.RateLimit.Action.MetaData': 'all',
  'envoy.type.metadata.v3.MetadataKey': 'all',
  'envoy.type.metadata.v3.MetadataKey.PathSegment': 'all',
  'envoy.config.route.v3.RateLimit.Action.RequestHeaders': 'all',
  'envoy.config.route.v3.RateLimit.Action.RemoteAddress': 'all',
  'envoy.config.route.v3.RateLimit.Action.GenericKey': 'all',
  'envoy.config.route.v3.RateLimit.Action.DestinationCluster': 'all',
  'envoy.config.route.v3.RateLimit.Action.HeaderValueMatch': 'all',
  'envoy.config.route.v3.RateLimit.Action.QueryParameterValueMatch': 'all',
  'envoy.config.route.v3.RouteAction.HashPolicy': fields('header cookie connection_properties query_parameter terminal'),
  'envoy.config.route.v3.RouteAction.HashPolicy.Header': 'all',
  'envoy.config.route.v3.RouteAction.HashPolicy.Cookie': 'all',
  'envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute': 'all',
  'envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties': 'all',
  'envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter': 'all',
  'envoy.config.route.v3.RetryPolicy': fields(
    `retry_on num_retries per_try_timeout per_try_idle_timeout retry_priority retry_host_predicate host_selection_retry_max_attempts retriable_status_codes
     retry_back_off retriable_headers retriable_request_headers rate_limited_retry_back_off`,
  ),
  'envoy.config.route.v3.RetryPolicy.RetryHostPredicate': fields('name typed_config'),
  'envoy.config.route.v3.RetryPolicy.RetryPriority': fields('name typed_config'),
  // Of a bootstrap's overload manager.
  'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig': 'all',
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate': 'all',
  'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig': 'all',
  'envoy.config.route.v3.RetryPolicy.RetryBackOff': 'all',
  'envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff': 'all',
  'envoy.config.route.v3.RetryPolicy.ResetHeader': 'all',
  'envoy.config.route.v3.RedirectAction': 'all',
  'envoy.config.route.v3.DirectResponseAction': 'all',
  'envoy.config.route.v3.NonForwardingAction': 'all',
  'envoy.config.core.v3.DataSource': fields('filename inline_bytes inline_string environment_variable', 'watched_directory'),
};

const rbac: RulesByMessage = {
  'envoy.config.rbac.v3.RBAC': fields('action policies'),
  'envoy.config.rbac.v3.Policy': fields('permissions principals'),
  'envoy.config.rbac.v3.Permission': fields(
    `and_rules or_rules any header url_path destination_ip destination_port destination_port_range metadata not_rule requested_server_name
     uri_template sourced_metadata`,
  ),
  'envoy.config.rbac.v3.SourcedMetadata': 'all',
  'envoy.config.rbac.v3.Permission.Set': 'all',
  'envoy.config.rbac.v3.Principal': fields(
    'and_ids or_ids any authenticated source_ip direct_remote_ip remote_ip header url_path metadata filter_state not_id sourced_metadata',
  ),
  'envoy.config.rbac.v3.Principal.Set': 'all',
  'envoy.config.rbac.v3.Principal.Authenticated': 'all',
  'envoy.type.matcher.v3.PathMatcher': 'all',
  'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig': 'all',
  'envoy.type.matcher.v3.MetadataMatcher': 'all',
  'envoy.type.matcher.v3.MetadataMatcher.PathSegment': 'all',
  'envoy.type.matcher.v3.ValueMatcher': 'all',
  'envoy.type.matcher.v3.ValueMatcher.NullMatch': 'all',
  'envoy.type.matcher.v3.DoubleMatcher': 'all',
  'envoy.type.matcher.v3.ListMatcher': 'all',
  'envoy.type.matcher.v3.OrMatcher': 'all',
  'envoy.type.matcher.v3.FilterStateMatcher': 'all',
  'envoy.config.core.v3.CidrRange': 'all',
};

export const supportedFields: RulesByMessage = { ...listener, ...http, ...route, ...rbac, ...clusterFields, ...tlsFields };
