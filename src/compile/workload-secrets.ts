// Where a proxy has the certificate and the roots of its own identity from: the SDS server beside it, in the bootstrap's static cluster `sds-grpc`.
// The control plane never holds them.
import { noTimeout } from '#compile/durations.ts';
import { create } from '#envoy/create.ts';
import { ApiConfigSource_ApiType, ApiVersion } from '#envoy/gen/envoy/config/core/v3/config_source_pb.js';
import { type SdsSecretConfig, SdsSecretConfigSchema } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';

/** The bootstrap's static cluster. */
const sdsCluster = 'sds-grpc';

/** The names that Istio's agent answers to for the identity. */
export type WorkloadSecret = 'default' | 'ROOTCA';

/** And for files on the proxy's machine, which it watches. */
export type FileSecret = `file-cert:${string}~${string}` | `file-root:${string}`;

/**
 * `default`: the certificate; `ROOTCA`: the roots. A listener or cluster waits for its secret rather than serving without one. Source: Istio,
 * ConstructSdsSecretConfig.
 */
export function workloadSecret(name: WorkloadSecret): SdsSecretConfig {
  let made = secrets.get(name);
  if (made === undefined) {
    made = create(SdsSecretConfigSchema, { name, sdsConfig: { ...fromAgent, initialFetchTimeout: noTimeout() } });
    secrets.set(name, made);
  }
  return made;
}

/** Files may never come: then the listener goes on without what they are for, after Envoy's own fetch timeout. */
export function fileSecret(name: FileSecret): SdsSecretConfig {
  return create(SdsSecretConfigSchema, { name, sdsConfig: fromAgent });
}

const fromAgent = {
  configSourceSpecifier: {
    case: 'apiConfigSource' as const,
    value: {
      apiType: ApiConfigSource_ApiType.GRPC,
      transportApiVersion: ApiVersion.V3,
      setNodeOnFirstMessageOnly: true,
      grpcServices: [{ targetSpecifier: { case: 'envoyGrpc' as const, value: { clusterName: sdsCluster } } }],
    },
  },
  resourceApiVersion: ApiVersion.V3,
};

/** One of each for all: messages are never changed. */
const secrets = new Map<WorkloadSecret, SdsSecretConfig>();
