// Settings of the mesh that do nothing here, and why, where there is a reason to tell.
import type { IdleField } from '#api/istio/written-proxy-config.ts';

const telemetry = 'it is about telemetry that this release of Heddle does not give yet';
const idleInIstio = 'Istio does not act on it either; leave it out';
const oneCluster = 'it tells services of several clusters apart, and here is one';

const reasons: Readonly<Record<string, string>> = {
  enableTracing: telemetry,
  enableEnvoyAccessLogService: telemetry,
  inboundClusterStatName: telemetry,
  outboundClusterStatName: telemetry,
  serviceSettings: oneCluster,
  serviceScopeConfigs: oneCluster,
  hboneIdleTimeout: 'it is for ambient mode, which Heddle does not do',
  certificates: idleInIstio,
  verifyCertificateAtClient: idleInIstio,
  thriftConfig: idleInIstio,
  ca: idleInIstio,
  enablePrometheusMerge: 'say it of each pod: annotation prometheus.istio.io/merge-metrics: "false"',
};

/** A field of MeshConfig. */
export function idleSetting(field: string): IdleField {
  const hint = reasons[field];
  return hint === undefined ? { field } : { field, hint };
}
