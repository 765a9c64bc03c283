// The network filters of a chain, compiled: HTTP connection manager, TCP proxy, RBAC, external authorisers.
import type { Problems } from '#decide/config-error.ts';
import type { FileReader } from '#decide/data-source.ts';
import { durationMs } from '#decide/duration.ts';
import { compileNetworkExtAuthz } from '#decide/ext-authz.ts';
import { unpackExtension } from '#decide/extension.ts';
import { compileConnectionHash } from '#decide/hash-policy.ts';
import { compileHttpManager } from '#decide/http-manager.ts';
import type { NetworkFilterEntry, TcpProxyEntry, TunnelEntry } from '#decide/listener-entry.ts';
import { compileNetworkRbac } from '#decide/rbac.ts';
import { oncePerContent } from '#decide/same-content.ts';
import type { Filter } from '#envoy/gen/envoy/config/listener/v3/listener_components_pb.js';
import type { TcpProxy, TcpProxy_TunnelingConfig as TunnelingConfig } from '#envoy/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';

/** None for a filter that is not supported; `problems` then says so. */
export function compileNetworkFilter(filter: Filter, field: string, problems: Problems, readFile: FileReader | undefined): NetworkFilterEntry[] {
  const any = filter.configType.case === 'typedConfig' ? filter.configType.value : undefined;
  const message = any === undefined ? undefined : oncePerContent('message', any, problems, () => unpackExtension(any));
  const at = `${field}.typed_config`;
  if (any !== undefined && message !== undefined) {
    if (message.$typeName === 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager')
      return [{ kind: 'http', manager: compileHttpManager(message, at, problems, readFile) }];
    if (message.$typeName === 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy')
      return [{ kind: 'tcp-proxy', ...compileTcpProxy(message, at, problems) }];
    if (message.$typeName === 'envoy.extensions.filters.network.ext_authz.v3.ExtAuthz')
      return [{ kind: 'ext-authz', authz: compileNetworkExtAuthz(message, at, problems) }];
    if (message.$typeName === 'envoy.extensions.filters.network.rbac.v3.RBAC') {
      return [{ kind: 'rbac', policy: oncePerContent('network policy', any, problems, () => compileNetworkRbac(message, at, problems)) }];
    }
  }
  problems.report(field, `network filter ${filter.name} is not supported`);
  return [];
}

const hourMs = 3_600_000;

function compileTcpProxy(proxy: TcpProxy, field: string, problems: Problems): TcpProxyEntry {
  const specifier = proxy.clusterSpecifier;
  if (specifier.case === undefined) problems.report(field, 'one of cluster, weighted_clusters is required');
  const weighted = specifier.case === 'weightedClusters' ? specifier.value.clusters : [{ name: specifier.value ?? '', weight: 1 }];
  let totalWeight = 0;
  const clusters = weighted.map(({ name, weight }) => {
    totalWeight += weight;
    return { cluster: name, cumulativeWeight: totalWeight };
  });
  const hashPolicy = compileConnectionHash(proxy.hashPolicy, `${field}.hash_policy`, problems);
  return {
    statPrefix: proxy.statPrefix,
    clusters,
    totalWeight,
    idleTimeoutMs: durationMs(proxy.idleTimeout, hourMs),
    maxConnectAttempts: proxy.maxConnectAttempts ?? 1,
    ...(hashPolicy === undefined ? {} : { hashPolicy }),
    ...(proxy.tunnelingConfig === undefined ? {} : { tunnel: compileTunnel(proxy.tunnelingConfig, `${field}.tunneling_config`, problems) }),
    maxConnectionDurationMs: durationMs(proxy.maxDownstreamConnectionDuration, 0),
    accessLogs: proxy.accessLog,
    logsConnected: proxy.accessLogOptions?.flushAccessLogOnConnected ?? false,
  };
}

function compileTunnel({ hostname, usePost, postPath }: TunnelingConfig, field: string, problems: Problems): TunnelEntry {
  if (hostname.includes('%')) problems.report(`${field}.hostname`, 'command operators are not supported');
  if (postPath !== '' && !usePost) problems.report(`${field}.post_path`, 'is for use_post alone');
  return { method: usePost ? 'POST' : 'CONNECT', authority: hostname, path: postPath === '' ? '/' : postPath };
}
