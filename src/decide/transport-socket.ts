// Which transport socket reaches an endpoint: the first of the cluster's transport_socket_matches whose criteria the endpoint's metadata
// (`envoy.transport_socket_match`) has, else the cluster's own. Source: Envoy, TransportSocketMatcherImpl::resolve.
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { ClusterEntry, EndpointEntry, TransportSocketChoice, UpstreamTls } from '#decide/cluster-entry.ts';
import type { Problems } from '#decide/config-error.ts';
import { compileProxyProtocol, compileUpstreamTls } from '#decide/tls-context.ts';
import type { Cluster } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Metadata, TransportSocket } from '#envoy/gen/envoy/config/core/v3/base_pb.js';

const metadataKey = 'envoy.transport_socket_match';

type Transport = { readonly tls?: UpstreamTls; readonly proxyProtocol?: 1 | 2 };

/** One transport socket: TLS, plaintext, or either behind a PROXY protocol header. */
export function compileTransport(socket: TransportSocket | undefined, field: string, problems: Problems): Transport {
  if (socket === undefined) return {};
  const announced = compileProxyProtocol(socket);
  const inner = announced === undefined ? socket : announced.inner;
  const tls = inner === undefined ? undefined : compileUpstreamTls(inner, field, problems);
  return { ...(tls === undefined ? {} : { tls }), ...(announced === undefined ? {} : { proxyProtocol: announced.version }) };
}

/** Undefined where the cluster has none. */
export function compileTransportChoices({ transportSocketMatches }: Cluster, problems: Problems): readonly TransportSocketChoice[] | undefined {
  if (transportSocketMatches.length === 0) return undefined;
  return transportSocketMatches.map(({ name, match, transportSocket }, index) => ({
    name,
    criteria: match ?? {},
    ...compileTransport(transportSocket, `transport_socket_matches[${index}].transport_socket`, problems),
  }));
}

/** What of an endpoint's metadata the choice looks at; undefined where there is nothing. */
export function socketMatchOf(metadata: Metadata | undefined): JsonObject | undefined {
  const found = metadata?.filterMetadata[metadataKey];
  return found === undefined || Object.keys(found).length === 0 ? undefined : found;
}

/** The choice that holds for an endpoint; undefined: the cluster's own transport socket. */
export function chooseTransport({ transportChoices }: ClusterEntry, { socketMatch }: EndpointEntry): TransportSocketChoice | undefined {
  return transportChoices?.find(({ criteria }) => covers(socketMatch ?? {}, criteria));
}

/** The cluster as this endpoint is reached: with the transport socket chosen for it in place of the cluster's own. */
export function clusterAt(cluster: ClusterEntry, endpoint: EndpointEntry): ClusterEntry {
  if (cluster.transportChoices === undefined) return cluster;
  const choice = chooseTransport(cluster, endpoint);
  if (choice === undefined) return cluster;
  const known = made.get(choice);
  if (known?.of === cluster) return known.result;
  const { tls: _tls, proxyProtocol: _version, ...rest } = cluster;
  const { tls, proxyProtocol } = choice;
  const result = { ...rest, ...(tls === undefined ? {} : { tls }), ...(proxyProtocol === undefined ? {} : { proxyProtocol }) };
  made.set(choice, { of: cluster, result });
  return result;
}

/** The last result for each choice: all endpoints with one choice share one entry. */
const made = new WeakMap<TransportSocketChoice, { readonly of: ClusterEntry; readonly result: ClusterEntry }>();

function covers(found: JsonObject, criteria: TransportSocketChoice['criteria']): boolean {
  return Object.entries(criteria).every(([name, wanted]) => sameValue(found[name], wanted));
}

function sameValue(found: JsonValue | undefined, wanted: JsonValue): boolean {
  return found === wanted || (typeof wanted === 'object' && JSON.stringify(found) === JSON.stringify(wanted));
}
