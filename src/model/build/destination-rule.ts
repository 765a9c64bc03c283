// Destination rules with their host resolved.
import type { KindMap } from '#api/kinds.ts';
import { buildRulePolicy } from '#model/build/destination-rule-policy.ts';
import { visibilityOf } from '#model/build/export-to.ts';
import { resolveHost } from '#model/build/host-resolution.ts';
import type { DestinationRule, RulePolicy } from '#model/destination-rule.ts';
import type { MeshSettings } from '#model/mesh.ts';
import type { Visibility } from '#model/visibility.ts';

type RuleResource = KindMap['DestinationRule'];

export function buildDestinationRule({ metadata, spec, origins }: RuleResource, settings: MeshSettings): DestinationRule {
  const { name, namespace } = metadata;
  const selector = spec.workloadSelector === undefined ? undefined : (spec.workloadSelector.matchLabels ?? {});
  return {
    name,
    namespace,
    host: resolveHost(spec.host, namespace, settings.domain, origins.at(['spec', 'host'])),
    ...given(buildRulePolicy(spec.trafficPolicy, ['spec', 'trafficPolicy'], origins)),
    subsets: (spec.subsets ?? []).map((subset, index) => ({
      name: subset.name,
      labels: subset.labels ?? {},
      ...given(buildRulePolicy(subset.trafficPolicy, ['spec', 'subsets', index, 'trafficPolicy'], origins)),
      origin: origins.at(['spec', 'subsets', index]),
    })),
    ...(selector !== undefined && { workloadSelector: selector }),
    // A rule for chosen clients stays in its namespace, whatever it says. Source: Istio, setDestinationRules.
    visibility: selector === undefined ? visibilityOf(spec.exportTo, namespace, settings.defaultExportTo?.destinationRule) : ownNamespace(namespace),
    origin: origins.start,
  };
}

function given(policy: RulePolicy | undefined): { readonly policy?: RulePolicy } {
  return policy === undefined ? {} : { policy };
}

function ownNamespace(namespace: string): Visibility {
  return { kind: 'namespaces', namespaces: new Set([namespace]) };
}
