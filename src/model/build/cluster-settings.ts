// The part of MeshConfig that is about clusters: what holds where no DestinationRule says anything.
import { connectionPool, localityLbSetting, outlierDetection, tcpKeepalive, zoneAwareLbSetting } from '#api/istio/destination-rule.ts';
import { object, oneOf, type Schema, type Static, string } from '#api/schema.ts';
import { validate } from '#api/validate.ts';
import { parseDurationMs } from '#base/duration.ts';
import { formatPath, type Origin } from '#base/origin.ts';
import { buildLocality, buildZoneAware } from '#model/build/destination-rule-balancing.ts';
import { buildConnectionPool, buildOutlierDetection } from '#model/build/destination-rule-policy.ts';
import type { MeshSettings } from '#model/mesh.ts';

type Problem = { readonly field: string; readonly message: string };
type ClusterSettings = Pick<MeshSettings, 'localityBalancing' | 'tcpKeepalive' | 'h2Upgrade' | 'dnsRefreshMs' | 'defaultTrafficPolicy'>;

const schemas = {
  localityLbSetting,
  zoneAwareLbSetting,
  tcpKeepalive,
  h2UpgradePolicy: oneOf('DO_NOT_UPGRADE', 'UPGRADE'),
  dnsRefreshRate: string({ format: 'protobuf-duration' }),
  defaultTrafficPolicy: object({ connectionPool, outlierDetection }),
};

/** The fields of MeshConfig that are read in here. */
export const clusterFields: readonly string[] = Object.keys(schemas);

/** What is not there, or makes no sense, is left to Istio's defaults. `at`: the place of the MeshConfig, which its parts are at too. */
export function readClusterSettings(config: Readonly<Record<string, unknown>>, at: Origin, problems: Problem[]): ClusterSettings {
  const locality = read('localityLbSetting', config, problems);
  const zoneAware = read('zoneAwareLbSetting', config, problems);
  const keepalive = read('tcpKeepalive', config, problems);
  const upgrade = read('h2UpgradePolicy', config, problems);
  const dnsRefreshMs = parseDurationMs(read('dnsRefreshRate', config, problems) ?? '');
  const { connectionPool: pool, outlierDetection: outlier } = read('defaultTrafficPolicy', config, problems) ?? {};
  const tcp = keepalive === undefined ? undefined : buildConnectionPool({ tcp: { tcpKeepalive: keepalive } }, at).tcp;
  return {
    ...(locality !== undefined && { localityBalancing: buildLocality(locality, at) }),
    // It counts before the other one.
    ...(zoneAware !== undefined && { localityBalancing: buildZoneAware(zoneAware, at) }),
    ...(tcp?.keepalive !== undefined && { tcpKeepalive: tcp.keepalive }),
    ...(upgrade === 'UPGRADE' && { h2Upgrade: true }),
    ...(dnsRefreshMs !== undefined && { dnsRefreshMs }),
    ...((pool !== undefined || outlier !== undefined) && {
      defaultTrafficPolicy: {
        ...(pool !== undefined && { connectionPool: buildConnectionPool(pool, at) }),
        ...(outlier !== undefined && { outlierDetection: buildOutlierDetection(outlier, at) }),
      },
    }),
  };
}

function read<Field extends keyof typeof schemas>(
  field: Field,
  config: Readonly<Record<string, unknown>>,
  problems: Problem[],
): Static<(typeof schemas)[Field]> | undefined {
  const value = config[field];
  if (value === undefined || value === null) return undefined;
  const schema: Schema = schemas[field];
  const found = validate(schema, value);
  for (const { path, message } of found) problems.push({ field: formatPath([field, ...path]), message: `is not understood: ${message}` });
  // A value that fits its schema has the schema's type.
  return found.length > 0 ? undefined : (value as Static<(typeof schemas)[Field]>);
}
