// The names that a dynamic forward proxy has looked up. Its cluster and its HTTP filter name one cache, and must say the same about it.
import { create } from '#envoy/create.ts';
import { Cluster_DnsLookupFamily } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import { type DnsCacheConfig, DnsCacheConfigSchema } from '#envoy/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js';

/** Istio's limit. */
const maxHosts = 1024;

/** Source: Istio, buildAllowAnyDynamicDNSDNSCacheConfig. */
export function dnsCache(): DnsCacheConfig {
  return create(DnsCacheConfigSchema, { name: 'allow_any_dfp_dns_cache', dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY, maxHosts });
}
