// The labels of Istio's metrics. In: the tags that the loggers of metrics give a series (compile/metric-loggers.ts), and which workload it is that
// reports. Out: all labels as Istio's dashboards, alerts and Kiali read them, in one order. Source: Istio, istio_stats.

/** A workload: what `peer` tags and proxies say of it, `workload;namespace;canonical name;revision;cluster`, perhaps `;app;version`. */
type Peer = {
  readonly workload: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly cluster: string;
  readonly app: string;
  readonly version: string;
};

export type Tags = ReadonlyMap<string, string>;

const unknown = 'unknown';

/** Tags that are no labels: they are spread over several, or say what is left out. */
const spreadTags: ReadonlySet<string> = new Set(['peer', 'service', 'removed']);

/** `own`: who reports, as a `peer` tag. `metric`: its name, which tells requests from connections. Labels in the order in which they are printed. */
export function istioLabels(metric: string, tags: Tags, own: string): ReadonlyMap<string, string> {
  const isDestination = tags.get('reporter') === 'destination';
  const ofTcp = metric.startsWith('istio_tcp_');
  const tag = (name: string): string => tags.get(name) || unknown;
  const sourcePrincipal = tag('source_principal');
  const destinationPrincipal = tag('destination_principal');
  const [reporting, other] = [parsePeer(own, ''), parsePeer(tags.get('peer') ?? '', isDestination ? sourcePrincipal : destinationPrincipal)];
  const [source, destination] = isDestination ? [other, reporting] : [reporting, other];
  const [host = '', name = '', namespace = ''] = (tags.get('service') ?? '').split(';');
  const grpcStatus = tags.get('grpc_response_status') ?? '';
  const labels = new Map<string, string>([
    ['reporter', tag('reporter')],
    ...peerLabels('source', source, sourcePrincipal),
    ...peerLabels('destination', destination, destinationPrincipal),
    ['destination_service', host || unknown],
    ['destination_service_name', name || unknown],
    ['destination_service_namespace', namespace || unknown],
    ['request_protocol', ofTcp ? 'tcp' : grpcStatus === '' ? 'http' : 'grpc'],
    ...(ofTcp
      ? []
      : ([
          ['response_code', tag('response_code')],
          ['grpc_response_status', grpcStatus],
        ] as const)),
    ['response_flags', tag('response_flags')],
    ['connection_security_policy', isDestination ? (sourcePrincipal === unknown ? 'none' : 'mutual_tls') : unknown],
  ]);
  // What a Telemetry sets has the last word, and may be a label of its own.
  for (const [label, value] of tags)
    if (!spreadTags.has(label) && !(label === 'grpc_response_status' && value === '')) labels.set(label, value || unknown);
  for (const label of (tags.get('removed') ?? '').split(' ')) labels.delete(label);
  return labels;
}

function peerLabels(side: 'source' | 'destination', peer: Peer, principal: string): readonly (readonly [string, string])[] {
  return [
    [`${side}_workload`, peer.workload],
    [`${side}_workload_namespace`, peer.namespace],
    [`${side}_principal`, principal],
    [`${side}_app`, peer.app],
    [`${side}_version`, peer.version],
    [`${side}_canonical_service`, peer.name],
    [`${side}_canonical_revision`, peer.revision],
    [`${side}_cluster`, peer.cluster],
  ];
}

/** Of a peer that says nothing, the principal tells the namespace. */
function parsePeer(text: string, principal: string): Peer {
  if (text === '') {
    const namespace = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\//.exec(principal)?.[1] ?? unknown;
    return { workload: unknown, namespace, name: unknown, revision: unknown, cluster: unknown, app: unknown, version: unknown };
  }
  const [workload = '', namespace = '', name = '', revision = '', cluster = '', app = name, version = revision] = text.split(';');
  return {
    workload: workload || unknown,
    namespace: namespace || unknown,
    name: name || unknown,
    revision: revision || 'latest',
    cluster: cluster || unknown,
    app: app || unknown,
    version: version || unknown,
  };
}
