// Envoy's SdsSecretConfig in, a secret's name and where it is had out; and which secrets a listener or a cluster needs.
import type { ClusterEntry, UpstreamTls } from '#decide/cluster-entry.ts';
import type { Problems } from '#decide/config-error.ts';
import { durationMs } from '#decide/duration.ts';
import type { ListenerEntry } from '#decide/listener-entry.ts';
import type { DownstreamTls, SecretReference } from '#decide/tls-entry.ts';
import { ApiConfigSource_ApiType as ApiType, type ConfigSource } from '#envoy/gen/envoy/config/core/v3/config_source_pb.js';
import type { SdsSecretConfig } from '#envoy/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';

/** Envoy's for ConfigSource.initial_fetch_timeout. */
const defaultFetchTimeoutMs = 15_000;

/** Without `sds_config` the secret is one of the bootstrap's. Undefined where the source is none that this proxy can ask; reported. */
export function secretReference({ name, sdsConfig }: SdsSecretConfig, field: string, problems: Problems): SecretReference | undefined {
  if (sdsConfig === undefined) return { name, from: 'bootstrap', cluster: '', mode: 'sotw', fetchTimeoutMs: 0 };
  const fetchTimeoutMs = durationMs(sdsConfig.initialFetchTimeout, defaultFetchTimeoutMs);
  const { configSourceSpecifier: source } = sdsConfig;
  if (source.case === 'ads') return { name, from: 'ads', cluster: '', mode: 'sotw', fetchTimeoutMs };
  const server = source.case === 'apiConfigSource' ? sdsServer(sdsConfig) : undefined;
  if (server !== undefined) return { name, from: 'cluster', ...server, fetchTimeoutMs };
  problems.report(`${field}.sds_config`, 'must be ads, or an api_config_source with one envoy_grpc service and api_type GRPC or DELTA_GRPC');
  return undefined;
}

function sdsServer({ configSourceSpecifier: source }: ConfigSource): Pick<SecretReference, 'cluster' | 'mode'> | undefined {
  if (source.case !== 'apiConfigSource') return undefined;
  const { apiType, grpcServices } = source.value;
  const target = grpcServices.length === 1 ? grpcServices[0]?.targetSpecifier : undefined;
  if (target?.case !== 'envoyGrpc' || target.value.clusterName === '') return undefined;
  if (apiType !== ApiType.GRPC && apiType !== ApiType.DELTA_GRPC) return undefined;
  return { cluster: target.value.clusterName, mode: apiType === ApiType.GRPC ? 'sotw' : 'delta' };
}

/** What two references to one secret have in common. */
export function secretKey({ from, cluster, name }: Pick<SecretReference, 'from' | 'cluster' | 'name'>): string {
  return `${from}/${cluster}/${name}`;
}

/** The secrets that a listener's filter chains name, each once. */
export function secretsOfListener({ filterChains, defaultFilterChain }: ListenerEntry): readonly SecretReference[] {
  const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
  return once(chains.flatMap(({ tls }) => (tls === undefined ? [] : secretsOf(tls.certificates, tls.validationSecret))));
}

/** The secrets that a cluster needs to reach any of its endpoints, each once. */
export function secretsOfCluster({ tls, transportChoices }: ClusterEntry): readonly SecretReference[] {
  if (tls === undefined && transportChoices === undefined) return none;
  const all = [tls, ...(transportChoices ?? []).map((choice) => choice.tls)];
  return once(all.flatMap((one) => (one === undefined ? [] : secretsOfUpstream(one))));
}

function secretsOfUpstream({ certificate, validationSecret }: UpstreamTls): readonly SecretReference[] {
  return secretsOf(certificate === undefined ? [] : [certificate], validationSecret);
}

function secretsOf(certificates: DownstreamTls['certificates'], validation: SecretReference | undefined): readonly SecretReference[] {
  const named = certificates.flatMap((source) => (source.kind === 'secret' ? [source.secret] : []));
  return validation === undefined ? named : [...named, validation];
}

const none: readonly SecretReference[] = [];

function once(references: readonly SecretReference[]): readonly SecretReference[] {
  if (references.length === 0) return none;
  return [...new Map(references.map((reference) => [secretKey(reference), reference])).values()];
}
