// Settings of the mesh that do nothing here, and why, where there is a reason to tell.
import type { IdleField } from '#api/istio/written-proxy-config.ts';
import type { KindMap } from '#api/kinds.ts';
import type { Diagnostic } from '#base/diagnostic.ts';

const telemetry = 'it is about telemetry, which this release of Heddle does not do yet';
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
};

/** A field of MeshConfig. */
export function idleSetting(field: string): IdleField {
  const hint = reasons[field];
  return hint === undefined ? { field } : { field, hint };
}

/** HDL0012 for MeshNetworks, which stand beside MeshConfig. */
export function idleNetworks({ data, origins }: KindMap['ConfigMap']): readonly Diagnostic[] {
  const text = data?.['meshNetworks'] ?? '';
  if (/^\s*(networks:\s*\{\}\s*)?$/.test(text)) return [];
  const hint = 'workloads of other networks are called at their own addresses';
  return [{ code: 'HDL0012', severity: 'warning', message: 'MeshNetworks have no effect yet', hint, at: origins.at(['data', 'meshNetworks']) }];
}
