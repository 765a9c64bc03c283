// Destination rules with their host resolved.
import type { TrafficPolicy as WrittenPolicy } from '#api/istio/destination-rule.ts';
import type { KindMap } from '#api/kinds.ts';
import type { FieldOrigins } from '#api/resource.ts';
import { visibilityOf } from '#model/build/export-to.ts';
import { resolveHost } from '#model/build/host-resolution.ts';
import type { Balancing, DestinationRule, TrafficPolicy } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';

type RuleResource = KindMap['DestinationRule'];

export function buildDestinationRule({ metadata, spec, origins }: RuleResource, settings: MeshSettings): DestinationRule {
  const { name, namespace } = metadata;
  return {
    name,
    namespace,
    host: resolveHost(spec.host, namespace, settings.domain, origins.at(['spec', 'host'])),
    policy: trafficPolicy(spec.trafficPolicy, ['spec', 'trafficPolicy'], origins),
    subsets: (spec.subsets ?? []).map((subset, index) => ({
      name: subset.name,
      labels: subset.labels ?? {},
      policy: trafficPolicy(subset.trafficPolicy, ['spec', 'subsets', index, 'trafficPolicy'], origins),
      origin: origins.at(['spec', 'subsets', index]),
    })),
    visibility: visibilityOf(spec.exportTo, namespace),
    origin: origins.start,
  };
}

const balancingKinds: Readonly<Record<string, Balancing['kind']>> = {
  ROUND_ROBIN: 'round-robin',
  LEAST_REQUEST: 'least-request',
  LEAST_CONN: 'least-request',
  RANDOM: 'random',
  PASSTHROUGH: 'passthrough',
};

function trafficPolicy(policy: WrittenPolicy | undefined, path: readonly (string | number)[], origins: FieldOrigins): TrafficPolicy {
  const kind = balancingKinds[policy?.loadBalancer?.simple ?? ''];
  return kind === undefined ? {} : { balancing: { kind, origin: origins.at([...path, 'loadBalancer', 'simple']) } };
}
