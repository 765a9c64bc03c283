// The embedded proxy as an xDS client: one aggregated stream, its updates handed to the stores in the order in which they come, refusals given back as NACKs.
import type { ProxySecrets } from '#app/proxy-secrets.ts';
import { controlPlaneName, type SecureXds } from '#app/secure-xds.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/logger.ts';
import { failed, ok, type Result } from '#base/result.ts';
import type { WorkloadIdentity } from '#ca/client/workload-identity.ts';
import type { RunningDns } from '#dns/start-dns.ts';
import type { Node } from '#envoy/gen/envoy/config/core/v3/base_pb.js';
import { typeUrls } from '#envoy/type-url.ts';
import type { ClusterStore, Refusal } from '#proxy/cluster-store.ts';
import type { ConfigStore } from '#proxy/config-store.ts';
import type { ConnectionState } from '#xds/client/ads-client.ts';
import type { Rejection } from '#xds/client/update.ts';

export type ProxyAdsOptions = {
  readonly target: string;
  readonly node: Node;
  readonly mode: 'delta' | 'sotw';
  readonly listeners: boolean;
  readonly clusters: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly clusterStore: ClusterStore;
  readonly configStore: ConfigStore;
  readonly secrets: ProxySecrets;
  /** TLS to the server, and the proof of who we are; plain text without. */
  readonly secure?: SecureXds;
  readonly identity?: WorkloadIdentity;
  /** The name server beside the proxy, which is told its table. */
  readonly dns?: RunningDns;
  /** What the proxy waits for has come. */
  readonly onNames?: () => void;
};

export type ProxyAds = {
  /** What EDS and RDS shall be asked for. */
  readonly wantEndpoints: (names: readonly string[]) => void;
  readonly wantRoutes: (names: readonly string[]) => void;
  readonly state: () => ConnectionState;
  /** The first answer to each of the wildcard subscriptions has come. */
  readonly started: () => boolean;
  /** That the app behind the proxy is well, or with a reason why it is not. */
  readonly reportHealth: (reason?: string) => void;
  readonly close: () => void;
};

/** The client (and gRPC with it) is loaded here, so that a proxy with a static bootstrap does not carry it. */
export async function subscribeToAds(options: ProxyAdsOptions): Promise<ProxyAds> {
  const { AdsClient } = await import('#xds/client/ads-client.ts');
  // All subscriptions are made in one turn, and given back in it: nothing may be answered before there is somebody to be told of names.
  const names = options.dns === undefined ? undefined : await import('#dns/name-subscription.ts');
  const { target, node, mode, logger, clock, clusterStore, configStore } = options;
  const channel = options.secure === undefined ? undefined : await secureChannel(target, options.secure);
  const way = channel === undefined ? {} : { way: () => channel.way(options.identity?.current(), clock.nowMs()) };
  const client = new AdsClient({ target, node, mode, logger, clock, ...way });
  const answer = (type: string, refusals: readonly Refusal[]): Result<void, readonly Rejection[]> => {
    for (const { resource, message } of refusals) logger.log('warn', 'xDS resource refused', { type, resource, message });
    return refusals.length === 0 ? ok(undefined) : failed(refusals);
  };
  let clustersStarted = !options.clusters;
  let listenersStarted = !options.listeners;
  // In push order, so that the first requests of a stream ask in that order.
  if (options.clusters) {
    client.subscribe(typeUrls.cluster, 'all', ({ updated, removed }) => {
      clustersStarted = true;
      return answer('Cluster', clusterStore.update(updated.values(), removed, false));
    });
  }
  const endpoints = client.subscribe(typeUrls.endpoint, clusterStore.endpointNames(), ({ updated, removed }) =>
    answer('ClusterLoadAssignment', clusterStore.updateEndpoints(updated.values(), removed)),
  );
  if (options.listeners) {
    client.subscribe(typeUrls.listener, 'all', async ({ updated, removed }) => {
      listenersStarted = true;
      return answer('Listener', await configStore.updateListeners(updated.values(), removed, false));
    });
  }
  const routes = client.subscribe(typeUrls.route, configStore.routeNames(), async ({ updated, removed }) =>
    answer('RouteConfiguration', await configStore.updateRoutes(updated.values(), removed)),
  );
  const secrets = client.subscribe(typeUrls.secret, [], ({ updated }) => options.secrets.updateFromAds(updated.values()));
  options.secrets.attachAds((names) => secrets.want(names));
  let namesStarted = options.dns === undefined;
  if (options.dns !== undefined) {
    names?.subscribeToNames(client, options.dns, () => {
      namesStarted = true;
      options.onNames?.();
    });
  }
  return {
    wantEndpoints: endpoints.want,
    wantRoutes: routes.want,
    state: () => client.state,
    started: () => clustersStarted && listenersStarted && namesStarted,
    reportHealth: (reason) => client.reportHealth(reason),
    close: () => {
      client.close();
      channel?.close();
    },
  };
}

async function secureChannel(target: string, files: SecureXds) {
  const { AuthorityChannel } = await import('#ca/client/authority-channel.ts');
  return new AuthorityChannel({ target, serverName: controlPlaneName, ...files });
}
