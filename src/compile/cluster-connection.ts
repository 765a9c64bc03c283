// How a cluster connects: the time it takes at most, and keep-alive of the sockets. Source: Istio, applyConnectionPool and applyTCPKeepalive.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { duration } from '#compile/durations.ts';
import type { ClusterSchema } from '#envoy/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ConnectionPool, TcpKeepalive } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';

export type ConnectionFields = Pick<MessageInitShape<typeof ClusterSchema>, 'connectTimeout' | 'upstreamConnectionOptions'>;

/** Keep-alive of the pool overrides that of the mesh part by part; parts that neither says are the system's. */
export function connectionFields(pool: ConnectionPool | undefined, settings: MeshSettings): ConnectionFields {
  const { connectTimeoutMs, keepalive } = pool?.tcp ?? {};
  const tcpKeepalive = keepalive ?? settings.tcpKeepalive;
  return {
    connectTimeout: duration(connectTimeoutMs ?? settings.connectTimeoutMs),
    ...(tcpKeepalive !== undefined && {
      upstreamConnectionOptions: { tcpKeepalive: keepaliveFields({ ...settings.tcpKeepalive, ...keepalive }) },
    }),
  };
}

function keepaliveFields({ probes, timeSeconds, intervalSeconds }: TcpKeepalive) {
  return {
    ...(probes !== undefined && { keepaliveProbes: probes }),
    ...(timeSeconds !== undefined && { keepaliveTime: timeSeconds }),
    ...(intervalSeconds !== undefined && { keepaliveInterval: intervalSeconds }),
  };
}
